"""What a way of training is to the loop, and the losses of its steps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from facemask_video.translate.networks import Generator
from trainers.data.batches import Batch
from trainers.gan.image_pool import ImagePool


@dataclass(frozen=True, slots=True, eq=False)
class StepLosses:
    """The losses of one step, unweighted scalars named ``DIRECTION/LOSS``.

    Attributes:
        generator: What the generators descend on.
        discriminator: What the discriminators descend on.
    """

    generator: dict[str, Tensor]
    discriminator: dict[str, Tensor]

    def detached(self) -> "StepLosses":
        """Return the losses in float32, cut off from the graph."""
        generator, discriminator = (
            {name: value.detach().float() for name, value in losses.items()}
            for losses in (self.generator, self.discriminator)
        )
        return StepLosses(generator, discriminator)

    def __or__(self, other: "StepLosses") -> "StepLosses":
        return StepLosses(
            self.generator | other.generator, self.discriminator | other.discriminator
        )


@dataclass(slots=True, eq=False)
class WeightedSum:
    """The sum that generators descend on, term by term.

    Attributes:
        total: The weighted sum, a scalar; it moves to the device of what is added.
        terms: Each term by name, unweighted.
    """

    total: Tensor = field(default_factory=lambda: torch.zeros(()))
    terms: dict[str, Tensor] = field(default_factory=dict)

    def add(self, name: str, loss: Tensor, weight: float) -> None:
        """Add a scalar loss under a weight."""
        self.terms[name] = loss
        self.total = self.total + weight * loss


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
        """Every pool of fakes, by the name of the discriminator that sees them."""
        ...

    def networks(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield every network that learns, by name."""
        ...

    def generators(self) -> Iterator[tuple[str, Generator]]:
        """Yield what ships, by direction."""
        ...

    def step(self, batch: Batch, images_seen: int) -> StepLosses:
        """Take one step with every network; returns the losses, detached."""
        ...
