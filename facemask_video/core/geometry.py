"""Boxes and affine maps of the plane.

Convention: px, x right and y down, origin at the outer corner of the top-left pixel, so the centre
of that pixel is (0.5, 0.5). Boxes are half-open. An affine map is a float64 array of shape (2, 3)
that takes column points (x, y, 1); it is named ``source_to_target``.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Affine = NDArray[np.float64]
Points = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned rectangle, half-open, in float px; may leave the frame."""

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        finite = all(math.isfinite(v) for v in (self.x0, self.y0, self.x1, self.y1))
        if not finite or self.x1 < self.x0 or self.y1 < self.y0:
            raise ValueError(f"Box: got {self}, expected finite x0 <= x1 and y0 <= y1.")

    @property
    def width_px(self) -> float:
        """Width in px, >= 0."""
        return self.x1 - self.x0

    @property
    def height_px(self) -> float:
        """Height in px, >= 0."""
        return self.y1 - self.y0

    @property
    def area_px2(self) -> float:
        """Area in square px."""
        return self.width_px * self.height_px

    @property
    def center(self) -> tuple[float, float]:
        """Centre (x, y) in px."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2


def iou(a: Box, b: Box) -> float:
    """Return intersection over union of two boxes, in [0, 1]; 0 where both are empty.

    >>> iou(Box(0, 0, 2, 2), Box(1, 0, 3, 2))
    0.3333333333333333
    """
    width = max(0.0, min(a.x1, b.x1) - max(a.x0, b.x0))
    height = max(0.0, min(a.y1, b.y1) - max(a.y0, b.y0))
    shared = width * height
    union = a.area_px2 + b.area_px2 - shared
    return shared / union if union > 0 else 0.0


def overlap_coefficient(a: Box, b: Box) -> float:
    """Return the part of the smaller of two boxes that the other covers, in [0, 1].

    >>> overlap_coefficient(Box(0, 0, 4, 4), Box(2, 0, 4, 2))
    1.0
    """
    width = max(0.0, min(a.x1, b.x1) - max(a.x0, b.x0))
    height = max(0.0, min(a.y1, b.y1) - max(a.y0, b.y0))
    smaller = min(a.area_px2, b.area_px2)
    return width * height / smaller if smaller > 0 else 0.0


def expand(box: Box, factor: float) -> Box:
    """Scale a box about its centre.

    Args:
        box: Box to scale.
        factor: Ratio of new to old side, > 0; 1 keeps the box.

    >>> expand(Box(10, 10, 20, 20), 2.0)
    Box(x0=5.0, y0=5.0, x1=25.0, y1=25.0)
    """
    center_x, center_y = box.center
    half_width, half_height = box.width_px * factor / 2, box.height_px * factor / 2
    return Box(
        center_x - half_width, center_y - half_height, center_x + half_width, center_y + half_height
    )


def clip(box: Box, width_px: float, height_px: float) -> Box:
    """Cut a box to the frame; a box wholly outside becomes empty on the frame's edge.

    >>> clip(Box(-3, 2, 50, 8), 20, 10)
    Box(x0=0.0, y0=2, x1=20, y1=8)
    """
    x0, x1 = (min(max(v, 0.0), width_px) for v in (box.x0, box.x1))
    y0, y1 = (min(max(v, 0.0), height_px) for v in (box.y0, box.y1))
    return Box(x0, y0, x1, y1)


def round_out(box: Box) -> Box:
    """Return the smallest box with whole-pixel edges that holds this one.

    >>> round_out(Box(0.2, 1.0, 3.1, 4.9))
    Box(x0=0, y0=1, x1=4, y1=5)
    """
    return Box(math.floor(box.x0), math.floor(box.y0), math.ceil(box.x1), math.ceil(box.y1))


def bounding_box(points: Points) -> Box:
    """Return the smallest box that holds points of shape (n, 2), n >= 1."""
    x0, y0 = (float(v) for v in points.min(axis=0))
    x1, y1 = (float(v) for v in points.max(axis=0))
    return Box(x0, y0, x1, y1)


def corners(box: Box) -> NDArray[np.float64]:
    """Return the four corners, clockwise from the top left, shape (4, 2)."""
    return np.array(
        [[box.x0, box.y0], [box.x1, box.y0], [box.x1, box.y1], [box.x0, box.y1]], dtype=np.float64
    )


def apply(source_to_target: Affine, points: Points) -> NDArray[np.float64]:
    """Map points of shape (n, 2)."""
    return np.asarray(points @ source_to_target[:, :2].T + source_to_target[:, 2], dtype=np.float64)


def invert(source_to_target: Affine) -> Affine:
    """Return target_to_source.

    Raises:
        ValueError: The map is singular.
    """
    # Number by number, as in all that follows: six are too few for NumPy's calls to pay.
    (a, b, x), (c, d, y) = source_to_target.tolist()
    determinant = a * d - b * c
    if abs(determinant) < 1e-12:
        raise ValueError("invert: the affine map is singular.")
    a, b, c, d = d / determinant, -b / determinant, -c / determinant, a / determinant
    return np.array([[a, b, -(a * x + b * y)], [c, d, -(c * x + d * y)]], np.float64)


def compose(first: Affine, then: Affine) -> Affine:
    """Return the map that applies ``first`` and after it ``then``."""
    (a, b, x), (c, d, y) = first.tolist()
    (p, q, u), (r, s, v) = then.tolist()
    return np.array(
        [
            [p * a + q * c, p * b + q * d, p * x + q * y + u],
            [r * a + s * c, r * b + s * d, r * x + s * y + v],
        ],
        np.float64,
    )


def translation(dx_px: float, dy_px: float) -> Affine:
    """Return the map that adds (dx, dy)."""
    return np.array([[1.0, 0.0, dx_px], [0.0, 1.0, dy_px]], dtype=np.float64)


def scaling(across: float, down: float) -> Affine:
    """Return the map that scales each axis about the origin.

    >>> apply(scaling(2.0, 1.0), np.array([[3.0, 4.0]])).tolist()
    [[6.0, 4.0]]
    """
    return np.array([[across, 0.0, 0.0], [0.0, down, 0.0]])


def scale_of(source_to_target: Affine) -> float:
    """Return the map's mean linear scale (target px a source px)."""
    (a, b, _), (c, d, _) = source_to_target.tolist()
    return math.sqrt(abs(a * d - b * c))
