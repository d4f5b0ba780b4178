"""Whether two crops show the same picture: perceptual hashes and their distances."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.frames import ImageU8

# Side of the small picture, and of its square of low frequencies: 8 x 8 = 64 bits.
_SMALL_PX = 32
_KEPT = 8


def perceptual_hash(crop: ImageU8) -> str:
    """Return 64 bits in hex that stay the same under scaling, compression and changes of light.

    The signs, about their median, of the 64 lowest frequencies of the grey picture (a DCT); the
    mean is left out.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SMALL_PX, _SMALL_PX), interpolation=cv2.INTER_AREA)
    waves = cv2.dct(small.astype(np.float32))[: _KEPT + 1, : _KEPT + 1].ravel()[1 : _KEPT**2 + 1]
    bits = waves > np.median(waves)
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"


def distances(hash_: str, others: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return in how many bits a hash differs from each of others."""
    return np.asarray(np.bitwise_count(others ^ np.uint64(int(hash_, 16))), np.uint8)


def repeats(hashes: Sequence[str], *, within: int) -> list[int | None]:
    """Tell for each crop which earlier one it repeats, None where it repeats none.

    A repeat is compared with no later crop: what differs from the crops that stay, stays.

    Args:
        hashes: In the order of preference.
        within: Most bits in which a repeat differs.

    >>> repeats(["00ff00ff00ff00ff", "f0f0f0f0f0f0f0f0", "00ff00ff00ff00fe"], within=3)
    [None, None, 0]
    """
    stay = np.zeros(len(hashes), np.uint64)
    indices: list[int] = []
    found: list[int | None] = []
    for index, hash_ in enumerate(hashes):
        apart = distances(hash_, stay[: len(indices)])
        nearest = int(apart.argmin()) if len(indices) else -1
        if nearest >= 0 and apart[nearest] <= within:
            found.append(indices[nearest])
            continue
        stay[len(indices)] = int(hash_, 16)
        indices.append(index)
        found.append(None)
    return found
