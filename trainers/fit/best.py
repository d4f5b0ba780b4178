"""Measure the averaged generators on faces set aside, and keep the best."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from facemask_video.core.pixels import to_images
from facemask_video.translate.networks import Translation
from trainers.data.crops import CropSet
from trainers.fit.previews import crops_as_they_are

if TYPE_CHECKING:
    from trainers.evaluate.distribution import FeatureExtractor

_MOST = 200
"""Faces of each domain; more take longer and hardly change the order of two generators."""

_CHUNK = 16

_SEED = 0
"""Of the subsets that the distance is a mean over: the same at every measure."""


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
        """Return whether a measurement, distances by name, is the best so far, and remember it."""
        total = sum(distances.values())
        if not total < self.value:
            return False
        self.value, self.images_seen = total, images_seen
        return True

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {"value": self.value, "images_seen": self.images_seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        self.value, self.images_seen = state["value"], state["images_seen"]


@dataclass(slots=True, eq=False)
class HeldOutDistance:
    """How far translations of faces set aside lie from real faces of their new domain.

    The kernel distance of KID (Binkowski et al., ICLR 2018, section 4), as ``facemask-train
    evaluate`` has it. On features of the face detector it is called ``kd``: comparable within a
    run, not with published figures. On Inception's, whose weights are a download, it is ``kid``.

    Attributes:
        bare: Bare faces set aside, (n, 3, S, S) in [-1, 1].
        masked: Masked faces set aside.
        device: Where it is measured.
        extract: Gives the features of images.
        name: Of the distance.
    """

    bare: Tensor
    masked: Tensor
    device: torch.device
    extract: "FeatureExtractor"
    name: str
    _real: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self._real = {"mask": self._features(self.masked), "unmask": self._features(self.bare)}

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
            WeightsError: Those, or the packages that run them, are not there.
        """
        # Not at the top: torchmetrics takes seconds to import.
        from trainers.evaluate.distribution import inception_extractor, onet_extractor

        return cls(
            crops_as_they_are(bare, crop_size_px, _MOST),
            crops_as_they_are(masked, crop_size_px, _MOST),
            device,
            onet_extractor(device) if inception is None else inception_extractor(inception, device),
            "kd" if inception is None else "kid",
        )

    @torch.no_grad()
    def measure(
        self, generators: Mapping[str, Callable[[Tensor], Translation]]
    ) -> dict[str, float]:
        """Return the distance of each direction as ``DIRECTION/NAME``."""
        from trainers.evaluate.distribution import kernel_distance

        found = {}
        for name, generator in generators.items():
            source = self.bare if name == "mask" else self.masked
            outputs = [
                generator(part.to(self.device)).over(part.to(self.device))
                for part in torch.split(source, _CHUNK)
            ]
            distance, _ = kernel_distance(
                self._real[name], self._features(torch.cat(outputs)), seed=_SEED
            )
            found[f"{name}/{self.name}"] = distance
        return found

    def _features(self, pictures: Tensor) -> Tensor:
        return self.extract(np.stack(to_images(pictures)))
