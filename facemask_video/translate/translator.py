"""Run a generator on batches of aligned crops."""

from collections.abc import Sequence
from pathlib import Path

import torch

from facemask_video.core.direction import Direction
from facemask_video.core.faces import Crop, TranslatedCrop
from facemask_video.core.pixels import to_alphas, to_images, to_network
from facemask_video.translate.device import DTYPES
from facemask_video.translate.networks import Generator
from facemask_video.translate.weights import WeightsCard, load_generator


class Translator:
    """A generator on a device; give it crops, it gives translations in the same order."""

    def __init__(
        self, network: Generator, card: WeightsCard, *, device: torch.device, precision: str
    ) -> None:
        """Move a loaded network to its device and type.

        Args:
            network: In evaluation mode.
            card: Its card.
            device: Where it runs.
            precision: ``fp32``, ``bf16`` or ``fp16`` (already resolved, not ``auto``).
        """
        self.card = card
        self._device = device
        self._dtype = DTYPES[precision]
        self._network = network.to(device, self._dtype).to(memory_format=torch.channels_last)

    @classmethod
    def load(
        cls, path: Path, *, direction: Direction, device: torch.device, precision: str
    ) -> "Translator":
        """Read weights and prepare them.

        Raises:
            WeightsError: See `load_generator`.
        """
        network, card = load_generator(path, direction=direction)
        return cls(network, card, device=device, precision=precision)

    @property
    def crop_size_px(self) -> int:
        """Side of the crops that it takes."""
        return self.card.crop_size_px

    @torch.inference_mode()
    def translate(self, crops: Sequence[Crop]) -> list[TranslatedCrop]:
        """Translate crops in one batch.

        Args:
            crops: Each of ``crop_size_px``; may be empty.

        Raises:
            ValueError: A crop has another size.
        """
        if not crops:
            return []
        for crop in crops:
            if crop.size_px != self.crop_size_px:
                raise ValueError(
                    f"translate: got a crop of {crop.size_px} px, expected {self.crop_size_px}."
                )
        batch = to_network([crop.image for crop in crops], self._device)
        painted, alpha = self._network(batch.to(self._dtype))
        images, alphas = to_images(painted), to_alphas(alpha)
        return [
            TranslatedCrop(crop, image, opacity)
            for crop, image, opacity in zip(crops, images, alphas, strict=True)
        ]
