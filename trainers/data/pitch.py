"""Heads bowed or raised: a picture of a face as a camera a little higher or lower would have it.

The head model (`trainers.data.heads`) gives each pixel a depth, and the head turns about the line
through its eyes: the nose comes down on the lip, ears rise, the chin withdraws.
"""

import numpy as np
from numpy.typing import NDArray

from trainers.data.heads import Plane, depth, place_head

_WIDEST = 1.1
"""Half width of what turns with the head, in eye distances; beyond, depth would fall steeply."""

_STEPS = 8
"""Of the fixed point that inverts the turn. Its slope is below 0.6, so 2 % of the way are left."""


def pitch_head(
    landmarks: NDArray[np.floating], size_px: int, pitch_rad: float
) -> tuple[Plane, Plane, NDArray[np.float64]]:
    """Tell where the pixels of a turned head come from.

    Args:
        landmarks: Shape (5, 2) in px of a square picture.
        size_px: Its side.
        pitch_rad: How far the head is bowed; raised where negative. At most 0.61 (35 degrees):
            beyond, the nose would hide the lip, which no map of one picture can show.

    Returns:
        For each pixel of the new picture the column and the row of the old one that it shows, each
        (S, S), as `cv2.remap` reads them; and the landmarks in px of the new picture.
    """
    head = place_head(landmarks, size_px, 0.0)
    sin, cos = np.sin(pitch_rad), np.cos(pitch_rad)

    def towards_viewer(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.floating]:
        x = np.clip(x, -_WIDEST, _WIDEST)
        return np.asarray(depth(x, y) * np.cos(head.yaw_rad) - x * np.sin(head.yaw_rad))

    axis = towards_viewer(np.zeros(1), np.full(1, -9.0))
    y: NDArray[np.floating] = head.y
    for _ in range(_STEPS):
        y = (head.y - (towards_viewer(head.x, y) - axis) * sin) / cos
    rise = np.asarray(y - head.y, np.float32)
    row, column = np.indices(rise.shape, np.float32)
    from_column = column + rise * np.float32(head.down[0])
    from_row = row + rise * np.float32(head.down[1])

    old = landmarks.astype(np.float64)
    at_x, at_y = np.clip(np.floor(old), 0, size_px - 1).astype(int).T
    x, y = head.x[at_y, at_x], head.y[at_y, at_x]
    fall = y * cos + (towards_viewer(x, y) - axis) * sin - y
    return from_column, from_row, old + fall[:, None] * head.down
