"""The running average of the generators' weights: what ships."""

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from facemask_video.translate.networks import Generator


class Averages:
    """An exponential average of each generator, by name.

    Half-lives are counted in images (Karras et al., CVPR 2020), so that they mean the same at any
    batch size.
    """

    def __init__(
        self, networks: Iterable[tuple[str, Generator]], *, halflife_images: float, rampup: float
    ) -> None:
        """Begin at the networks as they are.

        Args:
            networks: What is averaged.
            halflife_images: Images after which a weight has forgotten half; 0 copies.
            rampup: Longest half-life as a share of the images seen, so that the average soon
                leaves the random start; 0 is no limit.
        """
        self.halflife_images, self.rampup = halflife_images, rampup
        self._past = 0.0
        self._averaged: list[tuple[Generator, AveragedModel]] = []
        self.generators: dict[str, Generator] = {}
        for name, network in networks:
            average = AveragedModel(network, avg_fn=self._average, use_buffers=True)
            # At 0 it would copy the network after the first step, and again after a resume.
            average.n_averaged.fill_(1)
            self._averaged.append((network, average))
            self.generators[name] = cast(Generator, average.module.eval().requires_grad_(False))

    def decay(self, images_seen: int, n_images: int) -> float:
        """Return the weight of the past in a step of ``n_images`` that ends at ``images_seen``.

        >>> Averages([], halflife_images=10, rampup=0).decay(1000, 10)
        0.5
        """
        halflife = self.halflife_images
        if self.rampup > 0:
            halflife = min(halflife, self.rampup * images_seen)
        return float(0.5 ** (n_images / halflife)) if halflife > 0 else 0.0

    @torch.no_grad()
    def update(self, images_seen: int, n_images: int) -> None:
        """Take in the networks after a step."""
        self._past = self.decay(images_seen, n_images)
        for network, average in self._averaged:
            average.update_parameters(network)

    def _average(self, average: Tensor, value: Tensor, _n_averaged: Tensor | int) -> Tensor:
        # Counts are copied.
        return torch.lerp(average, value, 1 - self._past) if value.is_floating_point() else value

    def state_dict(self) -> dict[str, Any]:
        """Return the averages' weights."""
        return {name: network.state_dict() for name, network in self.generators.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        for name, network in self.generators.items():
            network.load_state_dict(state[name])
