"""Bring a translated crop back to the pixels of its frame."""

import math

import cv2
import numpy as np

from facemask_video.composite.alpha import clean, coverage_window, smoothstep
from facemask_video.core import geometry
from facemask_video.core.faces import TranslatedCrop
from facemask_video.core.frame import AlphaF32, ImageU8, Patch
from facemask_video.core.geometry import Affine, Box
from facemask_video.core.warp import warp

_Place = tuple[slice, slice]
"""Rows and columns of a crop."""

SHARPNESS = 0.6
"""Default of ``sharpness``. A crop pasted back unchanged with it comes 0.5 to 1.7 dB closer to the
pixels it was cut from than without, for faces of 0.9 to 3.7 times the crop's size; at 1 some of the
gain is lost again."""

# Width of the blur that cutting a crop and enlarging it leave behind, in crop px.
_RESAMPLING_SIGMA_PX = 0.7

# Levels by which sharpening may leave the range of a pixel's neighbours. Without a bound the rim of
# a mask gets a halo; 0 costs a third of the gain, 4 a tenth.
_HALO = 4.0

# An edge keeps some of its enlarged width in close-ups: steps of the crop's px would show.
_STEEPEST = 3.0

# Under this alpha a generator has little reason to get its colours right.
_TRUSTED_ALPHA = 0.1


def make_patch(
    crop: TranslatedCrop,
    *,
    frame_width_px: int,
    frame_height_px: int,
    coverage: float,
    sharpness: float = SHARPNESS,
) -> Patch | None:
    """Warp a translated crop into the frame's pixels, with nothing rounded on the way.

    Convention: the patch's box is the smallest whole-pixel rectangle of the frame that holds every
    pixel with alpha > 0; outside it this face changes nothing.

    Args:
        crop: What the generator made, its ``source.frame_to_crop`` saying where it came from.
        frame_width_px: Width of the frame as displayed.
        frame_height_px: Height of the frame as displayed.
        coverage: Share of the crop's side that may change, in (0, 1]; see `coverage_window`.
        sharpness: How far to undo the blur of being resampled twice, >= 0; 0 leaves it.

    Returns:
        The patch, or None where nothing changes or the crop lies outside the frame.
    """
    size_px = crop.source.size_px
    alpha = clean(crop.alpha * coverage_window(size_px, coverage))
    if not alpha.any():
        return None
    crop_to_frame = geometry.invert(crop.source.frame_to_crop)
    box = _footprint(alpha, crop_to_frame, frame_width_px, frame_height_px)
    if box.area_px2 == 0:
        return None
    crop_to_box = geometry.compose(crop_to_frame, geometry.translation(-box.x0, -box.y0))
    width_px, height_px = int(box.width_px), int(box.height_px)
    placed = warp(alpha, crop_to_box, width_px=width_px, height_px=height_px, border="zero")
    if crop.is_opaque:
        placed = _steepened(placed, geometry.scale_of(crop_to_frame))
    placed = clean(placed)
    rows, columns = np.flatnonzero(placed.any(axis=1)), np.flatnonzero(placed.any(axis=0))
    if not rows.size:
        return None
    place = _part_that_shows(alpha, crop_to_frame)
    drawn = crop.source.image.copy()
    drawn[place] = _sharpened(_with_trusted_colours(crop, place), sharpness)
    image = warp(drawn, crop_to_box, width_px=width_px, height_px=height_px, sharp=True)
    y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return Patch(
        Box(box.x0 + x0, box.y0 + y0, box.x0 + x1, box.y0 + y1),
        np.ascontiguousarray(image[y0:y1, x0:x1]),
        np.ascontiguousarray(placed[y0:y1, x0:x1]),
    )


def _footprint(alpha: AlphaF32, crop_to_frame: Affine, width_px: int, height_px: int) -> Box:
    """Return the whole-pixel box of the frame that alpha > 0 can reach through the resampler."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    # Bilinear taps reach one px beyond a sample: of the crop where it grows, and of the frame
    # (area averages, and bilinear once more) where it shrinks.
    opaque = Box(columns[0] - 1, rows[0] - 1, columns[-1] + 2, rows[-1] + 2)
    reached = geometry.bounding_box(geometry.apply(crop_to_frame, geometry.corners(opaque)))
    grown = Box(reached.x0 - 2, reached.y0 - 2, reached.x1 + 2, reached.y1 + 2)
    return geometry.round_out(geometry.clip(grown, width_px, height_px))


def _steepened(alpha: AlphaF32, scale: float) -> AlphaF32:
    """Give an edge that was enlarged the width in px that it had in the crop."""
    slope = min(max(scale, 1.0), _STEEPEST)
    return np.asarray(np.clip(0.5 + slope * (alpha - 0.5), 0, 1), np.float32)


def _part_that_shows(alpha: AlphaF32, crop_to_frame: Affine) -> _Place:
    """Return the part of the crop that can colour a frame's pixel which shows some of it."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    # Alpha spreads by two samples where it is resampled, bicubic taps reach two further and
    # sharpening three: samples of the crop, or of what it was reduced to.
    reach_px = 3 + math.ceil(5 / min(1.0, geometry.scale_of(crop_to_frame)))
    y0, y1 = max(0, int(rows[0]) - reach_px), int(rows[-1]) + 1 + reach_px
    x0, x1 = max(0, int(columns[0]) - reach_px), int(columns[-1]) + 1 + reach_px
    return slice(y0, y1), slice(x0, x1)


def _with_trusted_colours(crop: TranslatedCrop, place: _Place) -> ImageU8:
    """Fall back to the source's colours where alpha is nearly 0.

    A generator is free to draw anything where its alpha hides it. Resampling mixes neighbours, and
    would carry such colours into the edge of what shows.
    """
    trust = smoothstep(crop.alpha[place] / _TRUSTED_ALPHA)
    source = np.ascontiguousarray(crop.source.image[place])
    change = cv2.subtract(np.ascontiguousarray(crop.image[place]), source, dtype=cv2.CV_32F)
    cv2.multiply(change, cv2.merge([trust] * 3), dst=change)
    return np.asarray(cv2.add(source, change, dtype=cv2.CV_8U), np.uint8)


def _sharpened(image: ImageU8, sharpness: float) -> ImageU8:
    """Return an image under an unsharp mask that stays within the range of its neighbours."""
    if sharpness == 0:
        return image
    levels = image.astype(np.float32)
    blurred = cv2.GaussianBlur(levels, (0, 0), _RESAMPLING_SIGMA_PX)
    sharp = cv2.addWeighted(levels, 1 + sharpness, blurred, -sharpness, 0, dtype=cv2.CV_8U)
    near, halo = np.ones((3, 3), dtype=np.uint8), (_HALO,) * 4
    low = cv2.subtract(cv2.erode(image, near), halo)  # type: ignore[call-overload]
    high = cv2.add(cv2.dilate(image, near), halo)  # type: ignore[call-overload]
    return np.asarray(cv2.min(cv2.max(sharp, low), high), np.uint8)
