"""Tell a masked face from a bare one.

A small classifier of aligned crops, trained by ``facemask-train mask-classifier``. The converter
lets it vote over a track, so that ``unmask`` touches only masked faces and ``mask`` only bare ones.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from facemask_video.align.template import ALIGNMENT_ID
from facemask_video.core.frame import ImageU8
from facemask_video.core.network_file import read_network_file, write_network_file
from facemask_video.core.pixels import to_network
from facemask_video.core.shipped_weights import SHIPPED

FORMAT = "facemask-gate/1"
CROP_SIZE_PX = 128
"""Side of the crops it is shown, whatever a generator works on, so that verdicts are the same."""

INPUT_SIZE_PX = 64
"""Crops are reduced to this side first: what tells a mask is coarse."""


class MaskClassifierNetwork(nn.Module):
    """Logit that a crop shows a masked face: (n, 3, S, S) in [-1, 1] to (n,)."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        widths = [3, width, 2 * width, 4 * width, 4 * width]
        layers: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            layers += [
                nn.Conv2d(narrow, wide, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(wide),
                nn.ReLU(inplace=True),
            ]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1] * (INPUT_SIZE_PX // 16) ** 2, 1)
        self.width = width

    def forward(self, image: Tensor) -> Tensor:
        """Return logits, shape (n,)."""
        if image.shape[-1] != INPUT_SIZE_PX:
            image = functional.interpolate(
                image,
                size=(INPUT_SIZE_PX, INPUT_SIZE_PX),
                mode="bilinear",
                antialias=True,
                align_corners=False,
            )
        features = functional.dropout(self.body(image).flatten(1), 0.3, self.training)
        return self.head(features)[:, 0]  # type: ignore[no-any-return]


class MaskClassifier:
    """A trained classifier on a device."""

    crop_size_px = CROP_SIZE_PX

    def __init__(self, network: MaskClassifierNetwork, *, device: torch.device) -> None:
        self._network = network.to(device).eval().requires_grad_(False)
        self._device = device

    @classmethod
    def load(cls, path: Path, *, device: torch.device) -> "MaskClassifier":
        """Read a classifier.

        Raises:
            WeightsError: No file, damaged, or trained under another alignment.
        """
        file = read_network_file(path, if_missing="use --classifier off")
        file.require("format", FORMAT, "train it again with facemask-train mask-classifier")
        file.require("alignment_id", ALIGNMENT_ID, "train it again with this version")
        network = MaskClassifierNetwork(file.parse_card(lambda card: int(card["width"])))
        file.load_into(network)
        return cls(network, device=device)

    @torch.inference_mode()
    def masked_scores(self, images: Sequence[ImageU8]) -> list[float]:
        """Return, for each aligned RGB crop (S, S, 3), how surely it is masked, in [0, 1]."""
        if not images:
            return []
        logits = self._network(to_network(images, self._device))
        return [float(p) for p in torch.sigmoid(logits)]


def default_mask_classifier() -> Path:
    """Return the shipped classifier's path."""
    return SHIPPED / "mask-classifier.safetensors"


def save_mask_classifier(
    path: Path,
    network: MaskClassifierNetwork,
    *,
    images_seen: int,
    recipe: Mapping[str, str] | None = None,
) -> None:
    """Write a classifier in half precision; ``recipe`` joins its card."""
    card = {
        "format": FORMAT,
        "alignment_id": ALIGNMENT_ID,
        "width": str(network.width),
        "images_seen": str(images_seen),
    }
    write_network_file(path, network, {**card, **(recipe or {})})
