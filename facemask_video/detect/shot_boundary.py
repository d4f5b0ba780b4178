"""Where one shot ends and the next begins, by small images of the frames."""

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core.frame import ImageU8

_WIDTH_PX, _HEIGHT_PX = 48, 27
_MIN_CHANGE = 14.0
# Mean absolute change of the small image, of 255.
_MIN_RATIO = 3.0
# Of the change to the median of the last ones.
_MAX_CORRELATION = 0.75
# Of the two images. A flash or a fade of the light changes the level, not the scene.
_HISTORY_FRAMES = 12


class ShotBoundaryDetector:
    """Says of each image of a stream whether it begins a new shot.

    At a boundary the change is large, large against what was usual in the last frames, and one of
    the scene rather than of its brightness. Holds one small image.
    """

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._changes: deque[float] = deque(maxlen=_HISTORY_FRAMES)

    def begins_shot(self, image: ImageU8) -> bool:
        """Take the next image (h, w, 3); tell whether it begins a shot (the first does not)."""
        small = cv2.resize(image, (_WIDTH_PX, _HEIGHT_PX), interpolation=cv2.INTER_AREA)
        now = small.astype(np.float32)
        last, self._last = self._last, now
        if last is None:
            return False
        change = float(np.abs(now - last).mean())
        usual = float(np.median(self._changes)) if self._changes else 0.0
        is_boundary = (
            change > _MIN_CHANGE
            and change > _MIN_RATIO * usual
            and _correlation(last, now) < _MAX_CORRELATION
        )
        if is_boundary:
            self._changes.clear()
        else:
            self._changes.append(change)
        return is_boundary


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return Pearson's correlation of two images; 1 where both are flat."""
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / spread if spread > 1.0 else 1.0
