"""Heads turned further: a picture of a face as a camera further to its side would have it.

Photographs of faces are frontal for the most part. The head model (`trainers.data.heads`) gives
each pixel a depth, and the pixels are carried to where they lie on the turned head, the nearer ones
over the farther: as in face profiling (Zhu et al., "Face Alignment Across Large Poses", CVPR 2016,
section 4), with one model for all.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core.head import HEAD_DEPTH
from trainers.data.heads import Head, depth, place_head

_FINER = 2
"""Pixels are carried from a grid that is so much finer, which leaves few holes."""

_WIDEST = 1.2
"""Half width of what turns with the head, in eye distances."""

_REACH = 0.55
"""Over so many eye distances beyond the head the turn fades: hair goes along, walls do not."""

_CHIN, _COLLAR = 1.75, 3.0
"""Between these heights, in eye distances below the eyes, the neck turns less and less."""

_PROFILE = (
    *((-2.2, -0.7), (-1.4, -0.15), (-0.8, 0.0), (-0.3, -0.02), (0.0, -0.16), (0.25, -0.1)),
    *((0.8, 0.0), (0.95, 0.02), (1.1, 0.12), (1.25, 0.1), (1.42, -0.03), (1.7, 0.08)),
    *((1.85, 0.02), (2.05, -0.35), (2.4, -0.7)),
)
"""What a profile's line adds to the model's depth, at heights below the eyes, in eye distances."""

_FEWEST_HELD = 0.5


def turn_head(
    image: NDArray[np.uint8], landmarks: NDArray[np.floating], turn_rad: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Turn a head about its vertical axis by more than it is turned already.

    Args:
        image: RGB, shape (S, S, 3), of a face.
        landmarks: Shape (5, 2) in px.
        turn_rad: Added to the yaw, to the side that the head is turned to, so that nothing comes
            into sight that the old picture does not show; 0 to 0.8 (46 degrees).

    Returns:
        The new picture and its landmarks in px.
    """
    size_px = image.shape[0]
    fine_px = _FINER * size_px
    points = landmarks.astype(np.float64) * _FINER
    head = place_head(points, fine_px, 0.0)
    sign = -1.0 if head.yaw_rad < 0 else 1.0
    new_yaw = head.yaw_rad + sign * turn_rad
    shift, nearness = _shifts(head, head.x, head.seen, head.y, new_yaw)

    larger = cv2.resize(image, (fine_px, fine_px), interpolation=cv2.INTER_CUBIC)
    fine = np.asarray(larger, np.uint8)
    row, column = np.indices(shift.shape, np.float32)
    to_column = column + shift * np.float32(head.across[0])
    to_row = row + shift * np.float32(head.across[1])
    turned, held = _carry(fine, to_column, to_row, nearness)
    small = (size_px, size_px)
    weight = cv2.resize(held, small, interpolation=cv2.INTER_AREA)
    picture = cv2.resize(turned, small, interpolation=cv2.INTER_AREA) / np.maximum(
        weight[..., None], 1e-3
    )
    holes = (weight < _FEWEST_HELD / _FINER**2).astype(np.uint8)
    levels = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    filled = np.asarray(cv2.inpaint(levels, holes, 3, cv2.INPAINT_TELEA), np.uint8)

    at = np.clip(np.floor(points), 0, fine_px - 1).astype(int)
    moved = shift[at[:, 1], at[:, 0]][:, None] * head.across
    return filled, (points + moved) / _FINER


def _shifts(
    head: Head,
    x: NDArray[np.floating],
    seen: NDArray[np.floating],
    y: NDArray[np.floating],
    new_yaw: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return how far across each pixel moves, in eye distances, and how near it is then."""
    old_yaw = head.yaw_rad
    on_head = np.clip(x, -_WIDEST, _WIDEST)
    # The axis: half-way between the ears, which is where heads turn about.
    heights, reliefs = np.array(_PROFILE).T
    profile = np.interp(y, heights, reliefs)
    z = depth(on_head, y) + profile * np.exp(-((on_head / 0.75) ** 2))
    shift = on_head * (np.cos(new_yaw) - np.cos(old_yaw)) + z * (np.sin(new_yaw) - np.sin(old_yaw))
    edge = on_head * np.cos(old_yaw) + (z - HEAD_DEPTH) * np.sin(old_yaw)
    beyond = np.maximum(np.abs(seen - edge) - 0.05, 0) * (np.abs(x) > _WIDEST)
    fade = np.exp(-((beyond / _REACH) ** 2))
    neck = np.clip((_COLLAR - y) / (_COLLAR - _CHIN), 0, 1)
    nearness = (z * np.cos(new_yaw) - on_head * np.sin(new_yaw)) * fade - 3 * (1 - fade)
    return (shift * fade * neck).astype(np.float32), nearness.astype(np.float32)


def _carry(
    image: NDArray[np.uint8],
    to_column: NDArray[np.float32],
    to_row: NDArray[np.float32],
    nearness: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Carry pixels to their new places, the nearest last; return them, and 1 where one came."""
    size_px = image.shape[0]
    near = (nearness - nearness.min()) / max(float(np.ptp(nearness)), 1e-6)
    order = np.argsort((near * 65535).astype(np.uint16), axis=None, kind="stable")
    column = np.rint(to_column).astype(np.int32).ravel()[order]
    row = np.rint(to_row).astype(np.int32).ravel()[order]
    inside = (column >= 0) & (column < size_px) & (row >= 0) & (row < size_px)
    place = (row * size_px + column)[inside]
    turned = np.zeros((size_px * size_px, 3), np.float32)
    held = np.zeros(size_px * size_px, np.float32)
    turned[place] = image.reshape(-1, 3)[order[inside]]
    held[place] = 1
    return turned.reshape(image.shape), held.reshape(image.shape[:2])
