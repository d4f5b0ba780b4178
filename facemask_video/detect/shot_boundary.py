"""Where one shot ends and the next begins, told from small pictures."""

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core.frame import ImageU8

_WIDE_PX, _HIGH_PX = 48, 27
_LEAST_CHANGE = 14.0
# Mean absolute change of the small picture, of 255.
_TIMES_THE_USUAL = 3.0
_LIKENESS = 0.75
# Correlation of the two pictures. A flash or a fade of the light changes the level, not the scene.
_MEMORY = 12


class ShotBoundaryDetector:
    """Says of each picture of a stream whether it begins a new shot.

    A cut is a change that is large, large against what has been usual in the last frames, and of
    the scene rather than of its brightness. Holds one small picture.
    """

    def __init__(self) -> None:
        """Begin before the first picture."""
        self._last: NDArray[np.float32] | None = None
        self._usual: deque[float] = deque(maxlen=_MEMORY)

    def begins_shot(self, image: ImageU8) -> bool:
        """Take the next picture; True where it begins a new shot (the first one begins none)."""
        small = cv2.resize(image, (_WIDE_PX, _HIGH_PX), interpolation=cv2.INTER_AREA)
        now = small.astype(np.float32)
        last, self._last = self._last, now
        if last is None:
            return False
        change = float(np.abs(now - last).mean())
        usual = float(np.median(self._usual)) if self._usual else 0.0
        is_cut = (
            change > _LEAST_CHANGE
            and change > _TIMES_THE_USUAL * usual
            and _likeness(last, now) < _LIKENESS
        )
        if is_cut:
            self._usual.clear()
        else:
            self._usual.append(change)
        return is_cut


def _likeness(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the correlation of two pictures; 1 where both are flat."""
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / spread if spread > 1.0 else 1.0
