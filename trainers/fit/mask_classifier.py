"""Train the mask classifier, which tells masked faces from bare ones."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from facemask_video.classify.mask_classifier import MaskClassifierNetwork
from trainers.data.crops import CropSet
from trainers.data.mask_classifier_samples import MaskClassifierSamples, classifier_input
from trainers.fit.small_networks import SmallRun, train_small_network
from trainers.fit.training_crops import TrainingCrops

_LR = 1e-3


@dataclass(frozen=True, slots=True)
class MaskClassifierAccuracy:
    """Share of held-out crops that a classifier classes rightly.

    Attributes:
        bare: Of the bare ones.
        masked: Of the masked ones.
    """

    bare: float
    masked: float


def train_mask_classifier(
    crops: TrainingCrops, run: SmallRun
) -> tuple[MaskClassifierNetwork, MaskClassifierAccuracy]:
    """Train a mask classifier and measure it on the faces set aside.

    Args:
        crops: Both domains.
        run: How it is trained; half of the samples are masked.

    Raises:
        TrainingError: The loss is no longer finite.
    """
    network = train_small_network(
        MaskClassifierNetwork,
        MaskClassifierSamples(crops.bare, crops.masked, seed=run.seed, count=run.images),
        functional.binary_cross_entropy_with_logits,
        lr=_LR,
        run=run,
    )
    return network, MaskClassifierAccuracy(
        1 - _masked_share(network, crops.bare_held_out, run.device),
        _masked_share(network, crops.masked_held_out, run.device),
    )


@torch.no_grad()
def _masked_share(network: MaskClassifierNetwork, crops: CropSet, device: torch.device) -> float:
    """Return the share of crops that are called masked."""
    called = []
    for first in range(0, len(crops), 64):
        chunk = crops.images[first : first + 64]
        pictures = np.stack([classifier_input(image.astype(np.float32) / 255) for image in chunk])
        called.append(network(torch.from_numpy(pictures).to(device)).cpu() > 0)
    return float(torch.cat(called).float().mean())
