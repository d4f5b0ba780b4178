"""Samples for the landmark network: faces as the detector crops them, and their points."""

import math
from dataclasses import replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.detect.landmarks import CROP_SCALE, INPUT_PX
from trainers.config import AugmentationConfig
from trainers.data.augment import degrade, fabric_patch, truncate, vary
from trainers.data.crops import CropSet
from trainers.data.garments import draw_garment
from trainers.data.masks import FloatImage, draw_mask
from trainers.data.numbered import NumberedSamples
from trainers.data.styles import random_style

UPRIGHT = AugmentationConfig(
    turn_deg=18, scale=0.12, shift=0.05, color=0.35, degradation=0.5, truncation=0.2
)
BENT = replace(UPRIGHT, turn_deg=26, pitch_deg=30, light=0.3, cast=0.1)

_BENT = 0.5
"""Share of the samples that are bent, and more likely turned: a network that saw upright heads
alone loses the far eye of such heads."""

VARIED_SIZE_PX = 128

_DRAWN = 0.75
"""Share of the samples that wear a drawn mask, and of those the share of real cloth."""
_REAL_CLOTH = 0.4

_WEARING_HIGH, _WEARING_LOOSE, _GARMENTS = 0.15, 0.5, 0.25
"""Shares of the drawn masks, as of `trainers.data.samples.TrainingSamples`."""

_TURNED = 0.5
"""Share of the bent faces taken from the fifth turned farthest."""

_HALF_HIDDEN = 0.15
"""Share of the faces of which something in front hides a side, such as a pillar."""

_BOX_DOWN, _BOX_HALF_SIDE = 0.31, 1.39
"""Where MTCNN's boxes lie, in eye distances: their middle below the eyes', and half of their longer
side. Means over 95 bare and 94 masked photographs of one set; they vary by 0.12."""

_BOX_SHIFT, _BOX_SCALE = 0.08, 0.13
"""How far boxes are varied, standard deviations: shift as a part of the side, log of the size. More
than they err on upright faces: of bent heads they leave the far eye at their edge."""

_COARSE = 0.3
"""Share of the crops that come from a small face."""


class LandmarkSamples(NumberedSamples[tuple[NDArray[np.float32], NDArray[np.float32]]]):
    """A crop (3, s, s) in [-1, 1], and its points (5, 2) as parts of s.

    Of the masked faces only the cloth is used; their points are not to be trusted.
    """

    @cached_property
    def _most_turned(self) -> NDArray[np.intp]:
        return self.bare.most_turned()

    def make(
        self, number: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Show a bare face, in three of four in a drawn mask."""
        bent = rng.random() < _BENT
        index = int(rng.integers(len(self.bare)))
        if bent and rng.random() < _TURNED:
            index = int(rng.choice(self._most_turned))
        augmentation = BENT if bent else UPRIGHT
        picture, points = _varied(self.bare, index, augmentation, rng)
        if rng.random() < _DRAWN:
            cloth = None
            if rng.random() < _REAL_CLOTH:
                masked = int(rng.integers(len(self.masked)))
                cloth = fabric_patch(_varied(self.masked, masked, augmentation, rng)[0], rng)
            style = random_style(rng, wearing_high=_WEARING_HIGH, wearing_loose=_WEARING_LOOSE)
            if rng.random() < _GARMENTS:
                picture = draw_garment(picture, points, style.color, rng, texture=cloth)
            picture, _ = draw_mask(picture, points, style, texture=cloth)
        if rng.random() < augmentation.truncation:
            (picture,) = truncate((picture,), rng)
        if rng.random() < _HALF_HIDDEN:
            before = None
            if rng.random() < 0.4:
                other = int(rng.integers(len(self.masked)))
                before, _ = _varied(self.masked, other, augmentation, rng)
                # Not in the same place, or it would have its own eye where the hidden one is.
                before = np.roll(before, VARIED_SIZE_PX // 2, axis=1)
            picture = _hide_side(picture, points, before, rng)
        if rng.random() < augmentation.degradation:
            picture, _ = degrade(picture, picture, rng)
        crop, points = _detected(picture, points, rng)
        if rng.random() < _COARSE:
            small_px = int(rng.integers(14, 44))
            small = cv2.resize(crop, (small_px, small_px), interpolation=cv2.INTER_AREA)
            crop = np.asarray(cv2.resize(small, (INPUT_PX, INPUT_PX)), np.float32)
        return np.ascontiguousarray(crop.transpose(2, 0, 1) * 2 - 1, dtype=np.float32), points


def _varied(
    faces: CropSet, index: int, augmentation: AugmentationConfig, rng: np.random.Generator
) -> tuple[FloatImage, NDArray[np.float32]]:
    return vary(faces.images[index], faces.landmarks[index], VARIED_SIZE_PX, augmentation, rng)


def _hide_side(
    picture: FloatImage,
    points: NDArray[np.float32],
    before: FloatImage | None,
    rng: np.random.Generator,
) -> FloatImage:
    """Put something before a side of a face, up to its middle or beyond: a picture or a colour."""
    angle = rng.uniform(-0.4, 0.4) + math.pi * float(rng.random() < 0.5)
    eye_distance = float(np.hypot(*(points[1] - points[0])))
    y, x = np.indices(picture.shape[:2], np.float32) + 0.5 - points.mean(axis=0)[::-1, None, None]
    outwards = x * math.cos(angle) + y * math.sin(angle)
    share = np.clip(outwards - rng.uniform(-0.5, 1.0) * eye_distance + 0.5, 0, 1)[..., None]
    thing = rng.uniform(0, 1, 3) if before is None else before
    return np.asarray(picture + share * (thing - picture), np.float32)


def _detected(
    picture: FloatImage, points: NDArray[np.float32], rng: np.random.Generator
) -> tuple[FloatImage, NDArray[np.float32]]:
    """Crop a face as the detector would, more or less; points come in the crop's sides."""
    across = points[1] - points[0]
    down = np.array([-across[1], across[0]])
    middle = (points[0] + points[1]) / 2 + _BOX_DOWN * down
    half = _BOX_HALF_SIDE * max(float(np.hypot(*across)), 1.0)
    half *= float(np.exp(rng.normal(0, _BOX_SCALE)))
    middle = middle + rng.normal(0, _BOX_SHIFT, 2) * 2 * half
    half *= CROP_SCALE
    first = middle - half
    # Reduced by area first, as the detector's crops are; what is left of the map is a shift.
    scale = INPUT_PX / (2 * half)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    reduced = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how)
    shift = np.array([[1.0, 0.0, -first[0] * scale], [0.0, 1.0, -first[1] * scale]])
    crop = cv2.warpAffine(reduced, shift, (INPUT_PX, INPUT_PX), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.float32), np.asarray((points - first) / (2 * half), np.float32)
