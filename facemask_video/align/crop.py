"""The aligned crop of a face, out of a frame or an image.

Training crops and live crops are made by this file alone, so the two cannot drift apart.
"""

import numpy as np

from facemask_video.align.similarity import fit_similarity
from facemask_video.align.template import LANDMARK_WEIGHTS, TEMPLATE
from facemask_video.core import geometry
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.faces import Crop, Landmarks, TrackedFace
from facemask_video.core.frame import Frame, ImageU8
from facemask_video.core.geometry import Affine


def frame_to_crop(landmarks: Landmarks, crop_size_px: int) -> Affine:
    """Return the similarity from frame px to crop px for five landmarks."""
    return fit_similarity(landmarks, TEMPLATE * crop_size_px, LANDMARK_WEIGHTS)


def align_face(
    frame: Frame, face: TrackedFace, crop_size_px: int, *, pixel_aspect: float = 1.0
) -> Crop:
    """Return the aligned crop of a face; parts outside the frame repeat its edge.

    Only the crop itself is converted to RGB; see `Frame.read_crop`.

    Args:
        frame: The frame.
        face: The face.
        crop_size_px: Side of the crop.
        pixel_aspect: Width to height of a displayed pixel; the crop's are square.
    """
    crop, to_crop = _align(frame, face.landmarks, crop_size_px, pixel_aspect)
    return Crop(crop, to_crop, face)


def align_face_in_image(
    image: ImageU8, landmarks: Landmarks, crop_size_px: int
) -> tuple[ImageU8, Affine]:
    """Return the aligned crop out of an RGB image as out of a frame, and ``image_to_crop``."""
    return _align(ArrayFrame(image), landmarks, crop_size_px, 1.0)


def _align(
    frame: Frame, landmarks: Landmarks, crop_size_px: int, pixel_aspect: float
) -> tuple[ImageU8, Affine]:
    square = geometry.scaling(pixel_aspect, 1.0)
    landmarks = geometry.apply(square, landmarks).astype(np.float32)
    to_crop = geometry.compose(square, frame_to_crop(landmarks, crop_size_px))
    return frame.read_crop(to_crop, crop_size_px), to_crop
