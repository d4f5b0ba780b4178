"""Where a translated crop may show: a window over the crop, and an alpha without dust.

Convention: crop px, origin at the outer corner of the top-left pixel, so pixel ``i`` of an axis is
sampled at ``i + 0.5``.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.frame import AlphaF32

FLOOR = 1 / 255
"""Alpha under which no 8-bit sample could change by more than one level: taken for 0."""

FEATHER = 0.05
"""Width of the window's falloff, as a fraction of the crop's side.

The chin lies at 0.85 of the crop's height and masks reach 0.89; with a coverage of 0.9 the window
is 1 down to 0.90.
"""


def smoothstep(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rise from 0 at 0 to 1 at 1 with a slope of 0 at both ends (C1); constant outside."""
    clipped = np.clip(values, 0.0, 1.0)
    return np.asarray(clipped * clipped * (3.0 - 2.0 * clipped), dtype=np.float32)


@lru_cache(maxsize=8)
def coverage_window(crop_size_px: int, coverage: float) -> AlphaF32:
    """Return 1 inside a centred square and exactly 0 outside it, with a smooth edge between.

    Args:
        crop_size_px: Side of the crop, >= 1.
        coverage: Side of the square outside which the window is 0, as a fraction of the crop's
            side, in (0, 1]. The falloff lies inside the square and is never wider than half of it.

    Returns:
        Shape (crop_size_px, crop_size_px), read-only, because equal calls share one array.

    Raises:
        ValueError: The coverage is outside (0, 1].
    """
    if not 0.0 < coverage <= 1.0:
        raise ValueError(f"coverage: got {coverage}, expected a fraction in (0, 1].")
    from_center = np.abs((np.arange(crop_size_px) + 0.5) / crop_size_px - 0.5)
    feather = min(FEATHER, coverage / 2)
    ramp = smoothstep((coverage / 2 - from_center) / feather)
    window: AlphaF32 = np.outer(ramp, ramp)
    window.setflags(write=False)
    return window


def clean(alpha: AlphaF32) -> AlphaF32:
    """Clip an alpha to [0, 1] and make values under `FLOOR` (and NaN) exactly 0.

    Only an alpha of exactly 0 leaves the decoder's samples as they are; a generator's attention
    never gets there by itself.
    """
    # NaN fails the comparison, so a pixel that a half-precision network lost stays the frame's.
    kept: AlphaF32 = np.where(alpha >= FLOOR, np.minimum(alpha, 1.0), 0.0).astype(np.float32)
    return kept
