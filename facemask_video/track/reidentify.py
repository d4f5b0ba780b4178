"""Which track that begins goes on with a person who was lost."""

from collections.abc import Sequence

import numpy as np

from facemask_video.track.association import add_appearance_cost, assign, cost_matrix
from facemask_video.track.track import Track


def predecessors(
    lost: Sequence[Track], begun: Sequence[Track], *, bridge_s: float
) -> list[Track | None]:
    """Return, for each track that begins, the lost one that it continues, if any.

    Args:
        lost: Tracks that may have ended before the others begin.
        begun: Tracks that were seen well, confirmed or not: who is not confirmed yet may be the
            better fit.
        bridge_s: See `can_continue`.
    """
    cost = np.full((len(lost), len(begun)), np.inf)
    for row, track in enumerate(lost):
        for column, later in enumerate(begun):
            if can_continue(track, later, bridge_s=bridge_s):
                gap_s = later.first_seen_s - track.last_seen_s
                predicted = track.extrapolated_pose(later.first_seen_s)
                cost[row, column] = cost_matrix([predicted], [later.first_pose], [gap_s])[0, 0]
    known = {at: each.appearance for at, each in enumerate(begun) if each.appearance is not None}
    add_appearance_cost(cost, [track.appearance for track in lost], known)
    found: list[Track | None] = [None] * len(begun)
    for row, column in assign(cost):
        found[column] = lost[row]
    return found


def can_continue(lost: Track, later: Track, *, bridge_s: float) -> bool:
    """Tell whether a track begins in the time in which a lost face may come back.

    Args:
        lost: The lost face's track.
        later: The track that begins.
        bridge_s: Longest time unseen after which a face is still the same person.
    """
    return (
        lost.shot == later.shot
        and not lost.is_continued
        and lost.last_seen_index < later.first_index
        and later.first_seen_s - lost.last_seen_s <= bridge_s + 1e-9
    )
