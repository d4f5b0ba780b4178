"""Run a generator on batches of aligned crops."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from facemask_video.core.direction import Direction
from facemask_video.core.errors import BrokenCropError, ConfigError
from facemask_video.core.faces import Crop, TranslatedCrop
from facemask_video.core.pixels import to_alphas, to_images, to_network
from facemask_video.core.wording import counted
from facemask_video.translate.device import DTYPES
from facemask_video.translate.ear_straps import hang_straps
from facemask_video.translate.networks import Generator, StyledGenerator, fold_norms
from facemask_video.translate.styles import StylePicker
from facemask_video.translate.weights import WeightsCard, load_generator

PickStyles = Callable[[StyledGenerator, tuple[str, ...], int], StylePicker]
"""Given a styled generator, the names of its styles and the side of its crops, chooses styles."""


class Translator:
    """A generator on a device; give it crops, it gives translations in the same order.

    Attributes:
        card: What its weights file says of itself.
        notes: What the device could not do as it was asked to, for the source at hand.
    """

    def __init__(
        self,
        network: Generator,
        card: WeightsCard,
        *,
        device: torch.device,
        precision: str,
        styles: StylePicker | None = None,
        name: str = "the generator",
    ) -> None:
        """Move a loaded network to its device and type.

        Args:
            network: In evaluation mode.
            card: Its card.
            device: Where it runs.
            precision: ``fp32``, ``bf16`` or ``fp16`` (already resolved, not ``auto``).
            styles: For a styled generator, which mask each person gets.
            name: What errors call it: its weights file.

        Raises:
            ValueError: A styled generator came without ``styles``, or another with them.
        """
        if isinstance(network, StyledGenerator) != (styles is not None):
            raise ValueError("styles: a styled generator needs them, no other can use any.")
        self.card = card
        self.notes: list[str] = []
        self._name = name
        self._fitting: int | None = None
        self._device = device
        self._precision = precision
        self._dtype = DTYPES[precision]
        self._network = network.to(device, self._dtype).to(memory_format=torch.channels_last)
        self._styles = None if styles is None else styles.to(device, self._dtype)

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        direction: Direction,
        device: torch.device,
        precision: str,
        pick_styles: PickStyles | None = None,
    ) -> "Translator":
        """Read weights and prepare them.

        Args:
            path: The weights file.
            direction: What it must be made for.
            device: Where it runs.
            precision: ``fp32``, ``bf16`` or ``fp16``.
            pick_styles: Chooses the styles of a styled generator; None takes `DEFAULT_STYLE`.

        Raises:
            WeightsError: See `load_generator`.
            ConfigError: The weights hold no such style, or no styles while some were asked for.
        """
        network, card = load_generator(path, direction=direction)
        fold_norms(network)
        styles = None
        if isinstance(network, StyledGenerator):
            pick = pick_styles or (lambda net, names, _: StylePicker.of_names(net, names))
            styles = pick(network, card.styles, card.crop_size_px)
        elif pick_styles is not None:
            raise ConfigError(
                f"translate.style: {path} holds no styles; leave --style, --style-seed and "
                "--mask-color out, or take other weights."
            )
        return cls(network, card, device=device, precision=precision, styles=styles, name=str(path))

    def for_source(self, name: str) -> "Translator":
        """Return the same generator for the persons of a source, whose random styles go by it."""
        own = copy.copy(self)
        own.notes = []
        own._styles = None if self._styles is None else self._styles.for_source(name)
        return own

    @property
    def crop_size_px(self) -> int:
        """Side of the crops that it takes."""
        return self.card.crop_size_px

    def translate(self, crops: Sequence[Crop]) -> list[TranslatedCrop]:
        """Translate crops, in one batch where the device's memory holds it, otherwise in parts.

        Args:
            crops: Each of ``crop_size_px``; may be empty.

        Raises:
            ValueError: A crop has another size.
            BrokenCropError: The generator gives values that are no numbers.
            torch.cuda.OutOfMemoryError: The device's memory does not hold a single crop.
        """
        for crop in crops:
            if crop.size_px != self.crop_size_px:
                raise ValueError(
                    f"translate: got a crop of {crop.size_px} px, expected {self.crop_size_px}."
                )
        done: list[TranslatedCrop] = []
        while len(done) < len(crops):
            part = crops[len(done) : len(done) + (self._fitting or len(crops))]
            try:
                done += self._translate_batch(part, first=len(done))
                continue
            except torch.cuda.OutOfMemoryError:
                if len(part) == 1:
                    raise
            # Behind the block: until then the error's frames hold on to the batch.
            self._halve(len(part))
        return done

    def _halve(self, n_crops: int) -> None:
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        self._fitting = (n_crops + 1) // 2
        self.notes = [
            f"the device's memory was full, so at most {counted(self._fitting, 'face')} went "
            "through the generator at once (--batch-size)"
        ]

    @torch.inference_mode()
    def _translate_batch(self, crops: Sequence[Crop], *, first: int) -> list[TranslatedCrop]:
        batch = to_network([crop.image for crop in crops], self._device)
        batch = batch.to(self._dtype)
        if isinstance(self._network, StyledGenerator):
            assert self._styles is not None
            rows = self._styles.rows_of([crop.face.track_id.person for crop in crops])
            painted, alpha = self._network(batch, self._styles.styles[rows])
            painted = self._styles.dye(painted, rows)
        else:
            painted, alpha = self._network(batch)
        self._check(painted, alpha, first)
        images, alphas = to_images(painted), to_alphas(alpha)
        made = [
            TranslatedCrop(crop, image, opacity, is_opaque=self._styles is not None)
            for crop, image, opacity in zip(crops, images, alphas, strict=True)
        ]
        return made if self._styles is None else [hang_straps(crop) for crop in made]

    def _check(self, painted: Tensor, alpha: Tensor, first: int) -> None:
        # As bytes they would be a black or a speckled face, or none at all.
        # A sum is no number where one of its terms is none, and takes one pass.
        total = painted.sum((1, 2, 3), dtype=torch.float32) + alpha.sum(
            (1, 2, 3), dtype=torch.float32
        )
        whole = total.isfinite()
        if bool(whole.all()):
            return
        other = "" if self._precision == "fp32" else "--precision fp32 or "
        raise BrokenCropError(
            f"{self._name}: gives values that are no numbers (NaN or infinite, in "
            f"{self._precision}); take {other}other weights.",
            first + int(whole.int().argmin()),
        )
