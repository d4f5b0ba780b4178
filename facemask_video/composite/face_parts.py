"""Let a translated crop show in chosen parts of the face alone.

The parts are drawn from the five landmarks in units of the distance between the eyes, in the
coordinates of the tilted face. The proportions are those of the alignment template.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facemask_video.composite.alpha import clean, smoothstep
from facemask_video.config import FacePart
from facemask_video.core.faces import Crop, TranslatedCrop, TranslatedFrame
from facemask_video.core.frame import AlphaF32

_FEATHER = 0.12
"""Width of a part's edge, in eye distances; it lies inside the part."""

_MASK_EDGE = 0.28
"""Of the lower face's upper edge below the eyes, in eye distances: above it no mask reaches."""


class KeepToParts:
    """Let each translated crop show in some parts of its face alone; holds nothing.

    Args:
        parts: Joined to one region.
    """

    def __init__(self, parts: Collection[FacePart]) -> None:
        self._parts = tuple(parts)

    def __call__(self, items: Iterable[TranslatedFrame], /) -> Iterator[TranslatedFrame]:
        """Yield each frame with its crops' alphas limited."""
        for item in items:
            crops = tuple(self._limited(crop) for crop in item.crops)
            yield TranslatedFrame(item.frame, crops)

    def _limited(self, crop: TranslatedCrop) -> TranslatedCrop:
        window = part_window(crop.source, self._parts)
        return replace(crop, alpha=clean(crop.alpha) * window)


def part_window(crop: Crop, parts: Collection[FacePart]) -> AlphaF32:
    """Return 1 inside the parts of a face and exactly 0 outside them, with a smooth edge between.

    Args:
        crop: An aligned crop, side S, whose face has its landmarks in frame px.
        parts: See `FacePart`; joined.

    Returns:
        Shape (S, S).
    """
    size_px = crop.size_px
    if "all" in parts:
        return np.ones((size_px, size_px), np.float32)
    points = np.asarray(crop.face.landmarks, np.float64)
    face = _Face.of(points @ crop.frame_to_crop[:, :2].T + crop.frame_to_crop[:, 2])
    across, down = face.coordinates(size_px)
    inside = np.zeros((size_px, size_px), np.float32)
    for part in parts:
        if part in ("lower-face", "upper-face"):
            below = down - _MASK_EDGE
            depth = below if part == "lower-face" else -below
            inside = np.maximum(inside, smoothstep(depth / _FEATHER))
        for ellipse in face.ellipses(part):
            inside = np.maximum(inside, ellipse.inside(across, down))
    return inside


class _Ellipse(NamedTuple):
    """An upright ellipse in the face's coordinates, in eye distances."""

    across: float
    down: float
    half_width: float
    half_height: float

    def inside(self, across: NDArray[np.float64], down: NDArray[np.float64]) -> AlphaF32:
        radius = np.hypot(
            (across - self.across) / self.half_width, (down - self.down) / self.half_height
        )
        depth = (1 - radius) * min(self.half_width, self.half_height)
        return smoothstep(depth / _FEATHER)


class _Face(NamedTuple):
    """Landmarks in the face's own coordinates: eye distances from between the eyes.

    Attributes:
        origin: Between the eyes, in crop px.
        axis: From the left eye to the right one, in crop px.
        points: Shape (5, 2): across and down.
    """

    origin: NDArray[np.float64]
    axis: NDArray[np.float64]
    points: NDArray[np.float64]

    @classmethod
    def of(cls, landmarks: NDArray[np.float64]) -> "_Face":
        origin, axis = landmarks[:2].mean(0), landmarks[1] - landmarks[0]
        # Two eyes in one place, of a face in full profile, span no axis.
        axis = axis if np.hypot(*axis) >= 1 else np.array([1.0, 0.0])
        return cls(origin, axis, _in_axes(landmarks - origin, axis))

    def coordinates(self, size_px: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return across and down of each pixel's centre, shapes (size_px, size_px)."""
        y, x = np.mgrid[0:size_px, 0:size_px] + 0.5
        moved = _in_axes(np.stack([x, y], axis=-1) - self.origin, self.axis)
        return moved[..., 0], moved[..., 1]

    def ellipses(self, part: FacePart) -> list[_Ellipse]:
        eyes, nose, corners = self.points[:2], self.points[2], self.points[3:]
        mouth_width = float(np.ptp(corners[:, 0]))
        mouth_x, mouth_y = corners.mean(0)
        match part:
            case "eyes":
                return [_Ellipse(x, y, 0.34, 0.2) for x, y in eyes]
            case "eyebrows":
                return [_Ellipse(x, y - 0.34, 0.42, 0.18) for x, y in eyes]
            case "nose":
                # From the bridge to below the nostrils, over both of them.
                return [_Ellipse(nose[0] * 0.7, nose[1] * 0.68, 0.34, nose[1] * 0.66)]
            case "mouth":
                return [_Ellipse(mouth_x, mouth_y, max(0.72 * mouth_width, 0.4), 0.36)]
            case _:
                return []


def _in_axes(offsets: NDArray[np.float64], axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Express offsets, shape (..., 2), along an axis and across it, in lengths of the axis."""
    along = axis / (axis @ axis)
    both = np.stack([along, [-along[1], along[0]]], axis=-1)
    return np.asarray(offsets @ both, np.float64)
