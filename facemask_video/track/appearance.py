"""What a person looks like beside the face: for telling two apart where their boxes cannot."""

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core import geometry
from facemask_video.core.frame import Frame
from facemask_video.core.geometry import Box

Appearance = NDArray[np.float32]
"""Square roots of the shares of colours, shape (160,); the dot product of two is their likeness."""

_AROUND = (0.3, 0.35, 0.9)
# Beside, above and below the box, in its sides: hair and clothes tell more than skin does.
_SIDE_PX = 32


def describe_appearance(frame: Frame, box: Box) -> Appearance:
    """Return how the person about a face box looks: how often each colour occurs, and how high up.

    The head and what is below it are counted apart, each in 8 x 8 colours and 16 shades.
    """
    beside, above, below = _AROUND
    region = Box(
        box.x0 - beside * box.width_px,
        box.y0 - above * box.height_px,
        box.x1 + beside * box.width_px,
        box.y1 + below * box.height_px,
    )
    pixels = frame.read_region(geometry.round_out(region))
    small = cv2.resize(pixels, (_SIDE_PX, 2 * _SIDE_PX), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    parts = []
    for half in (lab[:_SIDE_PX], lab[_SIDE_PX:]):
        # Most colours of people lie in the middle half of a and b.
        bins = [8, 8]
        colours = cv2.calcHist([half], [1, 2], None, bins, [96, 176, 96, 176])
        shades = cv2.calcHist([half], [0], None, [16], [0, 256])
        parts += [colours.ravel(), shades.ravel()]
    shares = np.concatenate(parts)
    return np.asarray(np.sqrt(shares / max(1.0, float(shares.sum()))), dtype=np.float32)


def bhattacharyya_distance(a: Appearance, b: Appearance) -> float:
    """Return 0 for the same look, 1 for nothing in common."""
    return 1.0 - float(a @ b)
