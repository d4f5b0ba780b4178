"""Whether outputs are taken for their new domain by a classifier that was trained on others."""

from pathlib import Path

import torch

from facemask_video.classify.mask_classifier import Gate
from facemask_video.core.direction import Direction
from facemask_video.core.errors import WeightsError
from trainers.evaluate.figures import OURS, About, Figure, averaged
from trainers.evaluate.sets import Images


def load_classifier(path: Path, *, device: torch.device) -> Gate:
    """Read the classifier.

    Raises:
        WeightsError: No file, damaged, or trained under another alignment.
    """
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such classifier; train one with facemask-train gate and pass --classifier."
        )
    return Gate.load(path, device=device)


def domain_figure(
    outputs: Images,
    names: tuple[str, ...],
    *,
    target: Direction,
    classifier: Gate,
    about: About,
    batch_size: int,
    method: str = OURS,
) -> Figure:
    """Return the share of outputs that are classed as what ``target`` makes."""
    scores: list[float] = []
    for start in range(0, len(outputs), batch_size):
        scores += classifier.masked_scores(list(outputs[start : start + batch_size]))
    wants_mask = target is Direction.MASK
    hits = {
        name: float((score > 0.5) == wants_mask) for name, score in zip(names, scores, strict=True)
    }
    state = "masked" if wants_mask else "bare"
    return averaged(f"classed_{state}", hits, about, better="higher", method=method)
