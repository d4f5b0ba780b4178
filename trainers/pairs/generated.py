"""Masks that a generator puts on."""

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
from trainers.pairs.faces import Face
from trainers.pairs.makers import Masked


class GeneratedMasks:
    """The mask of a generator, as a conversion with default options would show it."""

    def __init__(self, translator: CropTranslator) -> None:
        """Take a ``mask`` generator."""
        self._translator = translator

    @classmethod
    def load(cls, weights: Path) -> "GeneratedMasks":
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

    def masked(self, face: Face, name: str) -> Iterator[Masked]:
        """See `Maker`; there is one mask a face."""
        side, seen_px = face.image.shape[0], self._translator.crop_size_px
        crop = as_crop(resize_crop(face.image, seen_px), face.landmarks * (seen_px / side))
        # One at a time: what else is in a batch may move the last bit of a result.
        [made] = self._translator.translate([crop])
        painted, alpha = composited_parts(made)
        scale = side / seen_px
        to_side = np.array([[scale, 0.0, 0.0], [0.0, scale, 0.0]])
        outline = warp(alpha, to_side, width_px=side, height_px=side)
        source = face.image.astype(np.float32)
        blend = source + outline[..., None] * (resize_crop(painted, side) - source)
        yield Masked(
            np.rint(blend).clip(0, 255).astype(np.uint8), outline, "generator", "right", None
        )


def generator_weights(asked_for: Path | None) -> Path:
    """Return the weights file asked for, or the shipped one."""
    return asked_for or default_weights(Direction.MASK)
