"""False non-match rate at a fixed false match rate, as NIST IR 8311 measures face recognition.

Ngan, Grother and Hanaoka, "Ongoing Face Recognition Vendor Test (FRVT) Part 6A: Face recognition
accuracy with masks using pre-COVID-19 algorithms", NISTIR 8311, 2020: two faces match where their
similarity reaches a threshold. It is set on unmasked faces, so that a fixed share of the
comparisons of different persons match by mistake, and kept for masked ones, as an installed system
keeps its own; what is counted is how many comparisons of one person then fail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trainers.evaluate.face_verification import KINDS, FacePair
from trainers.evaluate.measurement import Context, Measurement
from trainers.evaluate.real_or_fake import wilson_interval
from trainers.evaluate.report import Curve, Curves

# Ends of the plot, where the comparisons allow and the rate that was asked for lies between.
_LOWEST_FMR, _HIGHEST_FMR = 1e-6, 0.1

_POINTS = 41

# Cosines are counted in bins, so that memory does not grow with the comparisons.
_BINS = 1 << 20
_ROWS = 256


@dataclass(frozen=True, slots=True, eq=False)
class _Comparisons:
    """Two states of faces, compared.

    Attributes:
        mated: Cosines of pairs of one person, in the order of the pairs.
        non_mated: How many comparisons of different persons fall into each bin of `_bins`.
    """

    mated: NDArray[np.float64]
    non_mated: NDArray[np.int64]

    @property
    def n_non_mated(self) -> int:
        return int(self.non_mated.sum())


def count_non_mated(pairs: Sequence[FacePair], known: set[str]) -> int:
    """Return how many comparisons of different persons the known pictures allow."""
    persons = _persons(_names(pairs, known))
    _, counts = np.unique(persons, return_counts=True)
    return int((len(persons) ** 2 - (counts**2).sum()) // 2)


def measure_false_non_match(
    pairs: Sequence[FacePair],
    points: Mapping[str, Mapping[str, NDArray[np.float32]]],
    context: Context,
    *,
    fmr: float,
) -> tuple[list[Measurement], Curves]:
    """Return false non-match and false match rates for each pair of states that `KINDS` names.

    Pairs of one person are those of the list; different persons are all that it names, each picture
    compared with every other. Intervals are Wilson's at 95 %, with comparisons taken as independent
    and the threshold as given; the false match rates' comparisons share faces and get none.

    Args:
        pairs: Which pictures show one person. A name's part before ``/`` is the person.
        points: Unit vectors by state (``bare``, ``masked``) and picture.
        context: Of the measurements; its features gain the threshold.
        fmr: False match rate at which the threshold is set, in (0, 1); needs `count_non_mated` of
            1 / ``fmr`` or more.

    Returns:
        The measurements, and the false non-match rate by false match rate.
    """
    known = set.intersection(*(set(of_state) for of_state in points.values()))
    mated = [pair for pair in pairs if pair.same and {pair.first, pair.second} <= known]
    names = _names(pairs, known)
    compared = {kind: _compare(kind, mated, names, points) for kind in KINDS}
    reference = compared["bare", "bare"]
    (threshold,) = _thresholds(np.array([fmr]), reference.non_mated)
    context = replace(
        context,
        features=f"{context.features}; match from a cosine of {threshold:.4f}, set for a false "
        f"match rate of {fmr:g} on {reference.n_non_mated:,} comparisons of different bare faces",
    )
    measurements = []
    for (first, second), found in compared.items():
        missed = found.mated < threshold
        measurements += [
            Measurement(
                f"false_non_match_rate_{first}_{second}",
                float(missed.mean()),
                "lower",
                len(missed),
                context,
                interval=wilson_interval(float(missed.mean()), len(missed), 0.0),
                samples={
                    f"{pair.first}|{pair.second}": float(miss)
                    for pair, miss in zip(mated, missed, strict=True)
                },
            ),
            Measurement(
                f"false_match_rate_{first}_{second}",
                _share_from(threshold, found.non_mated),
                "lower",
                found.n_non_mated,
                context,
            ),
        ]
    lowest = min(fmr, max(_LOWEST_FMR, 1 / reference.n_non_mated))
    rates = np.geomspace(lowest, max(fmr, _HIGHEST_FMR), _POINTS)
    thresholds = _thresholds(rates, reference.non_mated)
    lines = tuple(
        _curve(f"{first} against {second}", rates, thresholds, found.mated)
        for (first, second), found in compared.items()
    )
    return measurements, Curves(
        group=context.group,
        title="False non-match rate by the false match rate that the threshold is set for",
        x_label="false match rate on bare faces",
        y_label="false non-match rate",
        lines=lines,
        marked_x=fmr,
    )


def _thresholds(fmrs: NDArray[np.float64], non_mated: NDArray[np.int64]) -> list[float]:
    """Return the lowest cosines from which a share of at most each rate matches."""
    # Of bins from the highest down, whose counts add up to no more than is allowed.
    matches = np.cumsum(non_mated[::-1])
    allowed = np.floor(fmrs * matches[-1] + 1e-9)
    n_bins = np.searchsorted(matches, allowed, side="right")
    return [_edge(_BINS - int(count)) for count in n_bins]


def _compare(
    kind: tuple[str, str],
    mated: Sequence[FacePair],
    names: Sequence[str],
    points: Mapping[str, Mapping[str, NDArray[np.float32]]],
) -> _Comparisons:
    first, second = (points[state] for state in kind)
    cosines = np.array([float(first[pair.first] @ second[pair.second]) for pair in mated])
    persons = _persons(names)
    ones, others = (np.stack([state[name] for name in names]) for state in (first, second))
    counts = np.zeros(_BINS, np.int64)
    for start in range(0, len(names), _ROWS):
        rows = slice(start, start + _ROWS)
        different = persons[rows, None] != persons[None]
        if kind[0] == kind[1]:
            # Each two pictures once.
            different &= np.arange(len(names))[rows, None] < np.arange(len(names))
        counts += np.bincount(_bins((ones[rows] @ others.T)[different]), minlength=_BINS)
    return _Comparisons(cosines, counts)


def _names(pairs: Sequence[FacePair], known: set[str]) -> list[str]:
    return sorted({name for pair in pairs for name in (pair.first, pair.second)} & known)


def _persons(names: Sequence[str]) -> NDArray[np.int64]:
    _, persons = np.unique([name.partition("/")[0] for name in names], return_inverse=True)
    return np.asarray(persons, np.int64)


def _bins(cosines: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.clip((cosines.astype(np.float64) + 1) / 2 * _BINS, 0, _BINS - 1).astype(np.int64)


def _edge(index: int) -> float:
    """Return the lower edge of a bin."""
    return 2 * index / _BINS - 1


def _share_from(threshold: float, non_mated: NDArray[np.int64]) -> float:
    first = round((threshold + 1) / 2 * _BINS)
    return float(non_mated[first:].sum() / max(1, non_mated.sum()))


def _curve(
    name: str,
    rates: NDArray[np.float64],
    thresholds: Sequence[float],
    mated: NDArray[np.float64],
) -> Curve:
    missed = [float((mated < threshold).mean()) for threshold in thresholds]
    intervals = [wilson_interval(rate, len(mated), 0.0) for rate in missed]
    return Curve(
        name,
        x=tuple(rates.tolist()),
        y=tuple(missed),
        low=tuple(low for low, _ in intervals),
        high=tuple(high for _, high in intervals),
    )
