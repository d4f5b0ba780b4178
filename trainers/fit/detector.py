"""Train the scorers of MTCNN's second and third network: is it a face, bare or under a mask.

Each begins as the network's own last layers and reads the features before them, which do not
change, nor do boxes and points: whatever follows a detection finds them where they always were.
The features of all crops are computed once, and a step costs a tenth of one through the network.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from facemask_video.core.errors import TrainingError
from facemask_video.detect.batching import normalize
from facemask_video.detect.mtcnn import ONet, RNet
from trainers.fit.checkpoint import (
    Stateful,
    newest_checkpoint,
    read_checkpoint,
    save_checkpoint,
)
from trainers.fit.interrupt import Stop
from trainers.fit.schedule import Schedule

_HARD = 0.7
"""Share of a batch, the worst scored, that is learnt from (Zhang et al., IEEE Signal Processing
Letters 2016, section II-C: online hard sample mining)."""

_SHARES = (0.5, 0.2, 0.3)
"""Of a batch: faces, what lies beside them, and what networks took for one."""

_LOST = 0.2
"""Share of the features that is set to 0 in training (dropout)."""

_STATS_EVERY = 50
_WEIGHT_DECAY = 5e-3
_FEATURE_BATCH = 64


@dataclass(frozen=True, slots=True)
class DetectorRun:
    """How a scorer is trained.

    Attributes:
        folder: Of its checkpoints; one that was begun there is gone on with.
        images: Crops to see in all.
        batch_size: Crops a step.
        lr: First step; the others follow half a cosine down to 0.
        checkpoint_every: Crops from one checkpoint to the next.
        seed: Of the choice of crops.
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


@torch.inference_mode()
def features_of(
    network: RNet | ONet, images: NDArray[np.uint8], device: torch.device
) -> NDArray[np.float16]:
    """Return what a scorer reads of crops (n, s, s, 3): (n, channels, 4, 4)."""
    network.to(device)
    parts = [
        network.pooled(normalize(torch.from_numpy(some).to(device).permute(0, 3, 1, 2).float()))
        for some in np.array_split(images, -(-len(images) // _FEATURE_BATCH) or 1)
        if len(some)
    ]
    if not parts:
        return np.zeros((0,), np.float16)
    return np.asarray(torch.cat([part.half().cpu() for part in parts]))


def train_scorer(
    name: str,
    scorer: nn.Module,
    kinds: tuple[NDArray[np.float16], NDArray[np.float16], NDArray[np.float16]],
    run: DetectorRun,
    stop: Stop,
) -> bool:
    """Train a scorer on features, from its newest checkpoint on.

    Args:
        name: Of its network, for messages.
        scorer: Has the weights that it begins with; changed in place.
        kinds: Features of faces, of what lies beside them, and of what networks took for one.
        run: How.
        stop: Ends the training at the next step, with a checkpoint.

    Returns:
        Whether it saw all images.

    Raises:
        TrainingError: The loss is no longer finite, or a checkpoint cannot be read.
    """
    scorer.to(run.device).train().requires_grad_(True)
    optimizer = torch.optim.AdamW(scorer.parameters(), lr=run.lr, weight_decay=_WEIGHT_DECAY)
    parts: dict[str, Stateful] = {"scorer": scorer, "optimizer": optimizer}
    seen = 0
    if run.folder.is_dir() and any(run.folder.glob("*[0-9].pt")):
        state = read_checkpoint(newest_checkpoint(run.folder))
        for key, part in parts.items():
            part.load_state_dict(state["parts"][key])
        seen = int(state["images_seen"])
    run.folder.mkdir(parents=True, exist_ok=True)
    schedule = Schedule("cosine", run.images, run.images)
    saved = seen
    for number in range(seen // run.batch_size, -(-run.images // run.batch_size)):
        rng = np.random.default_rng((run.seed, number))
        features, is_face = _batch(kinds, run.batch_size, rng)
        for group in optimizer.param_groups:
            group["lr"] = run.lr * schedule.factor(seen)
        loss = _loss(scorer, features.to(run.device), is_face.to(run.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        seen += run.batch_size
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
    scorer.eval().requires_grad_(False)
    return seen >= run.images


def _batch(
    kinds: tuple[NDArray[np.float16], ...], size: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Draw features (n, c, 4, 4), some of them lost, and which are of faces (n,)."""
    counts = [round(share * size) for share in _SHARES[1:]]
    counts = [size - sum(counts), *counts]
    # Where there is nothing of a kind, its part of the batch is of another.
    if not len(kinds[2]):
        counts = [counts[0], size - counts[0], 0]
    drawn = [
        kind[rng.integers(len(kind), size=count)]
        for kind, count in zip(kinds, counts, strict=True)
        if count
    ]
    features = np.concatenate(drawn).astype(np.float32)
    features *= (rng.random(features.shape, np.float32) >= _LOST) / np.float32(1 - _LOST)
    is_face = torch.arange(len(features)) < counts[0]
    return torch.from_numpy(features), is_face


def _loss(scorer: nn.Module, features: Tensor, is_face: Tensor) -> Tensor:
    losses = functional.cross_entropy(scorer(features), is_face.long(), reduction="none")
    return losses.topk(max(1, round(_HARD * len(losses)))).values.mean()
