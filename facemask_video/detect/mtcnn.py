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

FORMAT = "facemask-mtcnn/2"

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


class RNetScorer(nn.Module):
    """What R-Net has behind its second pooling, once more, to score faces alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv3 = nn.Conv2d(48, 64, 2)
        self.prelu3 = nn.PReLU(64)
        self.dense4 = nn.Linear(576, 128)
        self.prelu4 = nn.PReLU(128)
        self.dense5_1 = nn.Linear(128, 2)

    def forward(self, pooled: Tensor) -> Tensor:
        """Return logits (n, 2) of R-Net's features (n, 48, 4, 4)."""
        features = self.prelu3(self.conv3(pooled))
        scores: Tensor = self.dense5_1(self.prelu4(self.dense4(_columns_first(features))))
        return scores


class RNet(nn.Module):
    """Refinement: (n, 3, 24, 24) to regression (n, 4) and probabilities (n, 2).

    Attributes:
        scorer: Tells the probabilities in place of the last layers; None where those do.
    """

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
        self.scorer: RNetScorer | None = None

    def pooled(self, crops: Tensor) -> Tensor:
        """Return the features (n, 48, 4, 4) that a scorer reads."""
        features = self.pool1(self.prelu1(self.conv1(crops)))
        pooled: Tensor = self.pool2(self.prelu2(self.conv2(features)))
        return pooled

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return regression, probabilities, and those of the last layers alone."""
        pooled = self.pooled(crops)
        features = self.prelu3(self.conv3(pooled))
        features = self.prelu4(self.dense4(_columns_first(features)))
        own = self.dense5_1(features)
        scores = own if self.scorer is None else self.scorer(pooled)
        return self.dense5_2(features), scores.softmax(dim=1), own.softmax(dim=1)


class ONetScorer(nn.Module):
    """What O-Net has behind its third pooling, once more, to score faces alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv4 = nn.Conv2d(64, 128, 2)
        self.prelu4 = nn.PReLU(128)
        self.dense5 = nn.Linear(1152, 256)
        self.prelu5 = nn.PReLU(256)
        self.dense6_1 = nn.Linear(256, 2)

    def forward(self, pooled: Tensor) -> Tensor:
        """Return logits (n, 2) of O-Net's features (n, 64, 4, 4)."""
        features = self.prelu4(self.conv4(pooled))
        scores: Tensor = self.dense6_1(self.prelu5(self.dense5(_columns_first(features))))
        return scores


class ONet(nn.Module):
    """Output: (n, 3, 48, 48) to regression (n, 4), landmarks (n, 10) and probabilities (n, 2).

    Attributes:
        scorer: Tells the probabilities together with the last layers; None where those do alone.
    """

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
        self.scorer: ONetScorer | None = None

    def pooled(self, crops: Tensor) -> Tensor:
        """Return the features (n, 64, 4, 4) that a scorer reads."""
        features = self.pool1(self.prelu1(self.conv1(crops)))
        features = self.pool2(self.prelu2(self.conv2(features)))
        pooled: Tensor = self.pool3(self.prelu3(self.conv3(features)))
        return pooled

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return regression, landmarks, probabilities, and those of the last layers alone."""
        pooled = self.pooled(crops)
        features = self.prelu4(self.conv4(pooled))
        features = self.prelu5(self.dense5(_columns_first(features)))
        own = scores = self.dense6_1(features)
        if self.scorer is not None:
            # A pattern is seldom a face to both (a product of experts: the mean of their logits).
            scores = (self.scorer(pooled) + own) / 2
        places = self.dense6_2(features), self.dense6_3(features)
        return *places, scores.softmax(dim=1), own.softmax(dim=1)


def _columns_first(features: Tensor) -> Tensor:
    """Flatten as the authors' Matlab stored pictures: columns, then rows, then channels."""
    return features.permute(0, 3, 2, 1).flatten(1)


class Scorers(nn.Module):
    """The scorers of R-Net and of O-Net, as a weights file holds them."""

    def __init__(self) -> None:
        super().__init__()
        self.rnet, self.onet = RNetScorer(), ONetScorer()


def default_mask_weights() -> Path:
    """Return the path of the shipped scorers that were taught masks."""
    return SHIPPED / "mtcnn-masks.safetensors"


def load_networks(device: torch.device, weights: Path | None = None) -> tuple[PNet, RNet, ONet]:
    """Return P-Net, R-Net and O-Net with facenet-pytorch's weights, for inference only.

    They read RGB scaled to [-1, 1).

    Args:
        device: Where they run.
        weights: Scorers of R-Net and O-Net, a file that `save_scorers` wrote; None are the
            networks' own.

    Raises:
        WeightsError: The file, or facenet-pytorch's, is not there or damaged.
    """
    pnet, rnet, onet = _load(PNet, device), _load(RNet, device), _load(ONet, device)
    if weights is not None:
        scorers = load_scorers(weights).to(device)
        rnet.scorer, onet.scorer = scorers.rnet, scorers.onet
    return pnet, rnet, onet


def load_scorers(path: Path) -> Scorers:
    """Return scorers, for inference only.

    Raises:
        WeightsError: The file is not there, or is none that `save_scorers` wrote.
    """
    file = read_network_file(path, if_missing="install the package again")
    file.require("format", FORMAT, "train it again with facemask-train detector")
    scorers = Scorers()
    file.load_into(scorers)
    return scorers.eval().requires_grad_(False)


def begin_scorers(rnet: RNet, onet: ONet) -> Scorers:
    """Return scorers with the weights of the networks' own last layers."""
    scorers = Scorers()
    for scorer, network in ((scorers.rnet, rnet), (scorers.onet, onet)):
        own = network.state_dict()
        scorer.load_state_dict({name: own[name] for name in scorer.state_dict()})
    return scorers


def save_scorers(
    path: Path, scorers: Scorers, *, images_seen: int, recipe: Mapping[str, str] | None = None
) -> None:
    """Write scorers in half precision; ``recipe`` joins their card.

    Raises:
        WeightsError: A value is not finite.
    """
    card = {"format": FORMAT, "images_seen": str(images_seen)}
    write_network_file(path, scorers, {**card, **(recipe or {})})


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
