"""Which detection is of which track: one assignment over all pairs."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from facemask_video.track.appearance import Appearance, bhattacharyya_distance
from facemask_video.track.pose import Pose

_IMPOSSIBLE = 1e6

_REACH = 0.6
# How far, in face sizes, a face may be from where it was predicted in the next frame.
_REACH_PER_S = 3.0
# How much farther for each second that it was not seen.
_MAX_REACH = 1.6
# Reach never grows beyond this: there, another person is as likely.

_SIZE_WEIGHT = 1.0
_MAX_SIZE_CHANGE = 0.7
# In log size: a factor of two between two frames is another face.

APPEARANCE_WEIGHT = 1.5
"""Two persons in other clothes differ by 0.3 to 0.7: as much as a face's width of distance."""


def cost_matrix(
    predicted: Sequence[Pose], detected: Sequence[Pose], unseen_s: Sequence[float]
) -> NDArray[np.float64]:
    """Return how badly each detection fits each track, shape (tracks, detections).

    The distance of the centres in face sizes plus the difference of the log sizes; infinite beyond
    reach.

    Args:
        predicted: Pose of each track at this time.
        detected: Pose of each detection.
        unseen_s: Time since each track was last seen.
    """
    cost = np.full((len(predicted), len(detected)), np.inf)
    for row, (track, gap_s) in enumerate(zip(predicted, unseen_s, strict=True)):
        reach = min(_MAX_REACH, _REACH + _REACH_PER_S * gap_s)
        for column, face in enumerate(detected):
            size_px = float(np.exp((track[2] + face[2]) / 2))
            distance = float(np.hypot(track[0] - face[0], track[1] - face[1])) / size_px
            growth = abs(float(track[2] - face[2]))
            if distance <= reach and growth <= _MAX_SIZE_CHANGE:
                cost[row, column] = distance + _SIZE_WEIGHT * growth
    return cost


def add_appearance_cost(
    cost: NDArray[np.float64],
    of_tracks: Sequence[Appearance | None],
    of_detections: Mapping[int, Appearance],
) -> None:
    """Add how different each track and detection look, in place, where both are known.

    Args:
        cost: Shape (tracks, detections).
        of_tracks: Appearance of each track, where known.
        of_detections: Appearance of some detections, by column.
    """
    for column, detected in of_detections.items():
        for row, remembered in enumerate(of_tracks):
            if remembered is not None:
                distance = bhattacharyya_distance(remembered, detected)
                cost[row, column] += APPEARANCE_WEIGHT * distance


def assign(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pair rows with columns so that the total cost is least (Hungarian method).

    Args:
        cost: Shape (rows, columns); infinite where a pair cannot be.

    Returns:
        (row, column) pairs, each row and column at most once, never one of infinite cost.
    """
    possible = np.isfinite(cost)
    if not (possible.sum(axis=0) > 1).any() and not (possible.sum(axis=1) > 1).any():
        # Nothing to choose.
        return [(int(row), int(column)) for row, column in zip(*possible.nonzero(), strict=True)]
    # Not before it is needed: its import takes a quarter of a second.
    from scipy.optimize import linear_sum_assignment

    finite = np.where(possible, cost, _IMPOSSIBLE)
    rows, columns = linear_sum_assignment(finite)
    return [
        (int(row), int(column))
        for row, column in zip(rows, columns, strict=True)
        if possible[row, column]
    ]


def ambiguous_columns(cost: NDArray[np.float64]) -> list[int]:
    """Return the columns that could go to several rows, or to a row that could take several."""
    possible = np.isfinite(cost)
    contested = possible.sum(axis=0) > 1
    of_undecided_row = possible[possible.sum(axis=1) > 1].any(axis=0)
    return [int(column) for column in np.flatnonzero(contested | of_undecided_row)]
