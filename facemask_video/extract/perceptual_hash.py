"""Whether two crops show the same picture: perceptual hashes and their distances."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core.frame import ImageU8

BITS = 256

# The middle of the crop, where the face is and not what stands behind it; of it a small picture,
# and of that the square of low frequencies that the bits come from. On crops of talking heads 16 x
# 16 of them tell expressions apart, which 8 x 8 of the whole crop do not.
_MARGIN = 0.2
_SMALL_PX = 64
_KEPT = 16
_WORDS = BITS // 64

Hashes = NDArray[np.uint64]
"""Shape (n, 4)."""


def perceptual_hash(crop: ImageU8) -> str:
    """Return 256 bits in hex that outlive scaling, compression and changes of light.

    The signs, about their median, of the lowest frequencies of the grey face (a DCT), but for its
    mean.
    """
    side = crop.shape[0]
    margin = round(_MARGIN * side)
    grey = cv2.cvtColor(crop[margin : side - margin, margin : side - margin], cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SMALL_PX, _SMALL_PX), interpolation=cv2.INTER_AREA)
    waves = cv2.dct(small.astype(np.float32))[:_KEPT, :_KEPT].ravel()[1:]
    bits = np.append(waves > np.median(waves), False)
    return np.packbits(bits).tobytes().hex()


def distances(hash_: str, others: Hashes) -> NDArray[np.int64]:
    """Return in how many bits a hash differs from each of others."""
    return np.asarray(np.bitwise_count(others ^ _words(hash_)).sum(axis=1), np.int64)


def near_duplicates(hashes: Sequence[str], *, within: int) -> list[int | None]:
    """Tell for each crop which earlier one it repeats, None where it repeats none.

    A repeat is compared with no later crop: what differs from the crops that stay, stays.

    Args:
        hashes: In the order of preference.
        within: Most bits in which a repeat differs.

    >>> near_duplicates(["00" * 32, "0f" * 32, "00" * 31 + "01"], within=3)
    [None, None, 0]
    """
    stay = np.zeros((len(hashes), _WORDS), np.uint64)
    indices: list[int] = []
    found: list[int | None] = []
    for index, hash_ in enumerate(hashes):
        apart = distances(hash_, stay[: len(indices)])
        nearest = int(apart.argmin()) if len(indices) else -1
        if nearest >= 0 and apart[nearest] <= within:
            found.append(indices[nearest])
            continue
        stay[len(indices)] = _words(hash_)
        indices.append(index)
        found.append(None)
    return found


def _words(hash_: str) -> NDArray[np.uint64]:
    return np.frombuffer(bytes.fromhex(hash_), np.uint64)
