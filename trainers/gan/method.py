"""What a way of training is to the loop."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from facemask_video.translate.networks import Generator
from trainers.data.batches import Batch
from trainers.gan.image_pool import ImagePool


class Method(Protocol):
    """Networks, their optimisers, and one step of training them; no I/O.

    All that it knows between two steps is in its networks, optimisers and pools: they are what a
    checkpoint holds.
    """

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Every optimiser, by the name of its network."""
        ...

    @property
    def pools(self) -> Mapping[str, ImagePool]:
        """Every pool of fakes, by the name of the network that judges them."""
        ...

    def networks(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield every network that learns, by name."""
        ...

    def generators(self) -> Iterator[tuple[str, Generator]]:
        """Yield what ships, by direction."""
        ...

    def step(self, batch: Batch, images_seen: int) -> dict[str, Tensor]:
        """Take one step with every network; returns the losses by name, detached."""
        ...
