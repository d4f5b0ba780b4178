"""Train the landmark network: where a face's five points lie, under a mask too."""

from collections.abc import Callable

import numpy as np
import torch
from torch.utils.data import DataLoader

from facemask_video.detect.landmarks import LandmarkNetwork
from facemask_video.errors import TrainingError
from trainers.data.landmark_samples import LandmarkSamples
from trainers.fit.schedule import Schedule
from trainers.fit.sources import TrainingCrops

_LR = 2e-3
_WEIGHT_DECAY = 1e-2

_WEIGHTS = (1.5, 1.5, 1.0, 1.0, 1.0)
"""Of the points' errors: the alignment leans on the eyes."""

_MEASURED = 512
"""Samples of the faces set aside that a network is measured on."""


def train_landmarks(
    crops: TrainingCrops,
    *,
    images: int,
    batch_size: int,
    seed: int,
    device: torch.device,
    n_workers: int = 0,
    on_stats: Callable[[int, float], None] | None = None,
) -> tuple[LandmarkNetwork, float]:
    """Train a network and measure it on the faces set aside.

    Args:
        crops: Both domains.
        images: To see in all.
        batch_size: Images a step.
        seed: Of weights and samples.
        device: Where it runs.
        n_workers: Processes that prepare samples.
        on_stats: Told images seen and loss, every 100 steps.

    Returns:
        The network, and the mean distance of its points from the true ones on faces set aside, most
        of them in drawn masks, as a part of the distance between the eyes.

    Raises:
        TrainingError: The loss is no longer finite.
    """
    torch.manual_seed(seed)
    network = LandmarkNetwork().to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_LR, weight_decay=_WEIGHT_DECAY)
    schedule = Schedule("cosine", images, images)
    weights = torch.tensor(_WEIGHTS, device=device).view(1, 5, 1)
    samples = LandmarkSamples(crops.bare, crops.masked, seed=seed, first=0, count=images)
    loader = DataLoader(samples, batch_size=batch_size, num_workers=n_workers, drop_last=True)
    for number, (cuts, points) in enumerate(loader):
        for group in optimizer.param_groups:
            group["lr"] = _LR * schedule.factor(number * batch_size)
        loss = ((network(cuts.to(device)) - points.to(device)).abs() * weights).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if number % 100 == 0:
            value = float(loss.detach())
            if not np.isfinite(value):
                raise TrainingError(f"after {number * batch_size:,} images the loss is {value}.")
            if on_stats is not None:
                on_stats((number + 1) * batch_size, value)
    network.eval()
    aside = LandmarkSamples(
        crops.bare_held_out, crops.masked_held_out, seed=seed, first=0, count=_MEASURED
    )
    return network, _mean_distance(network, aside, device)


@torch.no_grad()
def _mean_distance(
    network: LandmarkNetwork, samples: LandmarkSamples, device: torch.device
) -> float:
    distances = []
    for cuts, points in DataLoader(samples, batch_size=64):
        apart = (network(cuts.to(device)).cpu() - points).norm(dim=2).mean(dim=1)
        distances.append(apart / (points[:, 0] - points[:, 1]).norm(dim=1))
    return float(torch.cat(distances).mean())
