"""Puts masks on faces by a generator."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.core.shipped_weights import default_weights
from facemask_video.core.warp import warp
from facemask_video.translate.networks import StyledGenerator
from facemask_video.translate.stage import CropTranslator
from facemask_video.translate.styles import DEFAULT_STYLE, StylePicker
from facemask_video.translate.translator import Translator
from facemask_video.translate.weights import read_card
from trainers.data.crops import resize_crop
from trainers.evaluate.translate_crops import as_crop, composited_parts
from trainers.pairs.masker import MaskedFace
from trainers.pairs.source_faces import AlignedFace


class GeneratorMasker:
    """Puts on masks of a generator, as a conversion with default options shows them.

    Args:
        translator: The generator.
        picker: Its styles; None for a generator that knows one mask.
        per_image: Masks of each face, of different styles while they last.
    """

    def __init__(
        self, translator: CropTranslator, picker: StylePicker | None = None, *, per_image: int = 1
    ) -> None:
        self._translator, self._picker, self._per_image = translator, picker, per_image

    @classmethod
    def load(
        cls, weights: Path, styles: tuple[str, ...] | None, *, per_image: int, seed: int
    ) -> "GeneratorMasker":
        """Read the weights of a generator.

        Args:
            weights: Its file.
            styles: Names of styles that it stores, or ``random`` for all; None takes those that a
                conversion takes.
            per_image: See the class.
            seed: Another seed gives faces other styles.

        Raises:
            WeightsError: The weights are missing, damaged or made for something else.
            ConfigError: They hold no such style, or one mask alone where several were asked for.
        """
        stores_styles = bool(read_card(weights).styles)
        picked: list[StylePicker] = []

        def pick(network: StyledGenerator, names: tuple[str, ...], _: int) -> StylePicker:
            wanted = (DEFAULT_STYLE,) if styles is None else styles
            picked.append(StylePicker.of_names(network, names, wanted, seed=seed))
            return picked[0]

        asks = styles is not None or per_image > 1
        if asks and not stores_styles:
            raise ConfigError(
                f"--styles, --per-image: {weights} knows one mask; leave them out, or take other "
                "weights."
            )
        # Single precision on the CPU: what comes out hangs on nothing but the libraries.
        translator = Translator.load(
            weights,
            direction=Direction.MASK,
            device=torch.device("cpu"),
            precision="fp32",
            pick_styles=pick if stores_styles else None,
        )
        return cls(translator, picked[0] if picked else None, per_image=per_image)

    def masked(self, face: AlignedFace, name: str) -> Iterator[MaskedFace]:
        """Yield the face with each of its masks."""
        first = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
        for person in range(first, first + self._per_image):
            style = "generator"
            if self._picker is not None:
                style = self._picker.names[self._picker.rows_of([person])[0]]
            yield self._with_mask(face, person, style)

    def _with_mask(self, face: AlignedFace, person: int, style: str) -> MaskedFace:
        side, seen_px = face.image.shape[0], self._translator.crop_size_px
        image = resize_crop(face.image, seen_px)
        crop = as_crop(image, face.landmarks * (seen_px / side), person=person)
        # One at a time: what else is in a batch may move the last bit of a result.
        [made] = self._translator.translate([crop])
        painted, alpha = composited_parts(made)
        scale = side / seen_px
        to_side = np.array([[scale, 0.0, 0.0], [0.0, scale, 0.0]])
        alpha_at_side = warp(alpha, to_side, width_px=side, height_px=side)
        source = face.image.astype(np.float32)
        blend = source + alpha_at_side[..., None] * (resize_crop(painted, side) - source)
        return MaskedFace(
            np.rint(blend).clip(0, 255).astype(np.uint8), alpha_at_side, style, "right", None
        )


def generator_weights(asked_for: Path | None) -> Path:
    """Return the weights file asked for, or the shipped one."""
    return asked_for or default_weights(Direction.MASK)
