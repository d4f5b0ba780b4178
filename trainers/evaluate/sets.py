"""The pictures of an evaluation: held-out crops, exact pairs, and masks drawn on held-out faces."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facemask_video.align.crop import cut_from_image
from facemask_video.core import geometry
from facemask_video.core.errors import ConfigError
from facemask_video.core.warp import warp
from trainers.data.crops import CropSet, cut_folder, resize_crop
from trainers.data.detector import photograph_detector
from trainers.data.extraction import is_extraction, read_extraction
from trainers.data.masks import draw_mask
from trainers.data.styles import random_style
from trainers.evaluate.photographs import PhotoPairs, grown

logger = logging.getLogger(__name__)

Images = NDArray[np.uint8]
"""Shape (n, S, S, 3), RGB."""

Regions = NDArray[np.bool_]
"""Shape (n, S, S)."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Faces with and without a mask, pixel by pixel the same outside it.

    Attributes:
        masked: What goes in; landmarks are those of the bare picture.
        truth: What should come out, shape (n, S, S, 3).
        hidden: Where the mask hides the face, a little beyond its edge, shape (n, S, S).
    """

    masked: CropSet
    truth: Images
    hidden: Regions

    def __len__(self) -> int:
        return len(self.masked)

    @property
    def bare(self) -> CropSet:
        """The bare faces as crops."""
        return CropSet(self.truth, self.masked.landmarks, self.masked.names)


def load_crops(
    source: Path, *, size_px: int, device: torch.device, domain: str | None = None
) -> CropSet:
    """Read a crop set, or cut one from a folder of pictures.

    Args:
        source: A file, a folder of pictures, or a folder that ``facemask-video extract`` made.
        size_px: Side at which the crops are judged.
        device: Where the detector runs.
        domain: Of extracted crops take ``bare`` or ``masked`` ones alone.

    Raises:
        ConfigError: It holds no face, or smaller crops than are judged.
    """
    if not source.is_dir():
        crops = CropSet.load(source)
    else:
        if is_extraction(source):
            crops, skipped = read_extraction(source, largest_px=size_px, domain=domain)
        else:
            crops, skipped = cut_folder(source, photograph_detector(device), crop_size_px=size_px)
        if skipped:
            name, reason = skipped[0]
            logger.warning(
                "%s: left out %d of %d pictures, such as %s: %s.",
                source,
                len(skipped),
                len(skipped) + len(crops),
                name,
                reason,
            )
    if crops.size_px < size_px:
        raise ConfigError(
            f"{source}: crops have {crops.size_px} px, expected at least the generators' "
            f"{size_px}; cut them again with facemask-train crops --size {size_px}."
        )
    return crops


def resized(crops: CropSet, size_px: int) -> CropSet:
    """Return the crops at another side, by the converter's own resampler."""
    if crops.size_px == size_px:
        return crops
    images = np.stack([resize_crop(image, size_px) for image in crops.images])
    return CropSet(images, crops.landmarks, crops.names)


def split(
    crops: CropSet, *, share: float, also: frozenset[str] = frozenset(), where: str
) -> tuple[CropSet, CropSet]:
    """Return the crops that training has set aside, and the others.

    Args:
        crops: All of them.
        share: As in training.
        also: Names set aside besides.
        where: The crops' source, for the message.

    Raises:
        ConfigError: Fewer than two are set aside.
    """
    aside = crops.held_out(share)
    aside |= np.array([name in also for name in crops.names], dtype=bool)
    if aside.sum() < 2:
        raise ConfigError(
            f"{where}: {aside.sum()} of {len(crops)} faces are set aside for evaluation, expected "
            "at least 2; add pictures, or pass --held-out 1 for pictures never trained on."
        )
    return crops.take(aside), crops.take(~aside)


def first(crops: CropSet, limit: int) -> CropSet:
    """Return at most ``limit`` crops, evenly spread over the set; all where it is 0."""
    if not limit or len(crops) <= limit:
        return crops
    chosen = np.zeros(len(crops), dtype=bool)
    chosen[np.linspace(0, len(crops) - 1, limit).round().astype(int)] = True
    return crops.take(chosen)


def cut_pairs(photographs: PhotoPairs, size_px: int) -> Pairs:
    """Cut photographs to aligned crops, both by the landmarks of the bare picture."""
    bare, masked, hidden, landmarks = [], [], [], []
    pictures = zip(photographs.truth, photographs.masked.images, photographs.outlines, strict=True)
    for (true, with_mask, outline), points in zip(
        pictures, photographs.masked.landmarks_px, strict=True
    ):
        cut, to_crop = cut_from_image(true, points, size_px)
        bare.append(cut)
        masked.append(cut_from_image(with_mask, points, size_px)[0])
        region = outline.astype(np.float32)
        cover = warp(region, to_crop, width_px=size_px, height_px=size_px, border="zero")
        hidden.append(grown(cover > 0.5))
        landmarks.append(geometry.apply(to_crop, points) / size_px)
    crops = CropSet(
        np.stack(masked), np.stack(landmarks).astype(np.float32), photographs.masked.names
    )
    return Pairs(crops, np.stack(bare), np.stack(hidden))


def draw_pairs(bare: CropSet, *, seed: int) -> Pairs:
    """Draw a mask of random style on each bare face; face i of a seed gets the same mask always."""
    masked, hidden = [], []
    for number, (image, points) in enumerate(zip(bare.images, bare.landmarks, strict=True)):
        style = random_style(np.random.default_rng((seed, number)))
        picture = image.astype(np.float32) / 255
        drawn, cover = draw_mask(picture, points * bare.size_px, style)
        masked.append(np.rint(drawn * 255).astype(np.uint8))
        hidden.append(grown(cover > 0.05))
    crops = CropSet(np.stack(masked), bare.landmarks, bare.names)
    return Pairs(crops, bare.images, np.stack(hidden))
