"""Samples for the mask classifier: aligned crops, and whether they show a mask."""

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.classify.mask_classifier import INPUT_SIZE_PX
from trainers.config import AugmentationConfig
from trainers.data.augment import degrade, vary
from trainers.data.masks import draw_mask
from trainers.data.numbered import NumberedSamples
from trainers.data.styles import random_style

AUGMENTATION = AugmentationConfig(turn_deg=12, scale=0.15, shift=0.06, color=0.35, degradation=0.4)
"""Wider than the generators': the classifier also sees crops that were aligned badly."""

_VARIED_SIZE_PX = 96
_DRAWN = 0.3
"""Share of the masked samples that are drawn: cloth that no photograph in the set shows."""


class MaskClassifierSamples(NumberedSamples[tuple[NDArray[np.float32], np.float32]]):
    """A picture (3, S, S) in [-1, 1], and 1 where it is masked."""

    def make(self, number: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], np.float32]:
        """Show a bare face or, every second time, one that is masked or wears a drawn mask."""
        is_masked = number % 2 == 1
        drawn = is_masked and rng.random() < _DRAWN
        crops = self.masked if is_masked and not drawn else self.bare
        index = int(rng.integers(len(crops)))
        picture, landmarks = vary(
            crops.images[index], crops.landmarks[index], _VARIED_SIZE_PX, AUGMENTATION, rng
        )
        if drawn:
            picture, _ = draw_mask(picture, landmarks, random_style(rng))
        if rng.random() < AUGMENTATION.degradation:
            picture, _ = degrade(picture, picture, rng)
        return classifier_input(picture), np.float32(is_masked)


def classifier_input(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reduce a picture (S, S, 3) in [0, 1] to what the classifier sees, (3, s, s) in [-1, 1]."""
    small = cv2.resize(picture, (INPUT_SIZE_PX, INPUT_SIZE_PX), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small.transpose(2, 0, 1) * 2 - 1, dtype=np.float32)
