"""The one resampler: pixels under an affine map.

Convention: maps follow `facemask_video.core.geometry` (origin at the outer corner of the top-left
pixel). OpenCV puts the origin at the centre of that pixel; the half-pixel shift is made here and
nowhere else.
"""

from typing import Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core import geometry
from facemask_video.core.geometry import Affine, Box

_CENTRE = geometry.translation(0.5, 0.5)
_CORNER = geometry.translation(-0.5, -0.5)

Sample = TypeVar("Sample", np.uint8, np.float32)


def warp(
    image: NDArray[Sample],
    source_to_target: Affine,
    *,
    width_px: int,
    height_px: int,
    border: Literal["replicate", "zero"] = "replicate",
    sharp: bool = False,
) -> NDArray[Sample]:
    """Resample an image under an affine map.

    Where the map shrinks, the source is first reduced by area averaging so that nothing aliases;
    what remains is bilinear, or bicubic where ``sharp``.

    Args:
        image: uint8 or float32, shape (h, w) or (h, w, c).
        source_to_target: Map from source px to target px.
        width_px: Target width.
        height_px: Target height.
        border: ``replicate`` repeats the edge, ``zero`` fills with 0.
        sharp: Bicubic; may overshoot in float images.

    Returns:
        Array of the target size, same dtype and channels.
    """
    scale = geometry.scale_of(source_to_target)
    # Above 1.5x reduction bilinear taps (2 px wide) begin to skip source pixels.
    if scale < 1 / 1.5:
        height, width = image.shape[:2]
        reduced_width, reduced_height = max(1, round(width * scale)), max(1, round(height * scale))
        reduced = cv2.resize(image, (reduced_width, reduced_height), interpolation=cv2.INTER_AREA)
        image = np.asarray(reduced, dtype=image.dtype)
        to_source = np.array(
            [[width / reduced_width, 0.0, 0.0], [0.0, height / reduced_height, 0.0]]
        )
        source_to_target = geometry.compose(to_source, source_to_target)
    centred = geometry.compose(geometry.compose(_CENTRE, source_to_target), _CORNER)
    warped = cv2.warpAffine(
        image,
        centred,
        (width_px, height_px),
        flags=cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE if border == "replicate" else cv2.BORDER_CONSTANT,
    )
    return np.asarray(warped, dtype=image.dtype)


def covered_box(source_to_target: Affine, target_size_px: int) -> Box:
    """Return the whole-pixel box of the source that a square target is resampled from."""
    covered = geometry.apply(
        geometry.invert(source_to_target),
        geometry.corners(Box(0, 0, target_size_px, target_size_px)),
    )
    # Two px more on each side feed the resampler's taps at the target's edge.
    box = geometry.round_out(geometry.bounding_box(covered))
    return Box(box.x0 - 2, box.y0 - 2, box.x1 + 2, box.y1 + 2)
