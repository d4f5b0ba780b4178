"""Crops and what a generator might make of them, drawn so that the right answer is known."""

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core.faces import Crop, TrackedFace, TrackId, TranslatedCrop
from facemask_video.core.frame import AlphaF32, ImageU8
from facemask_video.core.geometry import Affine, Box

SIZE_PX = 128


def similarity(scale: float, turn_deg: float, dx_px: float, dy_px: float) -> Affine:
    """Return the map that turns, scales and then shifts."""
    c, s = (scale * f(np.deg2rad(turn_deg)) for f in (np.cos, np.sin))
    return np.array([[c, -s, dx_px], [s, c, dy_px]])


def picture(seed: int = 0) -> ImageU8:
    """Draw a smooth coloured picture with the contrast of a face, its levels from 60 to 200."""
    noise = np.random.default_rng(seed).normal(size=(SIZE_PX, SIZE_PX, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 5)
    return np.asarray(cv2.normalize(smooth, None, 60, 200, cv2.NORM_MINMAX), dtype=np.uint8)


def lower_half() -> AlphaF32:
    """Return 1 below the nose's bridge, 0 above, with an edge of a few px."""
    rows = np.arange(SIZE_PX, dtype=np.float32)
    alpha = np.clip((rows - 62) / 6, 0, 1)
    return np.tile(alpha[:, None], (1, SIZE_PX)).astype(np.float32)


def crop(
    image: ImageU8 | None = None, frame_to_crop: Affine | None = None, track_id: int = 0
) -> Crop:
    landmarks = np.array([[1, 1], [3, 1], [2, 2], [1, 3], [3, 3]], dtype=np.float32)
    return Crop(
        picture() if image is None else image,
        similarity(1, 0, 0, 0) if frame_to_crop is None else frame_to_crop,
        TrackedFace(TrackId(track_id), Box(0, 0, 4, 4), landmarks, 1.0, True),
    )


def translated(
    image: NDArray[np.generic],
    alpha: NDArray[np.generic],
    *,
    source: ImageU8 | None = None,
    frame_to_crop: Affine | None = None,
    track_id: int = 0,
) -> TranslatedCrop:
    return TranslatedCrop(
        crop(source, frame_to_crop, track_id),
        np.clip(np.rint(image), 0, 255).astype(np.uint8),
        alpha.astype(np.float32),
    )
