"""Which detection is which person: one assignment over all pairs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from facemask_video.track.pose import Pose

_IMPOSSIBLE = 1e6

REACH = 0.6
"""How far, in face sizes, a face may be from where it was foretold in the next look."""

REACH_PER_S = 3.0
"""How much farther for each second that it was not seen."""

FARTHEST = 1.6
"""Reach never grows beyond this: there, another person is as likely."""

_SIZE_WEIGHT = 1.0
_LARGEST_SIZE_CHANGE = 0.7
# In log size: a factor of two between two looks is another face.


def cost_matrix(
    foretold: Sequence[Pose], seen: Sequence[Pose], unseen_s: Sequence[float]
) -> NDArray[np.float64]:
    """Return how badly each detection fits each foretold face, shape (foretold, seen).

    The distance of the centres in face sizes plus the difference of the log sizes; infinite beyond
    reach.

    Args:
        foretold: Pose of each track at this time.
        seen: Pose of each detection.
        unseen_s: Time since each track was last seen.
    """
    table = np.full((len(foretold), len(seen)), np.inf)
    for row, (track, gap_s) in enumerate(zip(foretold, unseen_s, strict=True)):
        reach = min(FARTHEST, REACH + REACH_PER_S * gap_s)
        for column, face in enumerate(seen):
            size_px = float(np.exp((track[2] + face[2]) / 2))
            distance = float(np.hypot(track[0] - face[0], track[1] - face[1])) / size_px
            growth = abs(float(track[2] - face[2]))
            if distance <= reach and growth <= _LARGEST_SIZE_CHANGE:
                table[row, column] = distance + _SIZE_WEIGHT * growth
    return table


def assign(table: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pair rows with columns so that the total cost is least (Hungarian method).

    Args:
        table: Costs, shape (rows, columns); infinite where a pair cannot be.

    Returns:
        (row, column) pairs, each row and column at most once, never one of infinite cost.
    """
    if table.size == 0:
        return []
    finite = np.where(np.isfinite(table), table, _IMPOSSIBLE)
    rows, columns = linear_sum_assignment(finite)
    return [
        (int(row), int(column))
        for row, column in zip(rows, columns, strict=True)
        if np.isfinite(table[row, column])
    ]
