"""Puts masks on faces by a generator."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from facemask_video.core.direction import Direction
from facemask_video.core.warp import warp
from facemask_video.translate.stage import CropTranslator
from facemask_video.translate.translator import Translator
from facemask_video.translate.weights import default_weights
from trainers.data.crops import resize_crop
from trainers.evaluate.translate_crops import as_crop, composited_parts
from trainers.pairs.masker import MaskedFace
from trainers.pairs.source_faces import AlignedFace


class GeneratorMasker:
    """Puts on the mask of a generator, as a conversion with default options shows it."""

    def __init__(self, translator: CropTranslator) -> None:
        self._translator = translator

    @classmethod
    def load(cls, weights: Path) -> "GeneratorMasker":
        """Read the weights of a generator.

        Raises:
            WeightsError: They are missing, damaged or made for something else.
        """
        # Single precision on the CPU: what comes out hangs on nothing but the libraries.
        return cls(
            Translator.load(
                weights, direction=Direction.MASK, device=torch.device("cpu"), precision="fp32"
            )
        )

    def masked(self, face: AlignedFace, name: str) -> Iterator[MaskedFace]:
        """Yield the face with the generator's mask, one a face."""
        side, seen_px = face.image.shape[0], self._translator.crop_size_px
        crop = as_crop(resize_crop(face.image, seen_px), face.landmarks * (seen_px / side))
        # One at a time: what else is in a batch may move the last bit of a result.
        [made] = self._translator.translate([crop])
        painted, alpha = composited_parts(made)
        scale = side / seen_px
        to_side = np.array([[scale, 0.0, 0.0], [0.0, scale, 0.0]])
        alpha_at_side = warp(alpha, to_side, width_px=side, height_px=side)
        source = face.image.astype(np.float32)
        blend = source + alpha_at_side[..., None] * (resize_crop(painted, side) - source)
        yield MaskedFace(
            np.rint(blend).clip(0, 255).astype(np.uint8), alpha_at_side, "generator", "right", None
        )


def generator_weights(asked_for: Path | None) -> Path:
    """Return the weights file asked for, or the shipped one."""
    return asked_for or default_weights(Direction.MASK)
