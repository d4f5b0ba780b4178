"""Landmarks of a face that may be masked.

MTCNN's O-Net has seen hardly a mask: under one it sets the mouth too high and too narrow, and takes
the eyes along. This network reads the same kind of crop, was trained on masks drawn on faces whose
landmarks were known (``facemask-train landmarks``), and puts the points where they lie beneath.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from facemask_video.core.network_file import read_network_file, write_network_file
from facemask_video.core.shipped_weights import SHIPPED

FORMAT = "facemask-landmarks/1"

INPUT_PX = 48
"""Side of the crops that it takes."""

CROP_SCALE = 1.15
"""Side of those crops, in longer sides of the face's box."""

_CELLS = INPUT_PX // 4


class LandmarkNetwork(nn.Module):
    """Five points of a face: (n, 3, 48, 48) in [-1, 1] to (n, 5, 2), (x, y) as parts of the side.

    Each point is the mean position of a heat map (soft-argmax; Luvizon et al., "Human pose
    regression by combining indirect part detection and contextual information", 2019, section 3.1),
    which is learnt in a small part of the samples that direct regression takes.
    """

    grid: Tensor

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        wide, widest = 2 * width, round(width * 8 / 3)
        self.width = width
        # The dilated layers see the whole face from every cell: a mouth that is hidden is placed by
        # the eyes.
        self.body = nn.Sequential(
            _Layer(3, width, stride=2),
            _Layer(width, wide),
            _Layer(wide, widest, stride=2),
            _Layer(widest, widest),
            _Layer(widest, widest, dilation=2),
            _Layer(widest, widest, dilation=3),
            _Layer(widest, widest, dilation=2),
            _Layer(widest, widest),
        )
        self.maps = nn.Conv2d(widest, 5, 1)
        centre = (torch.arange(_CELLS) + 0.5) / _CELLS
        centres = torch.stack([centre.repeat(_CELLS), centre.repeat_interleave(_CELLS)], dim=1)
        self.register_buffer("grid", centres, persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """Return the points."""
        heat = self.maps(self.body(crops)).flatten(2).softmax(dim=2)
        points: Tensor = heat @ self.grid
        return points


class _Layer(nn.Module):
    """Convolution, norm, ReLU."""

    def __init__(self, n_in: int, n_out: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            n_in, n_out, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
        )
        self.norm: nn.Module = nn.BatchNorm2d(n_out)

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(self.norm(self.conv(features)), inplace=True)

    def fold_norm(self) -> None:
        """Fold the norm into the convolution; for inference only."""
        assert isinstance(self.norm, nn.BatchNorm2d)
        self.conv = fuse_conv_bn_eval(self.conv, self.norm)
        self.norm = nn.Identity()


def default_landmarks() -> Path:
    """Return the shipped network's path."""
    return SHIPPED / "landmarks.safetensors"


def load_landmarks(path: Path, *, device: torch.device) -> LandmarkNetwork:
    """Read a network, in single precision and for inference only: its norms are folded away.

    Raises:
        WeightsError: No file, damaged, or of another format.
    """
    file = read_network_file(path, if_missing="install the package again")
    file.require("format", FORMAT, "train it again with facemask-train landmarks")
    network = LandmarkNetwork(file.parse_card(lambda card: int(card["width"])))
    file.load_into(network)
    network.eval().requires_grad_(False)
    for layer in network.body:
        assert isinstance(layer, _Layer)
        layer.fold_norm()
    return network.to(device).to(memory_format=torch.channels_last)


def save_landmarks(
    path: Path,
    network: LandmarkNetwork,
    *,
    images_seen: int,
    recipe: Mapping[str, str] | None = None,
) -> None:
    """Write a network in half precision; ``recipe`` joins its card."""
    card = {"format": FORMAT, "width": str(network.width), "images_seen": str(images_seen)}
    write_network_file(path, network, {**card, **(recipe or {})})
