"""Hang a painted mask on the ears: straps from its corners over the skin.

Where straps run cannot be read off a bare face, so a generator that learns them blurs them over all
the ways they might. Here each runs from a corner of the mask to where the ear of a head in that
pose is, and is seen as long as skin lies under it: hair, a scarf and the background hide it.
"""

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core import geometry
from facemask_video.core.faces import TranslatedCrop
from facemask_video.core.frame import AlphaF32, ImageU8
from facemask_video.core.head import HEAD_DEPTH, HeadPose, head_pose

_Points = NDArray[np.float64]

# In head coordinates.
_EAR_X, _EAR_Z = 1.17, 0.1
_EAR_TOP, _EAR_BOTTOM = 0.12, 0.62
_SAG = 0.03
_WIDTH = 0.042
_LEAST_LENGTH = 0.05
_CHIN_Y = 1.25

_HIDDEN_FROM = 0.42
"""Sine of the yaw beyond which the far ear, and what hangs on it, is hidden."""

_LEAST_MASK = 0.02
"""Share of the crop that is a mask at all."""

_DARK_CLOTH = 70.0
"""Level under which cloth is dark, and its straps are of the same; others are nearly white."""

_CORNER_SHARE = 0.004
"""Of the mask's pixels: the outermost ones, whose mean is a corner. One alone would tremble."""

_SKIN_SPREAD = (70.0, 8.0, 8.0)
"""In levels of Y, Cr and Cb: how far skin of one face goes from its median in shade and shine."""

_FEWEST_SKIN_PX = 12
_N_STEPS = 16
_FINER = 2
_SHADOW = 0.3
_SOFTNESS_PX = 0.6
"""Without it a strap that is two px wide shows as steps in a face that is larger in the frame."""

_LEAST_SHOWN = 0.002
"""Half a level of a byte."""

_SKIN_SIDE_PX = 64
"""Side of the picture that skin is looked for in: nothing finer than a strap's length matters."""


def hang_straps(crop: TranslatedCrop) -> TranslatedCrop:
    """Add straps to a translated crop that shows a mask; others are returned as they are.

    Args:
        crop: As a generator made it; what its alpha shows is taken for the mask.
    """
    mask = crop.alpha > 0.5
    if mask.mean() < _LEAST_MASK:
        return crop
    points = geometry.apply(crop.source.frame_to_crop, crop.source.face.landmarks)
    pose = head_pose(points)
    skin = _skin_similarity(crop.source.image, mask, pose)
    if skin is None:
        return crop
    straps = np.zeros([_FINER * side for side in mask.shape], np.uint8)
    for line in _lines(mask, pose):
        _draw(straps, line, mask, skin, width_px=_WIDTH * pose.unit_px)
    opacity = cv2.resize(straps, mask.shape[::-1], interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(opacity.astype(np.float32) / 255, (0, 0), _SOFTNESS_PX)
    return _blend(crop, np.asarray(soft, np.float32))


def _lines(mask: NDArray[np.bool_], pose: HeadPose) -> list[_Points]:
    """Return the way of each strap in head coordinates, shape (n, 2), from the mask to the ear."""
    row, column = np.nonzero(mask)
    inside = pose.to_head(np.stack([column + 0.5, row + 0.5], axis=1))
    count = max(1, round(_CORNER_SHARE * len(inside)))
    t = np.linspace(0, 1, _N_STEPS + 1)[:, None]
    lines = []
    for side in (-1, 1):
        if -side * math.sin(pose.yaw_rad) < -_HIDDEN_FROM:
            continue
        x, y = side * inside[:, 0], inside[:, 1]
        ear_x = side * _EAR_X * math.cos(pose.yaw_rad)
        ear_x += (_EAR_Z - HEAD_DEPTH) * math.sin(pose.yaw_rad)
        outward_and_up = x - 0.8 * y
        outward_and_down = x + 0.55 * np.minimum(y, _CHIN_Y) - 10 * (y > _CHIN_Y)
        for score, ear_y in ((outward_and_up, _EAR_TOP), (outward_and_down, _EAR_BOTTOM)):
            corner = inside[np.argpartition(score, -count)[-count:]].mean(axis=0)
            ear = np.array([ear_x, ear_y])
            if side * (ear[0] - corner[0]) < _LEAST_LENGTH:
                continue
            sag = np.array([0.0, _SAG]) * np.sin(math.pi * t)
            lines.append(corner + (ear - corner) * t + sag)
    return [pose.to_picture(line) for line in lines]


def _skin_similarity(
    image: ImageU8, mask: NDArray[np.bool_], pose: HeadPose
) -> NDArray[np.float32] | None:
    """Say in [0, 1] how like the face's skin each pixel of a smaller picture is.

    None where no skin is seen.
    """
    small = (_SKIN_SIDE_PX, _SKIN_SIDE_PX)
    free = cv2.resize(mask.astype(np.uint8), small, interpolation=cv2.INTER_NEAREST) == 0
    colours = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    colours = cv2.cvtColor(colours, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    row, column = np.nonzero(free)
    scale = len(mask) / _SKIN_SIDE_PX
    place = pose.to_head(np.stack([column + 0.5, row + 0.5], axis=1) * scale)
    x, y = np.abs(place[:, 0]), place[:, 1]
    cheeks = (x < 0.75) & (y > 0.12) & (y < 0.5)
    brow = (x < 0.3) & (y > -0.9) & (y < -0.35)
    known = cheeks | brow
    if known.sum() < _FEWEST_SKIN_PX:
        return None
    skin = np.median(colours[row[known], column[known]], axis=0)
    apart = (colours - skin.astype(np.float32)) / np.array(_SKIN_SPREAD, np.float32)
    distance = np.linalg.norm(apart, axis=2)
    similarity = np.exp(-2 * np.maximum(distance - 0.8, 0) ** 2)
    return np.asarray(cv2.GaussianBlur(similarity, (0, 0), 0.5), np.float32)


def _draw(
    canvas: NDArray[np.uint8],
    line: _Points,
    mask: NDArray[np.bool_],
    skin: NDArray[np.float32],
    *,
    width_px: float,
) -> None:
    """Draw a strap as far as skin lies under it; it comes out from under the mask."""
    column, row = np.clip(line.astype(int), 0, len(mask) - 1).T
    shrink = len(mask) / len(skin)
    under = skin[(row / shrink).astype(int), (column / shrink).astype(int)]
    under = np.where(mask[row, column], 1.0, under)
    # What hides a strap hides the rest of it as well.
    shown = np.minimum.accumulate(np.clip((under - 0.25) / 0.3, 0, 1))
    shown = shown * (1 - 0.5 * np.linspace(0, 1, len(line)) ** 3)
    fraction_bits = 4
    fixed = np.round((line * _FINER - 0.5) * 2**fraction_bits).astype(np.int32)
    thickness = max(1, round(width_px * _FINER))
    for index in reversed(range(len(line) - 1)):
        cv2.polylines(
            canvas,
            [fixed[index : index + 2, None]],
            False,
            round(255 * float(min(shown[index : index + 2]))),
            thickness,
            cv2.LINE_AA,
            fraction_bits,
        )


def _blend(crop: TranslatedCrop, straps: AlphaF32) -> TranslatedCrop:
    """Join straps, lit as the skin under them, and their shadow with what was painted."""
    drop_px = max(1, len(straps) // 100)
    x0, y0, width, height = cv2.boundingRect((straps > 0).astype(np.uint8))
    if width == 0:
        return crop
    place = (slice(max(0, y0 - drop_px), y0 + height + 2 * drop_px), slice(x0, x0 + width))
    light = _relative_light(crop)[place][..., None]
    colour = _colour(crop.image[crop.alpha > 0.5])
    free = (1 - crop.alpha[place])[..., None]
    strap = straps[place][..., None] * free
    shadow = cv2.GaussianBlur(np.roll(straps[place], drop_px, axis=0), (0, 0), 0.006 * len(straps))
    shadow = _SHADOW * shadow[..., None] * free * (1 - strap)
    # One picture under one alpha that stands for mask, strap and shadow, over what there was.
    alpha = 1 - free * (1 - strap) * (1 - shadow)
    over = crop.image[place] * (1 - free) * (1 - strap) + colour * light * strap
    image = crop.image.copy()
    joined = np.clip(np.rint(over / np.maximum(alpha, 1e-3)), 0, 255).astype(np.uint8)
    shown = strap + shadow > _LEAST_SHOWN
    image[place] = np.where(shown, joined, image[place])
    whole = crop.alpha.copy()
    whole[place] = np.where(shown, alpha, crop.alpha[place][..., None])[..., 0]
    return replace(crop, image=image, alpha=whole)


def _relative_light(crop: TranslatedCrop) -> NDArray[np.float32]:
    """Return the blurred light of the source against what is usual beside the mask, (S, S)."""
    small = (_SKIN_SIDE_PX // 2, _SKIN_SIDE_PX // 2)
    gray = cv2.resize(crop.source.image, small, interpolation=cv2.INTER_AREA)
    light = cv2.GaussianBlur(gray.astype(np.float32).mean(axis=2), (0, 0), 1.2)
    kept = cv2.resize(crop.alpha, small, interpolation=cv2.INTER_AREA) < 0.1
    usual = float(np.median(light[kept])) if kept.any() else 128.0
    relative = np.clip(light / max(usual, 1.0), 0.45, 1.15)
    return np.asarray(cv2.resize(relative, crop.alpha.shape[::-1]), np.float32)


def _colour(cloth: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the colour, RGB, of the straps of a mask of some cloth, pixels (n, 3)."""
    level = cloth.mean(axis=1)
    if np.median(level) < _DARK_CLOTH:
        return np.asarray(np.median(cloth, axis=0), np.float32)
    bright = cloth[level >= np.percentile(level, 70)].mean(axis=0)
    return np.asarray(np.clip(0.35 * bright + 0.6 * bright.mean(), 0, 250), np.float32)
