"""Photographs of masked faces as pairs: where the mask lies, and what the face may be without it.

Every photograph of a mask is a target for a generator that puts masks on. Its input is made by an
unmask generator: the backward cycle of CycleGAN (Zhu et al., ICCV 2017, section 3.2).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from facemask_video.core.frame import ImageU8
from facemask_video.core.pixels import to_images, to_network
from facemask_video.translate.networks import TwoStageGenerator
from trainers.data.crops import CropSet

_BATCH = 8
# As shares of an aligned crop: a region outside this range is no whole mask.
_SMALLEST, _LARGEST = 0.07, 0.36
# Rows and columns that hold the eyes, as shares, and how much of them may be covered.
_EYES = (slice(0.3125, 0.4063), slice(0.2031, 0.797))
_MOST_OF_EYES = 0.12
# Sides of the rectangle about the nose's tip that a mask must reach, as shares.
_NOSE_ACROSS, _NOSE_DOWN = 0.02, 0.024


class Classifier(Protocol):
    """Tells masked faces from bare ones."""

    def masked_scores(self, images: Sequence[ImageU8]) -> list[float]:
        """Return how surely each aligned crop is masked, in [0, 1]."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class MaskPhotographs:
    """Masked faces, where their masks lie, and bare faces for them.

    Attributes:
        masked: Aligned RGB crops, uint8 (n, S, S, 3).
        regions: uint8 (n, S, S), 255 on the mask.
        bare: The same faces without it, uint8 (n, S, S, 3).
        names: Where each comes from.
    """

    masked: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    bare: NDArray[np.uint8]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


def pair_photographs(
    crops: CropSet,
    unmask: TwoStageGenerator,
    classifier: Classifier,
    *,
    size_px: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> MaskPhotographs:
    """Segment the mask on photographs of masked faces, and take it off.

    Left out are those where that failed: the region cannot be a mask that is worn over the nose,
    or the classifier doesn't call the photograph masked and the result bare.

    Args:
        crops: Photographs, of the side that ``unmask`` works at.
        unmask: In evaluation mode, on the CPU.
        classifier: Has the say.
        size_px: Side of the pairs.
        on_progress: Called with photographs done and in all.
    """
    masked, regions, bare, names = [], [], [], []
    for first in range(0, len(crops), _BATCH):
        images = list(crops.images[first : first + _BATCH])
        found, completed = _take_off(images, unmask)
        was = classifier.masked_scores(images)
        now = classifier.masked_scores(completed)
        for at, image in enumerate(images):
            landmarks = crops.landmarks[first + at]
            if was[at] > 0.6 and now[at] < 0.5 and is_proper_mask(found[at], landmarks[2]):
                masked.append(_shrink(image, size_px))
                regions.append(_shrink(found[at], size_px))
                bare.append(_shrink(completed[at], size_px))
                names.append(crops.names[first + at])
        if on_progress is not None:
            on_progress(min(first + _BATCH, len(crops)), len(crops))
    if not names:
        empty = np.zeros((0, size_px, size_px, 3), np.uint8)
        return MaskPhotographs(empty, empty[..., 0], empty, ())
    return MaskPhotographs(np.stack(masked), np.stack(regions), np.stack(bare), tuple(names))


def is_proper_mask(region: NDArray[np.uint8], nose: NDArray[np.floating]) -> bool:
    """Tell whether a region, 255 on the mask, (S, S), can be a mask worn over mouth and nose.

    Args:
        region: In an aligned crop.
        nose: The tip's x and y, as shares of the side.
    """
    side = region.shape[0]
    covered = region > 127
    rows, columns = (slice(round(s.start * side), round(s.stop * side)) for s in _EYES)
    x, y = float(nose[0]) * side, float(nose[1]) * side
    reach_x, reach_y = _NOSE_ACROSS * side, _NOSE_DOWN * side
    near_nose = covered[
        max(0, int(y - reach_y)) : int(y + reach_y) + 1,
        max(0, int(x - reach_x)) : int(x + reach_x) + 1,
    ]
    return bool(
        _SMALLEST < covered.mean() < _LARGEST
        and covered[rows, columns].mean() < _MOST_OF_EYES
        and near_nose.any()
    )


@torch.inference_mode()
def _take_off(
    images: list[ImageU8], unmask: TwoStageGenerator
) -> tuple[list[NDArray[np.uint8]], list[ImageU8]]:
    batch = to_network(images, torch.device("cpu"))
    region = unmask.segment(batch)
    erased, alpha = unmask.erase(region)
    completed = batch + alpha * (unmask.complete(batch, erased) - batch)
    return list((region[:, 0] * 255).round().byte().numpy()), to_images(completed)


def _shrink(image: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    if image.shape[0] == size_px:
        return image
    return np.asarray(cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_AREA), np.uint8)
