"""What a way of training is to the loop."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from facemask_video.translate.networks import Generator
from trainers.data.batches import Batch


class Method(Protocol):
    """Networks, their optimisers, and one step of training them; no I/O."""

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Every optimiser, by the name of its network."""
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

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a resumed run needs: tensors and plain data only."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        ...
