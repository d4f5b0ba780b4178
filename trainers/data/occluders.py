"""Draw what passes in front of a mask: fingers, and microphones."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]


class Occluder(NamedTuple):
    """Something in front of a face.

    Attributes:
        image: RGB in [0, 1], (S, S, 3).
        alpha: How much of it is seen, in [0, 1], (S, S).
    """

    image: FloatImage
    alpha: FloatImage

    def over(self, picture: FloatImage) -> FloatImage:
        """Lay it over a picture, (S, S, 3)."""
        weight = self.alpha[..., None]
        return (picture + weight * (self.image - picture)).astype(np.float32)

    def taken_from(self, region: FloatImage) -> FloatImage:
        """Take what it hides out of a region, (S, S)."""
        return (region * (1 - self.alpha)).astype(np.float32)


def draw_occluder(face: FloatImage, rng: np.random.Generator) -> Occluder:
    """Draw an occluder over the lower face.

    Args:
        face: RGB in [0, 1], (S, S, 3), aligned; fingers take the colour of its forehead.
        rng: Chooses kind, place, size and colour.
    """
    side = face.shape[0]
    # Drawn at twice the size, so that edges are smooth.
    drawn_side = 2 * side
    centre = np.array([rng.uniform(0.25, 0.75), rng.uniform(0.5, 0.95)]) * drawn_side
    if rng.random() < 0.7:
        alpha, relief = _fingers(drawn_side, centre, rng)
        forehead = face[int(side * 0.12) : int(side * 0.3), int(side * 0.35) : int(side * 0.65)]
        skin = forehead.reshape(-1, 3).mean(0)
        colour = np.clip(skin * rng.uniform(0.7, 1.15) * (1 + rng.uniform(-0.08, 0.08, 3)), 0, 1)
    else:
        alpha, relief = _microphone(drawn_side, centre, rng)
        colour = rng.uniform(0.02, 0.6) * (1 + rng.uniform(-0.15, 0.15, 3))
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), 1.2), np.float32)
    alpha, relief = (
        np.asarray(cv2.resize(plane, (side, side), interpolation=cv2.INTER_AREA), np.float32)
        for plane in (alpha, relief)
    )
    noise = rng.normal(0, 1, (side, side)).astype(np.float32)
    noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.8, 2.5)), np.float32)
    rough = 1 + 0.04 * noise / max(float(noise.std()), 1e-6)
    shading = (0.55 + 0.45 * relief / max(float(relief.max()), 1e-3)) * rough
    image = np.clip(colour * shading[..., None], 0, 1)
    return Occluder(image.astype(np.float32), alpha)


def _fingers(
    side: int, centre: NDArray[np.float64], rng: np.random.Generator
) -> tuple[FloatImage, FloatImage]:
    """Return what one to four fingers cover, and their relief; they come from below."""
    angle = np.pi / 2 + rng.uniform(-1.4, 1.4)
    along, across = (
        np.array([np.cos(angle), np.sin(angle)]),
        np.array([-np.sin(angle), np.cos(angle)]),
    )
    count, width = int(rng.integers(1, 5)), side * rng.uniform(0.045, 0.075)
    alpha, relief = (np.zeros((side, side), np.float32) for _ in range(2))
    for finger in range(count):
        beside = across * (finger - (count - 1) / 2) * width * 1.1
        tip = centre + beside - along * side * rng.uniform(0, 0.05)
        root = tip + along * side * rng.uniform(0.25, 0.9)
        alpha = np.maximum(alpha, _line(side, tip, root, width))
        ridge = cv2.GaussianBlur(_line(side, tip, root, width * 0.45), (0, 0), width * 0.28)
        relief = np.maximum(relief, np.asarray(ridge, np.float32))
    return alpha, relief


def _microphone(
    side: int, centre: NDArray[np.float64], rng: np.random.Generator
) -> tuple[FloatImage, FloatImage]:
    """Return what a microphone and its handle cover, and their relief; from any side."""
    angle, radius = rng.uniform(0, 2 * np.pi), side * rng.uniform(0.05, 0.14)
    alpha = np.zeros((side, side), np.float32)
    axes = int(radius * rng.uniform(1, 1.8)), int(radius)
    middle = int(centre[0]), int(centre[1])
    cv2.ellipse(alpha, middle, axes, float(np.degrees(angle)), 0, 360, 1.0, -1)
    end = centre + np.array([np.cos(angle), np.sin(angle)]) * side
    alpha = np.maximum(alpha, _line(side, centre, end, max(2.0, radius * rng.uniform(0.2, 0.7))))
    return alpha, np.asarray(cv2.GaussianBlur(alpha, (0, 0), radius * 0.5), np.float32)


def _line(
    side: int, start: NDArray[np.float64], end: NDArray[np.float64], width: float
) -> FloatImage:
    plane = np.zeros((side, side), np.float32)
    points = [(int(x), int(y)) for x, y in (start, end)]
    cv2.line(plane, points[0], points[1], 1.0, max(1, int(width)))
    return plane
