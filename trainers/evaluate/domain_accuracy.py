"""Share of outputs that the mask classifier assigns to the target domain."""

from pathlib import Path

import torch

from facemask_video.classify.mask_classifier import MaskClassifier
from facemask_video.core.direction import Direction
from facemask_video.core.errors import WeightsError
from trainers.evaluate.crop_pairs import ImageBatch
from trainers.evaluate.measurement import OURS, Context, Measurement, mean_measurement


def load_classifier(path: Path, *, device: torch.device) -> MaskClassifier:
    """Read the classifier.

    Raises:
        WeightsError: No file, damaged, or trained under another alignment.
    """
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such classifier; train one with facemask-train mask-classifier and "
            "pass --classifier."
        )
    return MaskClassifier.load(path, device=device)


def measure_domain(
    outputs: ImageBatch,
    names: tuple[str, ...],
    *,
    target: Direction,
    classifier: MaskClassifier,
    context: Context,
    batch_size: int,
    method: str = OURS,
) -> Measurement:
    """Return the share of outputs that are classed as what ``target`` makes."""
    scores: list[float] = []
    for start in range(0, len(outputs), batch_size):
        scores += classifier.masked_scores(list(outputs[start : start + batch_size]))
    wants_mask = target is Direction.MASK
    hits = {
        name: float((score > 0.5) == wants_mask) for name, score in zip(names, scores, strict=True)
    }
    state = "masked" if wants_mask else "bare"
    return mean_measurement(f"classed_{state}", hits, context, better="higher", method=method)
