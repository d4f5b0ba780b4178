"""Smooth randomness: folds, blotches and uneven light."""

import cv2
import numpy as np
from numpy.typing import NDArray


def smooth_noise(
    rng: np.random.Generator,
    cells: tuple[int, int],
    size_px: int,
    *,
    mean: float = 0.0,
    spread: float = 1.0,
) -> NDArray[np.float32]:
    """Return a plane (S, S) that runs smoothly through normally distributed values.

    Args:
        rng: Their source.
        cells: How many there are down and across.
        size_px: Side of the plane.
        mean: Of the values.
        spread: Their standard deviation.
    """
    values = rng.normal(mean, spread, cells).astype(np.float32)
    smooth = cv2.resize(values, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, np.float32)
