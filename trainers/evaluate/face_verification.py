"""Face verification accuracy with and without masks, by the protocol of LFW."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.errors import ConfigError
from trainers.evaluate.measurement import Context, Measurement, mean_measurement

KINDS = (("bare", "bare"), ("masked", "masked"), ("bare", "masked"))


@dataclass(frozen=True, slots=True)
class FacePair:
    """Two pictures, whether they show one person, and the fold that they belong to."""

    fold: int
    first: str
    second: str
    same: bool


def read_face_pairs(path: Path, *, limit: int = 0) -> list[FacePair]:
    """Read a pairs.txt: a line ``FOLDS N`` (or ``N``), then N same and N different pairs a fold.

    Args:
        path: The file.
        limit: CropPairs of each kind and fold, at most; 0 is all.

    Raises:
        ConfigError: It cannot be read, or a line is not of this form.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: cannot be read ({exc}); check --lfw-pairs.") from exc
    header = lines[0].split() if lines else []
    if not header or len(header) > 2 or not all(word.isdigit() for word in header):
        raise ConfigError(f"{path}: line 1: expected FOLDS and N, as in LFW's pairs.txt.")
    n_folds, count = (1, int(header[0])) if len(header) == 1 else (int(header[0]), int(header[1]))
    if len(lines) - 1 < 2 * n_folds * count:
        raise ConfigError(
            f"{path}: holds {len(lines) - 1} pairs, its first line promises {2 * n_folds * count}."
        )
    pairs = []
    for number, line in enumerate(lines[1 : 1 + 2 * n_folds * count]):
        fold, place = divmod(number, 2 * count)
        same = place < count
        words = line.split()
        if len(words) != (3 if same else 4):
            raise ConfigError(
                f"{path}: line {number + 2}: expected {'NAME i j' if same else 'NAME i NAME j'}."
            )
        if limit and place % count >= limit:
            continue
        first, second = (words[0], words[-2]) if not same else (words[0], words[0])
        indices = (words[1], words[-1])
        try:
            names = [
                f"{person}/{person}_{int(index):04d}"
                for person, index in zip((first, second), indices, strict=True)
            ]
        except ValueError:
            raise ConfigError(f"{path}: line {number + 2}: picture numbers expected.") from None
        pairs.append(FacePair(fold, names[0], names[1], same))
    return pairs


def measure_verification(
    pairs: Sequence[FacePair],
    points: Mapping[str, Mapping[str, NDArray[np.float32]]],
    context: Context,
) -> list[Measurement]:
    """Return the accuracy for each pair of states that `KINDS` names.

    The threshold for a fold is the best one on the other folds (on all where there is one), so no
    pair is decided by a threshold that was fitted to it.

    Args:
        pairs: Which faces to compare.
        points: Embeddings by state (``bare``, ``masked``) and picture.
        context: Of the measurements.

    Raises:
        ConfigError: No pair has embeddings of both its pictures.
    """
    known = set.intersection(*(set(of_state) for of_state in points.values()))
    usable = [pair for pair in pairs if pair.first in known and pair.second in known]
    if not usable or len({pair.same for pair in usable}) < 2:
        raise ConfigError(
            "lfw.pairs: too few of its pictures are in lfw.images; check --lfw-images."
        )
    measurements = []
    for first, second in KINDS:
        cosines = np.array([points[first][p.first] @ points[second][p.second] for p in usable])
        right = correct_decisions(cosines, usable)
        samples = {
            f"{pair.first}|{pair.second}": float(hit)
            for pair, hit in zip(usable, right, strict=True)
        }
        measurements.append(
            mean_measurement(
                f"verification_accuracy_{first}_{second}", samples, context, better="higher"
            )
        )
    return measurements


def correct_decisions(
    cosines: NDArray[np.floating], pairs: Sequence[FacePair]
) -> NDArray[np.bool_]:
    """Return for each pair whether the threshold of its fold classifies it correctly."""
    same = np.array([pair.same for pair in pairs])
    folds = np.array([pair.fold for pair in pairs])
    right = np.zeros(len(pairs), dtype=bool)
    for fold in np.unique(folds):
        inside = folds == fold
        others = ~inside if (~inside).any() else inside
        threshold = _best_threshold(cosines[others], same[others])
        right[inside] = (cosines[inside] > threshold) == same[inside]
    return right


def _best_threshold(cosines: NDArray[np.floating], same: NDArray[np.bool_]) -> float:
    steps = np.unique(cosines)
    middles = np.concatenate([[steps[0] - 1.0], (steps[1:] + steps[:-1]) / 2, [steps[-1] + 1.0]])
    hits = [float(((cosines > middle) == same).mean()) for middle in middles]
    return float(middles[int(np.argmax(hits))])
