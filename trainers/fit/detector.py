"""Train MTCNN's second and third network further: is it a face, where is its box, where its points.

Each begins with the original weights. Losses and their weights are those of Zhang et al. (IEEE
Signal Processing Letters 2016, section III-A), but that errors of boxes and points count by the
Huber loss in place of their squares, which are lost beside the scores'.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from facemask_video.core.errors import TrainingError
from facemask_video.detect.batching import normalize
from trainers.data.detector_crops import NEGATIVE, POSITIVE, LabelledCrops
from trainers.fit.checkpoint import (
    Stateful,
    newest_checkpoint,
    read_checkpoint,
    save_checkpoint,
)
from trainers.fit.interrupt import Stop
from trainers.fit.schedule import Schedule

_BOX_WEIGHT = 0.5
_POINTS_WEIGHT = {"rnet": 0.0, "onet": 1.0}
_HARD = 0.7
"""Share of a batch, the worst scored, that teaches scores (section II-C: online hard mining)."""

_HUBER = 0.02
"""In sides of the box: errors below count by their square."""

_STATS_EVERY = 50
_WEIGHT_DECAY = 1e-4


@dataclass(frozen=True, slots=True)
class DetectorRun:
    """How a network is trained.

    Attributes:
        folder: Of its checkpoints; a network that was begun there is gone on with.
        images: Crops to see in all.
        batch_size: Crops a step.
        lr: First step; the others follow half a cosine down to 0.
        checkpoint_every: Crops from one checkpoint to the next.
        seed: Of the order.
        device: Where it runs.
        on_stats: Called with crops seen and loss.
    """

    folder: Path
    images: int
    batch_size: int
    lr: float
    checkpoint_every: int
    seed: int
    device: torch.device
    on_stats: Callable[[int, float], None] = lambda seen, loss: None


def train_network(
    name: str, network: nn.Module, crops: LabelledCrops, run: DetectorRun, stop: Stop
) -> bool:
    """Train a network on crops, from its newest checkpoint on.

    Args:
        name: ``rnet`` or ``onet``.
        network: Has the weights that it begins with; changed in place.
        crops: What it sees; each once before any is seen again.
        run: How.
        stop: Ends the training at the next step, with a checkpoint.

    Returns:
        Whether it saw all images.

    Raises:
        TrainingError: The loss is no longer finite, or a checkpoint cannot be read.
    """
    network.to(run.device).train().requires_grad_(True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=run.lr, weight_decay=_WEIGHT_DECAY)
    parts: dict[str, Stateful] = {"network": network, "optimizer": optimizer}
    seen = 0
    if run.folder.is_dir() and any(run.folder.glob("*[0-9].pt")):
        state = read_checkpoint(newest_checkpoint(run.folder))
        for key, part in parts.items():
            part.load_state_dict(state["parts"][key])
        seen = int(state["images_seen"])
    run.folder.mkdir(parents=True, exist_ok=True)
    schedule = Schedule("cosine", run.images, run.images)
    saved = seen
    for number, batch in _batches(len(crops), run, seen):
        for group in optimizer.param_groups:
            group["lr"] = run.lr * schedule.factor(seen)
        loss = _loss(name, network, crops, batch, run.device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        seen += len(batch)
        is_last = seen >= run.images
        if number % _STATS_EVERY == 0 or is_last:
            value = float(loss.detach())
            if not np.isfinite(value):
                raise TrainingError(f"{name}: after {seen:,} crops the loss is {value}.")
            run.on_stats(seen, value)
        if stop or is_last or seen - saved >= run.checkpoint_every:
            save_checkpoint(run.folder, parts, [], images_seen=seen, keep=2)
            saved = seen
        if stop:
            break
    network.eval().requires_grad_(False)
    return seen >= run.images


def _batches(n_crops: int, run: DetectorRun, seen: int) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield number and crops of each batch after some images, the same whenever it was begun."""
    size = min(run.batch_size, n_crops)
    a_pass = n_crops // size
    order, of_pass = np.arange(n_crops), -1
    for number in range(seen // size, -(-run.images // size)):
        if number // a_pass != of_pass:
            of_pass = number // a_pass
            order = np.random.default_rng((run.seed, of_pass)).permutation(n_crops)
        at = number % a_pass * size
        yield number, order[at : at + size]


def _loss(
    name: str,
    network: nn.Module,
    crops: LabelledCrops,
    batch: NDArray[np.intp],
    device: torch.device,
) -> Tensor:
    images = torch.from_numpy(crops.images[batch]).to(device)
    regression, *points, score = network(normalize(images.permute(0, 3, 1, 2).float()))
    kinds = torch.from_numpy(crops.kinds[batch]).to(device)
    is_scored, is_face = kinds <= POSITIVE, kinds == POSITIVE
    likely = torch.where(is_face, score[:, 1], score[:, 0])[is_scored]
    losses = -likely.clamp(min=1e-6).log()
    loss: Tensor = (
        losses.topk(max(1, round(_HARD * len(losses)))).values.mean()
        if len(losses)
        else score.sum() * 0
    )
    wanted = torch.from_numpy(crops.regression[batch]).to(device)
    is_placed = kinds != NEGATIVE
    if is_placed.any():
        loss = loss + _BOX_WEIGHT * _huber(regression[is_placed], wanted[is_placed])
    if _POINTS_WEIGHT[name] and is_face.any():
        placed = torch.from_numpy(crops.points[batch]).to(device)
        loss = loss + _POINTS_WEIGHT[name] * _huber(points[0][is_face], placed[is_face])
    return loss


def _huber(found: Tensor, wanted: Tensor) -> Tensor:
    return functional.smooth_l1_loss(found, wanted, beta=_HUBER)
