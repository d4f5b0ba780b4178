"""The head that a mask is drawn on: where each pixel of a picture lies on it.

The head, its coordinates and its pose are those of `facemask_video.core.head`; here it gets a
surface.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.head import EYE_TO_MOUTH, HEAD_DEPTH, head_pose

Plane = NDArray[np.float32]
"""One value a pixel, shape (S, S)."""

_HEAD_HALF_WIDTH = 1.28
_NOSE_LENGTH = 0.42


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Where each pixel lies on the head, and the pose that says so.

    Attributes:
        x: Of the head's surface; beyond it -9 or 9.
        seen: The same as a picture shows it, without depth; no surface ends it.
        y: Of both.
    """

    x: Plane
    seen: Plane
    y: Plane
    origin: NDArray[np.float64]
    across: NDArray[np.float64]
    down: NDArray[np.float64]
    yaw_rad: float
    px: float

    def project(self, x: float, y: float, z: float | None = None) -> NDArray[np.float64]:
        """Return the pixel (x, y) of a place on (or, with ``z``, off) the head."""
        return self.pixel(self.seen_at(x, y, z), y)

    def seen_at(self, x: float, y: float, z: float | None = None) -> float:
        """Return where across, as `seen` has it, a picture shows a place on (or off) the head."""
        if z is None:
            z = float(depth(np.array([x]), np.array([y]))[0])
        return x * math.cos(self.yaw_rad) + (z - HEAD_DEPTH) * math.sin(self.yaw_rad)

    def pixel(
        self, seen: float | NDArray[np.floating], y: float | NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Return the pixels (..., 2) at places of `seen` and ``y``, numbers or arrays (...)."""
        across = np.multiply.outer(seen, self.across)
        return np.asarray(self.origin + across + np.multiply.outer(y, self.down))


def depth(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return z of the surface at (x, y)."""
    cylinder = HEAD_DEPTH * np.sqrt(np.maximum(1 - (x / _HEAD_HALF_WIDTH) ** 2, 0.0025))
    nose = _NOSE_LENGTH * np.exp(-((x / 0.26) ** 2)) * np.exp(-(((y - 0.62) / 0.42) ** 2))
    return np.asarray(cylinder + nose)


def place_head(landmarks: NDArray[np.floating], size_px: int, lean: float) -> Head:
    """Find pose and size from landmarks (5, 2) in crop px, and carry every pixel to the head.

    Args:
        landmarks: In px.
        size_px: Side of the picture.
        lean: See `MaskStyle`.
    """
    pose = head_pose(landmarks, least_height_px=1.0)
    origin, across, down, unit = pose.origin, pose.right, pose.down, pose.unit_px
    yaw_rad = pose.yaw_rad
    vertical = float(np.clip(pose.height_px, 0.8 * unit, 1.2 * unit))

    grid = np.arange(size_px) + 0.5
    offset = np.stack(np.meshgrid(grid, grid), axis=-1) - origin
    if lean > 0:
        mouth = landmarks[3:].astype(np.float64).mean(axis=0)
        mouth_offset = float((mouth - origin) @ across) / unit
        lean *= float(np.clip(mouth_offset / EYE_TO_MOUTH, -0.5, 0.5))
    seen = (offset @ across / unit).astype(np.float32)
    y = (offset @ down / vertical).astype(np.float32)
    if lean:
        seen -= np.float32(lean) * y
    # Along a row of the head x' = x cos + (z - z0) sin grows with x where the surface is visible;
    # inverting it on a grid of x gives each pixel its place. The nose is left out here: its slope
    # would fold the map, and cloth bridges it anyway.
    x_grid = np.linspace(-_HEAD_HALF_WIDTH, _HEAD_HALF_WIDTH, 129)
    z_grid = HEAD_DEPTH * np.sqrt(np.maximum(1 - (x_grid / _HEAD_HALF_WIDTH) ** 2, 0))
    projected = x_grid * math.cos(yaw_rad) + (z_grid - HEAD_DEPTH) * math.sin(yaw_rad)
    start, stop = _visible(projected)
    x = np.interp(
        seen.ravel(), projected[start:stop], x_grid[start:stop], left=-9.0, right=9.0
    ).reshape(seen.shape)
    leaning_down = down * vertical + across * unit * lean
    return Head(x.astype(np.float32), seen, y, origin, across * unit, leaning_down, yaw_rad, unit)


def _visible(projected: NDArray[np.floating]) -> tuple[int, int]:
    """Return the range of a curve around its middle in which it grows."""
    rising = np.diff(projected) > 0
    middle = len(projected) // 2
    start = middle
    while start > 0 and rising[start - 1]:
        start -= 1
    stop = middle
    while stop < len(rising) and rising[stop]:
        stop += 1
    return start, stop + 1
