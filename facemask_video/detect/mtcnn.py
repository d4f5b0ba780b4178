"""MTCNN's three networks (Zhang et al., IEEE Signal Processing Letters 2016) and their weights.

The weights are those of facenet-pytorch, out of its wheel, so nothing is fetched. Its modules are
not imported: they bring torchvision and with it torch's compiler, two seconds of processor time at
each start.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from facemask_video.core.errors import WeightsError
from facemask_video.core.network_file import read_network_file, write_network_file
from facemask_video.core.shipped_weights import SHIPPED

_Network = TypeVar("_Network", bound=nn.Module)

FORMAT = "facemask-mtcnn/1"

CELL_PX = 12
"""Field of view of P-Net: the smallest face it can be asked for."""

STAGE_THRESHOLDS = (0.6, 0.7)
"""Of the first two networks, the values facenet-pytorch has by default."""

OFFSET_PX = 0.5
"""What MTCNN adds to every coordinate: it counts pixels from 1 and calls a pixel's centre whole,
which is one px too far where the first centre is 0, and half a px in our convention. Mirrored
images of 48 to 256 px show a mean of 0.49-0.60 px, so it does not grow with the face."""


class PNet(nn.Module):
    """Proposals: (n, 3, H, W) to regression (n, 4, h, w) and probabilities (n, 2, h, w)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 10, 3)
        self.prelu1 = nn.PReLU(10)
        self.pool1: nn.Module = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv2 = nn.Conv2d(10, 16, 3)
        self.prelu2 = nn.PReLU(16)
        self.conv3 = nn.Conv2d(16, 32, 3)
        self.prelu3 = nn.PReLU(32)
        self.conv4_1 = nn.Conv2d(32, 2, 1)
        self.conv4_2 = nn.Conv2d(32, 4, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return regression and probabilities."""
        features = self.pool1(self.prelu1(self.conv1(image)))
        features = self.prelu2(self.conv2(features))
        features = self.prelu3(self.conv3(features))
        return self.conv4_2(features), self.conv4_1(features).softmax(dim=1)


class RNet(nn.Module):
    """Refinement: (n, 3, 24, 24) to regression (n, 4) and probabilities (n, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 28, 3)
        self.prelu1 = nn.PReLU(28)
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = nn.Conv2d(28, 48, 3)
        self.prelu2 = nn.PReLU(48)
        self.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv3 = nn.Conv2d(48, 64, 2)
        self.prelu3 = nn.PReLU(64)
        self.dense4 = nn.Linear(576, 128)
        self.prelu4 = nn.PReLU(128)
        self.dense5_1 = nn.Linear(128, 2)
        self.dense5_2 = nn.Linear(128, 4)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Return regression and probabilities."""
        features = self.pool1(self.prelu1(self.conv1(crops)))
        features = self.pool2(self.prelu2(self.conv2(features)))
        features = self.prelu3(self.conv3(features))
        features = self.prelu4(self.dense4(_columns_first(features)))
        return self.dense5_2(features), self.dense5_1(features).softmax(dim=1)


class ONet(nn.Module):
    """Output: (n, 3, 48, 48) to regression (n, 4), landmarks (n, 10) and probabilities (n, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3)
        self.prelu1 = nn.PReLU(32)
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.prelu2 = nn.PReLU(64)
        self.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv3 = nn.Conv2d(64, 64, 3)
        self.prelu3 = nn.PReLU(64)
        self.pool3 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv4 = nn.Conv2d(64, 128, 2)
        self.prelu4 = nn.PReLU(128)
        self.dense5 = nn.Linear(1152, 256)
        self.prelu5 = nn.PReLU(256)
        self.dense6_1 = nn.Linear(256, 2)
        self.dense6_2 = nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return regression, landmarks and probabilities."""
        features = self.pool1(self.prelu1(self.conv1(crops)))
        features = self.pool2(self.prelu2(self.conv2(features)))
        features = self.pool3(self.prelu3(self.conv3(features)))
        features = self.prelu4(self.conv4(features))
        features = self.prelu5(self.dense5(_columns_first(features)))
        probability = self.dense6_1(features).softmax(dim=1)
        return self.dense6_2(features), self.dense6_3(features), probability


def _columns_first(features: Tensor) -> Tensor:
    """Flatten as the authors' Matlab stored pictures: columns, then rows, then channels."""
    return features.permute(0, 3, 2, 1).flatten(1)


class Mtcnn(nn.Module):
    """The three networks, as a weights file holds them."""

    def __init__(self) -> None:
        super().__init__()
        self.pnet, self.rnet, self.onet = PNet(), RNet(), ONet()


def default_mask_weights() -> Path:
    """Return the path of the shipped networks that were taught masks."""
    return SHIPPED / "mtcnn-masks.safetensors"


def load_networks(device: torch.device, weights: Path | None = None) -> tuple[PNet, RNet, ONet]:
    """Return P-Net, R-Net and O-Net with their weights, for inference only.

    They read RGB scaled to [-1, 1).

    Args:
        device: Where they run.
        weights: File that `save_networks` wrote; None are facenet-pytorch's.

    Raises:
        WeightsError: The file, or facenet-pytorch's, is not there or damaged.
    """
    if weights is None:
        return _load(PNet, device), _load(RNet, device), _load(ONet, device)
    file = read_network_file(weights, if_missing="install the package again")
    file.require("format", FORMAT, "train it again with facemask-train detector")
    networks = Mtcnn()
    file.load_into(networks)
    networks.eval().requires_grad_(False).to(device)
    return networks.pnet, networks.rnet, networks.onet


def save_networks(
    path: Path,
    pnet: nn.Module,
    rnet: nn.Module,
    onet: nn.Module,
    *,
    images_seen: int,
    recipe: Mapping[str, str] | None = None,
) -> None:
    """Write the three networks in half precision; ``recipe`` joins their card.

    Raises:
        WeightsError: A value is not finite.
    """
    networks = Mtcnn()
    for name, network in (("pnet", pnet), ("rnet", rnet), ("onet", onet)):
        getattr(networks, name).load_state_dict(network.state_dict())
    card = {"format": FORMAT, "images_seen": str(images_seen)}
    write_network_file(path, networks, {**card, **(recipe or {})})


def _load(kind: type[_Network], device: torch.device) -> _Network:
    spec = find_spec("facenet_pytorch")
    folders = [] if spec is None else spec.submodule_search_locations or []
    name = f"data/{kind.__name__.lower()}.pt"
    path = next(
        (Path(folder) / name for folder in folders if (Path(folder) / name).is_file()), None
    )
    if path is None:
        raise WeightsError(f"facenet-pytorch's {name} is not there; install facenet-pytorch again.")
    network = kind()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False).to(device)
