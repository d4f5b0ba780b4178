"""Which split a crop belongs to: a source's or a track's fate depends on its own name alone."""

import hashlib
from collections.abc import Sequence

from facemask_video.config.extract import SPLITS
from facemask_video.extract.manifest import ManifestRow


def split_of(row: ManifestRow, shares: Sequence[float], *, by: str, seed: int) -> str:
    """Return ``train``, ``val`` or ``test``.

    The fate of a group of crops is a number in [0, 1) made of the seed and what they share; so it
    is the same on every run, and a set may grow without anything changing sides.

    Args:
        row: The crop.
        shares: Of the three splits, adding up to 1.
        by: ``source``: all crops of one file share their fate; ``track``: those of one person's
            track in it.
        seed: Another seed deals anew.
    """
    shared = row.source_sha256 if by == "source" else f"{row.source_sha256}:{row.track}"
    digest = hashlib.sha256(f"{seed}:{shared}".encode()).digest()
    fate = int.from_bytes(digest[:8], "big") / 2**64
    reached = 0.0
    for split, share in zip(SPLITS, shares, strict=True):
        reached += share
        if fate < reached:
            return split
    # Shares may add up to a hair less than 1; the last one that is not empty takes the rest.
    return next(s for s, share in reversed(list(zip(SPLITS, shares, strict=True))) if share > 0)
