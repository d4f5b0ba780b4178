"""Train one small network on a series of samples: AdamW, and steps that fall to nothing."""

from collections.abc import Callable, Sized
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from facemask_video.core.errors import TrainingError
from trainers.fit.schedule import Schedule

_WEIGHT_DECAY = 1e-2
_STATS_EVERY = 100

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class SmallRun:
    """How a small network is trained.

    Attributes:
        images: Samples to see in all.
        batch_size: Samples a step; a last smaller batch is left out.
        seed: Of weights and samples.
        device: Where it runs.
        n_workers: Processes that prepare samples.
        on_stats: Called with samples seen and loss, every 100 steps and after the last.
    """

    images: int
    batch_size: int
    seed: int
    device: torch.device
    n_workers: int = 0
    on_stats: Callable[[int, float], None] | None = None


def train_small_network(
    make: Callable[[], N],
    samples: Dataset[Any],
    loss_of: Callable[[Tensor, Tensor], Tensor],
    *,
    lr: float,
    run: SmallRun,
) -> N:
    """Build a network and show it every sample once, in order.

    Args:
        make: Builds it with fresh weights.
        samples: Pairs of what it sees and what it should say; of a known length.
        loss_of: Of what it says and should say.
        lr: First step; the others follow half a cosine down to 0.
        run: The rest.

    Returns:
        The network, on the device, in evaluation mode.

    Raises:
        TrainingError: The loss is no longer finite.
    """
    assert isinstance(samples, Sized)
    torch.manual_seed(run.seed)
    network = make().to(run.device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=_WEIGHT_DECAY)
    schedule = Schedule("cosine", len(samples), len(samples))
    batch_size, on_stats = run.batch_size, run.on_stats
    n_steps = len(samples) // batch_size
    loader = DataLoader(samples, batch_size=batch_size, num_workers=run.n_workers, drop_last=True)
    for number, (seen, expected) in enumerate(loader):
        for group in optimizer.param_groups:
            group["lr"] = lr * schedule.factor(number * batch_size)
        loss = loss_of(network(seen.to(run.device)), expected.to(run.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if number % _STATS_EVERY == 0 or number == n_steps - 1:
            value = float(loss.detach())
            if not np.isfinite(value):
                raise TrainingError(f"after {number * batch_size:,} images the loss is {value}.")
            if on_stats is not None:
                on_stats((number + 1) * batch_size, value)
    return network.eval()
