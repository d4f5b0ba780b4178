"""LPIPS: the distance of two pictures in a network's features, with the weights of torchmetrics.

The network below it, the backbone, is one of torchvision's, and its weights are a download. They
are read from a file, or left out; nothing is fetched.
"""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# The metric of torchmetrics fetches a backbone; the network in it takes one.
from torchmetrics.functional.image.lpips import _NoTrainLpips

from facemask_video.core.errors import WeightsError
from facemask_video.core.pixels import to_network
from trainers.evaluate.crop_pairs import ImageBatch

logger = logging.getLogger(__name__)

Net = Literal["alex", "squeeze", "vgg"]

Lpips = Callable[[ImageBatch, ImageBatch], NDArray[np.float64]]
"""Distances (n,) of two lists of pictures."""

# What torchvision calls the weights of the backbones, in the order of preference.
_FILES: dict[Net, str] = {
    "alex": "alexnet-owt-7be5be79.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
    "vgg": "vgg16-397923af.pth",
}

# By which weights a backbone is known: name and shape of one that only it has.
_KNOWN_BY: dict[Net, tuple[str, tuple[int, ...]]] = {
    "alex": ("features.0.weight", (64, 3, 11, 11)),
    "squeeze": ("features.3.squeeze.weight", (16, 64, 1, 1)),
    "vgg": ("features.28.weight", (512, 512, 3, 3)),
}


def load_lpips(path: Path) -> tuple[str, Lpips]:
    """Return LPIPS and its name, on a backbone that torchvision's weights file holds.

    The backbone is AlexNet, SqueezeNet 1.1 or VGG16, which is told by its weights; LPIPS on one
    can't be compared with LPIPS on another. Nothing in the file is run.

    Raises:
        WeightsError: The file is not there, or holds none of the three.
    """
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such backbone of LPIPS; fetch torchvision's {_FILES['alex']}, or "
            "leave --lpips out."
        )
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    # A pickle of anything else fails in as many ways as there are things.
    except Exception as exc:
        reason = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        raise WeightsError(f"{path}: not weights that can be read ({reason}).") from exc
    tensors: dict[str, Tensor] = stored if isinstance(stored, dict) else {}
    net = next(
        (
            net
            for net, (name, shape) in _KNOWN_BY.items()
            if isinstance(tensors.get(name), Tensor) and tensors[name].shape == shape
        ),
        None,
    )
    if net is None:
        raise WeightsError(
            f"{path}: not a backbone of LPIPS; expected torchvision's AlexNet, SqueezeNet 1.1 or "
            f"VGG16, such as {_FILES['alex']}."
        )
    return f"LPIPS ({net})", _distances(net, tensors, path)


def find_lpips() -> tuple[str, Lpips] | None:
    """Return LPIPS and its name where a backbone's weights are on disk already.

    They are looked for where torchvision keeps them, under ``TORCH_HOME``.
    """
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    for file in _FILES.values():
        if (folder / file).is_file():
            return load_lpips(folder / file)
    logger.info("LPIPS is left out: none of %s in %s.", ", ".join(_FILES.values()), folder)
    return None


def _distances(net: Net, tensors: dict[str, Tensor], path: Path) -> Lpips:
    network = _NoTrainLpips(net=net, pnet_rand=True)
    # Its parts are slices of torchvision's ``features`` and keep their numbers.
    wanted = {
        name: re.sub(r"^slices?\.?\d+\.", "features.", name) for name in network.net.state_dict()
    }
    try:
        network.net.load_state_dict({name: tensors[stored] for name, stored in wanted.items()})
    except (KeyError, RuntimeError) as exc:
        reason = str(exc).splitlines()[0]
        raise WeightsError(f"{path}: not a whole backbone of LPIPS ({net}: {reason}).") from exc

    cpu = torch.device("cpu")

    @torch.inference_mode()
    def distances(outputs: ImageBatch, truth: ImageBatch) -> NDArray[np.float64]:
        each = [
            float(network(to_network([output], cpu), to_network([true], cpu)).reshape(()))
            for output, true in zip(outputs, truth, strict=True)
        ]
        return np.array(each)

    return distances
