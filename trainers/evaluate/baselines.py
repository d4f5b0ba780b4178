"""Trivial ways to take off a mask, which a generator has to beat.

All of them are given the true segmentation of the mask, which a generator is not.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from trainers.evaluate.crop_pairs import CropPairs, ImageBatch

# Radius of OpenCV's inpainting; its documentation's examples use 3.
RADIUS_PX = 3.0


def baselines(pairs: CropPairs, mean_face: NDArray[np.float32] | None) -> dict[str, ImageBatch]:
    """Return the outputs of each baseline by name.

    Args:
        pairs: Their masked pictures are filled inside their hidden regions.
        mean_face: Shape (S, S, 3), of faces not evaluated; None leaves it out.
    """
    masked, hidden = pairs.masked.images, pairs.hidden
    filled = {
        "telea": _inpainted(masked, hidden, cv2.INPAINT_TELEA),
        "navier-stokes": _inpainted(masked, hidden, cv2.INPAINT_NS),
    }
    if mean_face is not None:
        mean = np.rint(mean_face).clip(0, 255).astype(np.uint8)
        filled["mean face"] = np.where(hidden[..., None], mean, masked)
    return {**filled, "copy": masked}


def _inpainted(images: ImageBatch, hidden: NDArray[np.bool_], method: int) -> ImageBatch:
    filled = [
        cv2.inpaint(np.ascontiguousarray(image), region.astype(np.uint8), RADIUS_PX, method)
        for image, region in zip(images, hidden, strict=True)
    ]
    return np.stack(filled).astype(np.uint8)
