"""Which split a crop belongs to, by a hash of its source or its track alone."""

import hashlib
from collections.abc import Sequence

from facemask_video.config.extract import SPLITS
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
        by: ``source``: keeps all crops of one file together; ``track``: those of one person's
            track in it.
        seed: Another seed splits otherwise.
    """
    shared = row.source_sha256 if by == "source" else f"{row.source_sha256}:{row.track}"
    fraction = hash_fraction(f"{seed}:{shared}")
    reached = 0.0
    for split, share in zip(SPLITS, shares, strict=True):
        reached += share
        if fraction < reached:
            return split
    # Shares may add up to a hair less than 1; the last one that is not empty takes the rest.
    return next(s for s, share in reversed(list(zip(SPLITS, shares, strict=True))) if share > 0)
