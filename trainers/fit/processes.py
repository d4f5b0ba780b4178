"""One process, or several that torchrun started: what they share and agree on.

Each of several processes holds all networks and takes its part of every batch; gradients are
averaged before each step, so weights stay equal. The first process alone writes the run folder.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from facemask_video.core.errors import ConfigError

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among all; alone unless `join_processes` made it.

    Attributes:
        rank: Its number, 0 for the first.
        count: How many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def gather(self, value: Value) -> list[Value]:
        """Return the value of each process, in their order, to all of them."""
        if self.count == 1:
            return [value]
        from accelerate.utils import gather_object

        return list(gather_object([value]))

    def any(self, flag: bool) -> bool:
        """Tell all whether any of them raises a flag."""
        return any(self.gather(flag))

    def from_first(self, value: Value) -> Value:
        """Return the first process's value to all."""
        return self.gather(value)[0]

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """Let the others wait until the first process has left this block."""
        if not self.is_first:
            self.gather(None)
        yield
        if self.is_first:
            self.gather(None)

    def average_gradients(self, optimizer: torch.optim.Optimizer) -> None:
        """From now on let an optimiser step on the mean of all processes' gradients."""
        if self.count > 1:
            optimizer.register_step_pre_hook(lambda chosen, *_: _average_gradients(chosen))


def _average_gradients(optimizer: torch.optim.Optimizer) -> None:
    from accelerate.utils import reduce

    gradients = [
        parameter.grad
        for group in optimizer.param_groups
        for parameter in group["params"]
        if parameter.grad is not None
    ]
    # One message for all: many small ones would each wait for the slowest process.
    mean = reduce(torch.cat([gradient.flatten() for gradient in gradients]), reduction="mean")
    for gradient, part in zip(
        gradients, mean.split([gradient.numel() for gradient in gradients]), strict=True
    ):
        gradient.copy_(part.view_as(gradient))


@contextmanager
def join_processes(device: torch.device) -> Iterator[tuple[Processes, torch.device]]:
    """Yield this process among those that torchrun started, and where it runs; alone without it.

    Args:
        device: The one asked for. Several processes take a GPU each, counted from 0.

    Raises:
        ConfigError: accelerate is not installed, or one GPU is named for several processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes(), device
        return
    if ":" in str(device):
        raise ConfigError(
            f"run.device: got {device}, but torchrun gives each process its own GPU; "
            "pass --device cuda or cpu."
        )
    try:
        from accelerate import PartialState
    except ModuleNotFoundError as exc:
        raise ConfigError(
            "torchrun started several processes, for which accelerate is missing; "
            "pip install 'facemask-video[distributed]'."
        ) from exc
    state: Any = PartialState(cpu=device.type == "cpu")
    try:
        place = state.device if device.type == "cuda" else device
        yield Processes(state.process_index, state.num_processes), place
    finally:
        state.destroy_process_group()
