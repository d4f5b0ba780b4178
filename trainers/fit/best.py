"""Measure the averaged generators on faces set aside, and keep the best."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facemask_video.core.errors import ConfigError
from facemask_video.core.pixels import to_images
from facemask_video.translate.networks import Generator
from trainers.data.crops import CropSet
from trainers.fit.previews import crops_as_they_are
from trainers.gan.face_features import OnetFeatures

_MOST = 200
"""Faces of each domain; more take longer and hardly change the order of two generators."""

_CHUNK = 16

Describe = Callable[[Tensor], Tensor]
"""Turns pictures (n, 3, S, S) in [-1, 1] into features (n, d)."""


@dataclass(slots=True)
class Best:
    """The lowest distance so far.

    Attributes:
        value: Sum over the directions.
        images_seen: When it was reached.
    """

    value: float = math.inf
    images_seen: int = 0

    def improves(self, distances: Mapping[str, float], images_seen: int) -> bool:
        """Take in a measurement; tell whether it is the best so far."""
        total = sum(distances.values())
        if not total < self.value:
            return False
        self.value, self.images_seen = total, images_seen
        return True

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {"value": self.value, "images_seen": self.images_seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self.value, self.images_seen = state["value"], state["images_seen"]


@dataclass(slots=True, eq=False)
class HeldOutDistance:
    """How far translations of faces set aside lie from real faces of their new domain.

    The kernel distance of KID (Binkowski et al., ICLR 2018, section 4). On features of the face
    detector it is called ``kd``: comparable within a run, not with published figures. On
    Inception's, whose weights are a download, it is ``kid``.

    Attributes:
        bare: Bare faces set aside, (n, 3, S, S) in [-1, 1].
        masked: Masked faces set aside.
        device: Where it is measured.
        describe: Gives the features.
        name: Of the distance.
    """

    bare: Tensor
    masked: Tensor
    device: torch.device
    describe: Describe
    name: str
    _real: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        """Describe the real faces once."""
        self._real = {"mask": self._describe(self.masked), "unmask": self._describe(self.bare)}

    @classmethod
    def of(
        cls,
        bare: CropSet,
        masked: CropSet,
        *,
        crop_size_px: int,
        device: torch.device,
        inception: Path | None = None,
    ) -> "HeldOutDistance":
        """Take the first faces of both sets, and Inception's features where its weights are given.

        Raises:
            WeightsError: Those are not there.
            ConfigError: The packages that run them are not.
        """
        return cls(
            crops_as_they_are(bare, crop_size_px, _MOST),
            crops_as_they_are(masked, crop_size_px, _MOST),
            device,
            OnetFeatures().to(device).embed if inception is None else _inception(inception, device),
            "kd" if inception is None else "kid",
        )

    @torch.no_grad()
    def measure(self, generators: Mapping[str, Generator]) -> dict[str, float]:
        """Return the distance of each direction as ``DIRECTION/NAME``."""
        found = {}
        for name, generator in generators.items():
            source = self.bare if name == "mask" else self.masked
            outputs = [
                generator(part.to(self.device)).over(part.to(self.device))
                for part in torch.split(source, _CHUNK)
            ]
            described = self._describe(torch.cat(outputs))
            found[f"{name}/{self.name}"] = kernel_distance(self._real[name], described)
        return found

    @torch.no_grad()
    def _describe(self, pictures: Tensor) -> Tensor:
        parts = [self.describe(p.to(self.device).float()) for p in torch.split(pictures, _CHUNK)]
        return torch.cat(parts).double().cpu()


def _inception(path: Path, device: torch.device) -> Describe:
    try:
        from trainers.evaluate.distribution import inception_extractor
    except ModuleNotFoundError as exc:
        raise ConfigError(
            f"features.inception: {exc.name} is not installed, which runs it; "
            "pip install 'facemask-video[evaluate,inception]'."
        ) from exc
    extract = inception_extractor(path, device)
    return lambda pictures: extract(np.stack(to_images(pictures)))


def kernel_distance(real: Tensor, outputs: Tensor) -> float:
    """Return the squared maximum mean discrepancy of two sets of features (n, d).

    The kernel is (x . y / d + 1)^3; sets of fewer than two have the biased estimate.
    """

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1) ** 3

    def within(a: Tensor) -> float:
        likeness = kernel(a, a)
        if len(a) < 2:
            return float(likeness.mean())
        return float((likeness.sum() - likeness.diagonal().sum()) / (len(a) * (len(a) - 1)))

    return within(real) + within(outputs) - 2 * float(kernel(real, outputs).mean())
