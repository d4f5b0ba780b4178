"""Whether a mask covers nose and chin, by the segmentation of the shipped ``unmask``."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from facemask_video.align.template import EYE_DISTANCE, EYE_HEIGHT, TEMPLATE
from facemask_video.core.direction import Direction
from facemask_video.core.errors import WeightsError
from facemask_video.core.frame import AlphaF32, ImageU8
from facemask_video.core.geometry import Points
from facemask_video.core.pixels import to_network
from facemask_video.core.shipped_weights import default_weights
from facemask_video.translate.networks import TwoStageGenerator
from facemask_video.translate.weights import load_generator

# Where the tip of the nose and the chin lie, in eye distances right of the middle and below the
# eyes: (left, right), (top, bottom). The template puts the tip at 0.57, and a mask that begins
# below the nostrils leaves all of this bare. A chin reaches from 1.4 to 1.8, and that of a child is
# nearer still; a mask that ends above 1.25 leaves it bare.
_NOSE = (-0.12, 0.12), (0.55, 0.75)
_CHIN = (-0.25, 0.25), (1.25, 1.4)

_EYE_TO_MOUTH = float(TEMPLATE[3:, 1].mean() - EYE_HEIGHT) / EYE_DISTANCE
# The faces of children and bowed heads are shorter; by how much the mouth tells, within reason.
_SHORTEST = 0.7


@dataclass(frozen=True, slots=True)
class MaskCoverage:
    """Mean probability that a mask covers the tip of the nose and the chin, in [0, 1]."""

    nose_covered: float
    chin_covered: float


class MaskSegmenter:
    """Segments the mask on aligned crops."""

    def __init__(self, device: torch.device) -> None:
        """Load the shipped network.

        Raises:
            WeightsError: The shipped weights are missing, damaged, or segment no mask.
        """
        path = default_weights(Direction.UNMASK)
        network, card = load_generator(path, direction=Direction.UNMASK)
        if not isinstance(network, TwoStageGenerator):
            raise WeightsError(f"{path}: segments no mask; get the shipped weights anew.")
        self._network = network.to(device)
        self._size_px = card.crop_size_px
        self._device = device

    @torch.inference_mode()
    def segment(self, crops: Sequence[ImageU8]) -> list[AlphaF32]:
        """Return, for each aligned RGB crop, the probability of mask at each pixel (S, S)."""
        if not crops:
            return []
        size = (self._size_px, self._size_px)
        small = [
            np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
            for crop in crops
        ]
        logits = self._network.mask_logits(to_network(small, self._device))
        return list(torch.sigmoid(logits.float())[:, 0].cpu().numpy())


def mask_coverage(segmentation: AlphaF32, crop_landmarks: Points) -> MaskCoverage:
    """Read from a segmentation what the mask covers.

    Args:
        segmentation: Probability of mask, shape (S, S), in [0, 1].
        crop_landmarks: Five (x, y) as fractions of the side. Under a mask nose and mouth are
            guesses of the detector, but good enough to tell to which side a head is turned and how
            long a face is.
    """
    in_eyes = (crop_landmarks - np.array([0.5, EYE_HEIGHT])) / EYE_DISTANCE
    mouth_x, mouth_y = in_eyes[3:].mean(axis=0)
    length = float(np.clip(mouth_y / _EYE_TO_MOUTH, _SHORTEST, 1.0))
    return MaskCoverage(
        _mean(segmentation, *_NOSE, shift=in_eyes[2, 0] / 2),
        _mean(segmentation, *_CHIN, shift=mouth_x, stretch=length),
    )


def _mean(
    segmentation: AlphaF32,
    across: tuple[float, float],
    down: tuple[float, float],
    *,
    shift: float,
    stretch: float = 1.0,
) -> float:
    side = segmentation.shape[0]
    left, right = (round((0.5 + (x + shift) * EYE_DISTANCE) * side) for x in across)
    top, bottom = (round((EYE_HEIGHT + y * stretch * EYE_DISTANCE) * side) for y in down)
    # Of a head in profile the place may leave the crop.
    left, right = int(np.clip(left, 0, side - 2)), int(np.clip(right, 2, side))
    return float(segmentation[top:bottom, left:right].mean())
