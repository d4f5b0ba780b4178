"""Pairs of aligned crops with ground truth: cut from photographs, or masks drawn on bare faces."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemask_video.align.crop import align_face_in_image
from facemask_video.core import geometry
from facemask_video.core.warp import warp
from trainers.data.crops import CropSet, resize_crop
from trainers.data.masks import draw_mask
from trainers.data.styles import random_style
from trainers.evaluate.photo_pairs import PhotoPairs, dilated

ImageBatch = NDArray[np.uint8]
"""Shape (n, S, S, 3), RGB."""

RegionBatch = NDArray[np.bool_]
"""Shape (n, S, S)."""


@dataclass(frozen=True, slots=True, eq=False)
class CropPairs:
    """Faces with and without a mask, pixel by pixel the same outside it.

    Attributes:
        masked: Inputs; landmarks are those of the bare picture.
        truth: Ground truth, shape (n, S, S, 3).
        hidden: Where the mask hides the face, a little beyond its edge, shape (n, S, S).
    """

    masked: CropSet
    truth: ImageBatch
    hidden: RegionBatch

    def __len__(self) -> int:
        return len(self.masked)

    @property
    def bare(self) -> CropSet:
        """The bare faces as crops."""
        return CropSet(self.truth, self.masked.landmarks, self.masked.names)


def resized(crops: CropSet, size_px: int) -> CropSet:
    """Return the crops at another side, by the converter's own resampler."""
    if crops.size_px == size_px:
        return crops
    images = np.stack([resize_crop(image, size_px) for image in crops.images])
    return CropSet(
        images,
        crops.landmarks,
        crops.names,
        track_frames=crops.track_frames,
        sources=crops.sources,
    )


def crop_photo_pairs(photographs: PhotoPairs, size_px: int) -> CropPairs:
    """Cut photographs to aligned crops, both by the landmarks of the bare picture."""
    bare, masked, hidden, landmarks = [], [], [], []
    pictures = zip(
        photographs.truth, photographs.masked.images, photographs.segmentations, strict=True
    )
    for (true, with_mask, segmentation), points in zip(
        pictures, photographs.masked.landmarks_px, strict=True
    ):
        crop, to_crop = align_face_in_image(true, points, size_px)
        bare.append(crop)
        masked.append(align_face_in_image(with_mask, points, size_px)[0])
        region = segmentation.astype(np.float32)
        warped = warp(region, to_crop, width_px=size_px, height_px=size_px, border="zero")
        hidden.append(dilated(warped > 0.5))
        landmarks.append(geometry.apply(to_crop, points) / size_px)
    crops = CropSet(
        np.stack(masked), np.stack(landmarks).astype(np.float32), photographs.masked.names
    )
    return CropPairs(crops, np.stack(bare), np.stack(hidden))


def draw_mask_pairs(bare: CropSet, *, seed: int) -> CropPairs:
    """Draw a mask of random style on each bare face; face i of a seed gets the same mask always."""
    masked, hidden = [], []
    for number, (image, points) in enumerate(zip(bare.images, bare.landmarks, strict=True)):
        style = random_style(np.random.default_rng((seed, number)))
        picture = image.astype(np.float32) / 255
        drawn, alpha = draw_mask(picture, points * bare.size_px, style)
        masked.append(np.rint(drawn * 255).astype(np.uint8))
        hidden.append(dilated(alpha > 0.05))
    crops = CropSet(np.stack(masked), bare.landmarks, bare.names)
    return CropPairs(crops, bare.images, np.stack(hidden))
