"""The weighted least-squares similarity between two sets of points."""

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.geometry import Affine, Points


def fit_similarity(
    source: Points, target: Points, weights: NDArray[np.float64] | None = None
) -> Affine:
    """Find rotation, uniform scale and shift that take source points nearest to target points.

    The weighted form of Umeyama, "Least-squares estimation of transformation parameters between
    two point patterns", PAMI 1991, in two dimensions, where it has a closed form in complex numbers
    and no reflection can arise.

    Args:
        source: Shape (n, 2), n >= 2.
        target: Shape (n, 2).
        weights: Shape (n,), >= 0; equal where not given.

    Returns:
        ``source_to_target``, shape (2, 3).

    Raises:
        ValueError: The source points all coincide.
    """
    weight = np.ones(len(source)) if weights is None else weights
    weight = weight / weight.sum()
    source_center, target_center = weight @ source, weight @ target
    from_ = (source - source_center) @ np.array([1.0, 1.0j])
    to = (target - target_center) @ np.array([1.0, 1.0j])
    spread = float(weight @ np.abs(from_) ** 2)
    if spread < 1e-9:
        raise ValueError("fit_similarity: the source points coincide; no scale can be found.")
    turn = (weight * np.conj(from_)) @ to / spread
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.concatenate([linear, (target_center - linear @ source_center)[:, None]], axis=1)
