"""Train the landmark network: where a face's five points lie, under a mask too."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from facemask_video.detect.landmarks import LandmarkNetwork
from trainers.data.landmark_samples import LandmarkSamples
from trainers.fit.small_networks import train_small_network
from trainers.fit.sources import TrainingCrops

_LR = 2e-3

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
        on_stats: Told images seen and loss; see `train_small_network`.

    Returns:
        The network, and the mean distance of its points from the true ones on faces set aside, most
        of them in drawn masks, as a part of the distance between the eyes.

    Raises:
        TrainingError: The loss is no longer finite.
    """
    weights = torch.tensor(_WEIGHTS, device=device).view(1, 5, 1)

    def loss_of(placed: Tensor, points: Tensor) -> Tensor:
        return ((placed - points).abs() * weights).mean()

    network = train_small_network(
        LandmarkNetwork,
        LandmarkSamples(crops.bare, crops.masked, seed=seed, count=images),
        loss_of,
        lr=_LR,
        batch_size=batch_size,
        seed=seed,
        device=device,
        n_workers=n_workers,
        on_stats=on_stats,
    )
    aside = LandmarkSamples(crops.bare_held_out, crops.masked_held_out, seed=seed, count=_MEASURED)
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
