"""What a person looks like beside the face: for telling two apart where their boxes cannot."""

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core import geometry
from facemask_video.core.frame import Frame
from facemask_video.core.geometry import Box

Appearance = NDArray[np.float32]
"""Square roots of a colour histogram's shares, shape (160,); the dot product of two is their
Bhattacharyya coefficient."""

_BESIDE, _ABOVE, _BELOW = 0.3, 0.35, 0.9
# Around the box, in its sides: hair and clothes tell more than skin does.
_WIDTH_PX = 32


def describe_appearance(frame: Frame, box: Box) -> Appearance:
    """Return the colour histogram of the person about a face box.

    The head and what is below it are counted apart, each in 8 x 8 bins of Lab's a and b and 16 of
    its lightness.
    """
    region = Box(
        box.x0 - _BESIDE * box.width_px,
        box.y0 - _ABOVE * box.height_px,
        box.x1 + _BESIDE * box.width_px,
        box.y1 + _BELOW * box.height_px,
    )
    pixels = frame.read_region(geometry.round_out(region))
    small = cv2.resize(pixels, (_WIDTH_PX, 2 * _WIDTH_PX), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    parts = []
    for half in (lab[:_WIDTH_PX], lab[_WIDTH_PX:]):
        # Most colours of people lie in the middle half of a and b.
        colours = cv2.calcHist([half], [1, 2], None, [8, 8], [96, 176, 96, 176])
        lightness = cv2.calcHist([half], [0], None, [16], [0, 256])
        parts += [colours.ravel(), lightness.ravel()]
    shares = np.concatenate(parts)
    return np.asarray(np.sqrt(shares / max(1.0, float(shares.sum()))), dtype=np.float32)


def mean_appearance(a: Appearance, b: Appearance) -> Appearance:
    """Return the root histogram of two together."""
    shares = a**2 + b**2
    return np.asarray(np.sqrt(shares / shares.sum()), dtype=np.float32)


def bhattacharyya_distance(a: Appearance, b: Appearance) -> float:
    """Return 1 less the Bhattacharyya coefficient: 0 for equal histograms, 1 for disjoint ones.

    The square of what OpenCV's ``HISTCMP_BHATTACHARYYA`` returns.
    """
    return 1.0 - float(a @ b)
