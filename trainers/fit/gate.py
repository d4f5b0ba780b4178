"""Train the gate: the small classifier that tells masked faces from bare ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader

from facemask_video.errors import TrainingError
from facemask_video.translate.gate import MaskClassifier
from trainers.data.crops import CropSet
from trainers.data.gate_samples import GateSamples, gate_picture
from trainers.fit.schedule import Schedule
from trainers.fit.sources import TrainingCrops

_LR = 1e-3
_WEIGHT_DECAY = 1e-2


@dataclass(frozen=True, slots=True)
class GateAccuracy:
    """Share of held-out crops that a gate tells rightly.

    Attributes:
        bare: Of the bare ones.
        masked: Of the masked ones.
    """

    bare: float
    masked: float


def train_gate(
    crops: TrainingCrops,
    *,
    images: int,
    batch_size: int,
    seed: int,
    device: torch.device,
    n_workers: int = 0,
    on_stats: Callable[[int, float], None] | None = None,
) -> tuple[MaskClassifier, GateAccuracy]:
    """Train a classifier and measure it on the faces set aside.

    Args:
        crops: Both domains.
        images: To see in all; half of them masked.
        batch_size: Images a step.
        seed: Of weights and samples.
        device: Where it runs.
        n_workers: Processes that prepare samples.
        on_stats: Told images seen and loss, every 20 steps.

    Raises:
        TrainingError: The loss is no longer finite.
    """
    torch.manual_seed(seed)
    network = MaskClassifier().to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_LR, weight_decay=_WEIGHT_DECAY)
    schedule = Schedule("cosine", images, images)
    samples = GateSamples(crops.bare, crops.masked, seed=seed, first=0, count=images)
    loader = DataLoader(samples, batch_size=batch_size, num_workers=n_workers, drop_last=True)
    for number, (pictures, labels) in enumerate(loader):
        for group in optimizer.param_groups:
            group["lr"] = _LR * schedule.factor(number * batch_size)
        loss = functional.binary_cross_entropy_with_logits(
            network(pictures.to(device)), labels.to(device)
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if number % 20 == 0:
            value = float(loss.detach())
            if not np.isfinite(value):
                raise TrainingError(f"after {number * batch_size:,} images the loss is {value}.")
            if on_stats is not None:
                on_stats((number + 1) * batch_size, value)
    network.eval()
    return network, GateAccuracy(
        1 - _masked_share(network, crops.bare_held_out, device),
        _masked_share(network, crops.masked_held_out, device),
    )


@torch.no_grad()
def _masked_share(network: MaskClassifier, crops: CropSet, device: torch.device) -> float:
    """Return the share of crops that are called masked."""
    called = []
    for first in range(0, len(crops), 64):
        chunk = crops.images[first : first + 64]
        pictures = np.stack([gate_picture(image.astype(np.float32) / 255) for image in chunk])
        called.append(network(torch.from_numpy(pictures).to(device)).cpu() > 0)
    return float(torch.cat(called).float().mean())
