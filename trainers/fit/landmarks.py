"""Train the landmark network: where a face's five points lie, under a mask too."""

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from facemask_video.detect.landmarks import LandmarkNetwork
from trainers.data.landmark_samples import LandmarkSamples
from trainers.fit.small_networks import SmallRun, train_small_network
from trainers.fit.training_crops import TrainingCrops

_LR = 2e-3

_WEIGHTS = (1.5, 1.5, 1.0, 1.0, 1.0)
"""Of the points' errors: the alignment leans on the eyes."""

_MEASURED = 512
"""Samples of the faces set aside that a network is measured on."""


def train_landmarks(crops: TrainingCrops, run: SmallRun) -> tuple[LandmarkNetwork, float]:
    """Train a network and measure it on the faces set aside.

    Args:
        crops: Both domains.
        run: How it is trained.

    Returns:
        The network, and the mean distance of its points from the true ones on faces set aside, most
        of them in drawn masks, as a part of the distance between the eyes.

    Raises:
        TrainingError: The loss is no longer finite.
    """
    weights = torch.tensor(_WEIGHTS, device=run.device).view(1, 5, 1)

    def loss_of(placed: Tensor, points: Tensor) -> Tensor:
        return ((placed - points).abs() * weights).mean()

    network = train_small_network(
        LandmarkNetwork,
        LandmarkSamples(crops.bare, crops.masked, seed=run.seed, count=run.images),
        loss_of,
        lr=_LR,
        run=run,
    )
    aside = LandmarkSamples(
        crops.bare_held_out, crops.masked_held_out, seed=run.seed, count=_MEASURED
    )
    return network, _mean_distance(network, aside, run.device)


@torch.no_grad()
def _mean_distance(
    network: LandmarkNetwork, samples: LandmarkSamples, device: torch.device
) -> float:
    distances = []
    for crops, points in DataLoader(samples, batch_size=64):
        apart = (network(crops.to(device)).cpu() - points).norm(dim=2).mean(dim=1)
        distances.append(apart / (points[:, 0] - points[:, 1]).norm(dim=1))
    return float(torch.cat(distances).mean())
