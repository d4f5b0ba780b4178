"""Binary masks of the parts of a face, and the landmark picture on black, from five landmarks.

Everything is drawn in the aligned crop, in eye distances about the landmarks that lie there, so it
follows the face as far as five points can. They say nothing of the jaw, which is the template's.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.align.template import EYE_DISTANCE, EYE_HEIGHT
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Points

# Sub-pixel bits of OpenCV's drawing.
_SHIFT = 4

_EYE_HALF_AXES = (0.30, 0.17)
_MOUTH_HALF_AXES = (0.25, 0.24)
# The mouth's corners lie inside its ellipse: this much is added to the half-width, first number.

# Half of the face's contour below the eyes, right of the middle, in eye distances: from the
# cheekbone along the jaw to the chin.
_JAW = ((0.98, 0.25), (0.95, 0.75), (0.84, 1.15), (0.62, 1.5), (0.34, 1.74), (0.0, 1.8))

_COLOURS = {
    "contour": (255, 255, 255),
    "eyes": (0, 160, 255),
    "nose": (0, 255, 90),
    "mouth": (255, 60, 60),
}


def part_mask(part: str, landmarks: Points, size_px: int) -> NDArray[np.uint8]:
    """Return where a part of the face lies, 0 or 255, shape (S, S).

    Args:
        part: ``eyes``, ``nose``, ``mouth`` or ``lower-face`` (what a mask covers: from the bridge
            of the nose over the cheeks to the chin).
        landmarks: Five (x, y) in the crop.
        size_px: Side of the crop.
    """
    plane = np.zeros((size_px, size_px), np.uint8)
    for shape in _contours(part, landmarks, size_px):
        cv2.fillPoly(plane, [_fixed_point(shape)], 255, shift=_SHIFT)
    return plane


def landmark_picture(landmarks: Points, size_px: int) -> ImageU8:
    """Return the face's lines on black, RGB, shape (S, S, 3)."""
    picture = np.zeros((size_px, size_px, 3), np.uint8)
    width = max(1, round(size_px / 128))
    contour = _ellipse((0.5, EYE_HEIGHT + 0.5 * EYE_DISTANCE), (0.98, 1.3), size_px)
    lines: list[tuple[str, Points, bool]] = [("contour", contour, True)]
    lines += [("eyes", shape, True) for shape in _contours("eyes", landmarks, size_px)]
    lines += [("mouth", shape, True) for shape in _contours("mouth", landmarks, size_px)]
    bridge = landmarks[:2].mean(axis=0)
    lines.append(("nose", np.array([bridge, landmarks[2]]), False))
    for name, shape, closed in lines:
        cv2.polylines(
            picture, [_fixed_point(shape)], closed, _COLOURS[name], width, cv2.LINE_AA, shift=_SHIFT
        )
    return picture


def _contours(part: str, landmarks: Points, size_px: int) -> Sequence[Points]:
    unit = EYE_DISTANCE * size_px
    left, right, tip, mouth_left, mouth_right = landmarks
    if part == "eyes":
        return [_ellipse(tuple(eye / size_px), _EYE_HALF_AXES, size_px) for eye in (left, right)]
    if part == "mouth":
        half_width = float(np.hypot(*(mouth_right - mouth_left))) / 2 / unit + _MOUTH_HALF_AXES[0]
        middle = (mouth_left + mouth_right) / 2 / size_px
        return [_ellipse(tuple(middle), (half_width, _MOUTH_HALF_AXES[1]), size_px)]
    bridge = (left + right) / 2
    if part == "nose":
        corners = ((-0.12, 0.05), (0.12, 0.05), (0.20, 0.38), (0.36, 0.60))
        chin = ((0.26, 0.78), (-0.26, 0.78), (-0.36, 0.60), (-0.20, 0.38))
        # The wings follow the tip, the root stays between the eyes.
        lean = (tip - bridge) / unit - np.array([0.0, 0.57])
        points = np.array([*corners, *chin])
        follows = np.clip(points[:, 1:] / 0.57, 0, 1)
        return [bridge + unit * (points + follows * lean)]
    if part == "lower-face":
        jaw = np.array(_JAW)
        other = (jaw * [-1, 1])[::-1][1:]
        top = np.array([(-0.22, 0.42), (0.0, 0.33), (0.22, 0.42)])
        middle = np.array([0.5, EYE_HEIGHT]) * size_px
        return [middle + unit * np.vstack([jaw, other, top])]
    raise ValueError(f"part_mask: got {part!r}, expected eyes, nose, mouth or lower-face.")


def _ellipse(
    centre: Sequence[float], half_axes: tuple[float, float], size_px: int
) -> NDArray[np.float64]:
    """Return an upright ellipse's contour in px; centre in parts of the side, axes in eyes."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    round_ = np.stack([np.cos(turn) * half_axes[0], np.sin(turn) * half_axes[1]], axis=1)
    return (np.asarray(centre) + round_ * EYE_DISTANCE) * size_px


def _fixed_point(points: Points) -> NDArray[np.int32]:
    """Return points for OpenCV, which counts from the middle of the first pixel."""
    return np.asarray(np.rint((points - 0.5) * 2**_SHIFT), np.int32)
