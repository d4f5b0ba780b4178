"""Translate crops and composite them as the converter does."""

import numpy as np
from numpy.typing import NDArray

from facemask_video.composite.alpha import clean, coverage_window
from facemask_video.composite.colour_match import match_colour
from facemask_video.composite.grain import GrainMatcher
from facemask_video.config import CompositeConfig
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.faces import Crop, TrackedFace, TrackId, TranslatedCrop
from facemask_video.core.frame import AlphaF32, ImageU8, Patch
from facemask_video.core.geometry import Box, bounding_box
from facemask_video.translate.stage import CropTranslator
from trainers.data.crops import CropSet
from trainers.evaluate.crop_pairs import ImageBatch
from trainers.evaluate.progress import OnDone, unheard

_IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def translate_crops(
    crops: CropSet, translator: CropTranslator, *, batch_size: int, on_done: OnDone = unheard
) -> ImageBatch:
    """Return each crop as a conversion with default options shows it, before resampling.

    Args:
        crops: Of the translator's size.
        translator: The generator.
        batch_size: Crops at once.
        on_done: Called with crops done and in all.
    """
    return translate_with_alpha(crops, translator, batch_size=batch_size, on_done=on_done)[0]


def translate_with_alpha(
    crops: CropSet, translator: CropTranslator, *, batch_size: int, on_done: OnDone = unheard
) -> tuple[ImageBatch, NDArray[np.float32]]:
    """Return what `translate_crops` does, and the alpha (n, S, S) in [0, 1] that was blended in."""
    outputs: list[ImageU8] = []
    alphas: list[AlphaF32] = []
    for start in range(0, len(crops), batch_size):
        batch = [
            # Each a person of its own, who may wear another mask.
            as_crop(crops.images[index], crops.landmarks[index] * crops.size_px, person=index)
            for index in range(start, min(start + batch_size, len(crops)))
        ]
        for crop in translator.translate(batch):
            image, alpha = composited_parts(crop)
            outputs.append(blend(crop.source.image, image, alpha))
            alphas.append(alpha)
        on_done(len(outputs), len(crops))
    return np.stack(outputs), np.stack(alphas)


def as_crop(image: ImageU8, landmarks: NDArray[np.float32], *, person: int = 0) -> Crop:
    """Return an aligned face, landmarks in its px, as if it had been cut out of a frame."""
    points = landmarks.astype(np.float32)
    face = TrackedFace(TrackId(person), bounding_box(points), points, 1.0, observed=True)
    return Crop(np.ascontiguousarray(image), _IDENTITY, face)


def composited_parts(crop: TranslatedCrop) -> tuple[ImageU8, AlphaF32]:
    """Return what a conversion with default options blends in, and its alpha (S, S) in [0, 1]."""
    defaults = CompositeConfig()
    matched = match_colour(crop, defaults.color)
    size_px = crop.source.size_px
    alpha = clean(matched.alpha * coverage_window(size_px, defaults.coverage))
    patch = Patch(Box(0, 0, size_px, size_px), matched.image, alpha)
    if defaults.grain == "auto":
        patch = GrainMatcher().match(patch, matched, ArrayFrame(crop.source.image))
    return patch.image, alpha


def blend(picture: ImageU8, image: ImageU8, alpha: AlphaF32) -> ImageU8:
    """Return a picture under another one of its size, (h, w, 3) both, of opacity (h, w)."""
    below = picture.astype(np.float32)
    mixed = below + alpha[..., None] * (image.astype(np.float32) - below)
    return np.rint(mixed).clip(0, 255).astype(np.uint8)
