"""Which split a crop belongs to: by a hash of its source or its track alone, or by its time."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate

from facemask_video.config.extract import SPLITS, SplitConfig
from facemask_video.extract.manifest import ManifestRow


def hash_fraction(key: str) -> float:
    """Return a number in [0, 1) that depends on a text alone, evenly spread over texts.

    What is split by it stays where it is on every run, however a set grows.

    >>> round(hash_fraction("0:clip"), 3)
    0.749
    """
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def split_of(row: ManifestRow, shares: Sequence[float], *, by: str, seed: int) -> str:
    """Return ``train``, ``val`` or ``test``.

    Crops are split by the `hash_fraction` of the seed and of what they share.

    Args:
        row: The crop.
        shares: Of the three splits, adding up to 1.
        by: ``track``: keeps all crops of one person's track in a file together; all else: those of
            one file.
        seed: Another seed splits otherwise.
    """
    shared = f"{row.source_sha256}:{row.track}" if by == "track" else row.source_sha256
    fraction = hash_fraction(f"{seed}:{shared}")
    reached = 0.0
    for split, share in zip(SPLITS, shares, strict=True):
        reached += share
        if fraction < reached:
            return split
    # Shares may add up to a hair less than 1; the last one that is not empty takes the rest.
    return next(s for s, share in reversed(list(zip(SPLITS, shares, strict=True))) if share > 0)


class Splitter:
    """Divides a set.

    By time each video is cut where its crops reach the shares, one border after another, and what
    lies about a border is left out: a frame and the next one show the same. Pictures, which have no
    time, are split by source.

    Args:
        rows: Those of the set that may be kept.
        splitting: How it is divided.
    """

    def __init__(self, rows: Collection[ManifestRow], splitting: SplitConfig) -> None:
        self._splitting = splitting
        self._borders_s: Mapping[str, list[float]] = {}
        if splitting.split_by == "time":
            times_s: dict[str, list[float]] = defaultdict(list)
            for row in rows:
                if (time_s := _time_s(row)) is not None:
                    times_s[row.source_sha256].append(time_s)
            self._borders_s = {
                source: _borders_s(sorted(times), splitting.shares)
                for source, times in times_s.items()
            }

    def split(self, row: ManifestRow) -> str:
        """Return ``train``, ``val`` or ``test``."""
        time_s = _time_s(row)
        if self._splitting.split_by != "time" or time_s is None:
            by, seed = self._splitting.split_by, self._splitting.seed
            return split_of(row, self._splitting.shares, by=by, seed=seed)
        borders_s = self._borders_s.get(row.source_sha256, [math.inf] * (len(SPLITS) - 1))
        return SPLITS[sum(time_s > border_s for border_s in borders_s)]

    def is_at_border(self, row: ManifestRow) -> bool:
        """Return whether a crop lies so near to a border that it is left out."""
        time_s = _time_s(row)
        return time_s is not None and any(
            2 * abs(time_s - border_s) < self._splitting.split_gap_s
            for border_s in self._borders_s.get(row.source_sha256, ())
        )


def _borders_s(times_s: Sequence[float], shares: Sequence[float]) -> list[float]:
    """Return the times at which sorted ones are cut into shares; infinite where a share is 0."""
    borders: list[float] = []
    for reached in list(accumulate(shares))[:-1]:
        count = round(reached * len(times_s))
        if count == 0:
            borders.append(-math.inf)
        elif count == len(times_s):
            borders.append(math.inf)
        else:
            borders.append((times_s[count - 1] + times_s[count]) / 2)
    return borders


def _time_s(row: ManifestRow) -> float | None:
    if row.pts is None or row.time_base is None:
        return None
    return float(row.pts * Fraction(row.time_base))
