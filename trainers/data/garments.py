"""Garments drawn under bare faces: gowns and scarves of the cloth that the face's mask has.

Only its shape, not its colour, then distinguishes a mask from a collar beside it.
"""

import numpy as np
from numpy.typing import NDArray

from trainers.data.heads import place_head
from trainers.data.masks import FloatImage
from trainers.data.noise import smooth_noise


def draw_garment(
    image: FloatImage,
    landmarks: NDArray[np.floating],
    color: tuple[float, float, float],
    rng: np.random.Generator,
    *,
    texture: FloatImage | None = None,
) -> FloatImage:
    """Put a garment on whoever a bare, aligned crop shows, from below the chin down.

    Args:
        image: RGB float32 in [0, 1], shape (S, S, 3).
        landmarks: Shape (5, 2) in px of the image.
        color: Of the cloth, RGB in [0, 1].
        rng: Source of shape, light and folds.
        texture: A picture of cloth whose mean colour is taken instead, RGB float32 in [0, 1].

    Returns:
        The picture with the garment, like ``image``.
    """
    size_px = image.shape[0]
    head = place_head(landmarks, size_px, 0.0)
    x = head.seen
    # The chin lies near 1.8; a collar is lowest in its middle, lies askew, or hides a bent chin.
    edge = rng.uniform(1.75, 2.6) + rng.uniform(-0.5, 0.5) * x - rng.uniform(-0.05, 0.3) * x**2
    opacity = np.clip((head.y - edge) * head.px / 1.5 + 0.5, 0, 1)[..., None]
    cloth = np.array(color if texture is None else texture.mean(axis=(0, 1)), np.float32)
    folds = smooth_noise(rng, (5, 6), size_px, spread=0.1)
    # As bright as the face is lit, the mask's own light aside.
    level = 0.3 + float(np.percentile(image.mean(axis=2), 70)) * rng.uniform(0.6, 1.2)
    fabric = cloth * (level * (1 + folds))[..., None]
    dressed = np.clip(image * (1 - opacity) + fabric * opacity, 0, 1)
    return np.asarray(dressed, np.float32)
