"""The aligned crop of a face, out of a frame or an image.

Training crops and live crops are made by this file alone, so the two cannot drift apart.
"""

import cv2
import numpy as np

from facemask_video.align.similarity import fit_similarity
from facemask_video.align.template import LANDMARK_WEIGHTS, TEMPLATE
from facemask_video.core import geometry
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.faces import Crop, Landmarks, TrackedFace
from facemask_video.core.frame import Frame, ImageU8
from facemask_video.core.geometry import Affine, Box

# Of the crop's side: how far beyond the frame its repeated edge has faded, and how wide the mean
# is that it fades into.
_FADED_AT, _MEAN_SIGMA = 0.06, 0.12
# How many px of the crop along each side that mean is taken of at once: it is an eighth of the crop
# wide.
_MEAN_STEP_PX = 4


def frame_to_crop(landmarks: Landmarks, crop_size_px: int) -> Affine:
    """Return the similarity from frame px to crop px for five landmarks."""
    return fit_similarity(landmarks, TEMPLATE * crop_size_px, LANDMARK_WEIGHTS)


def align_face(
    frame: Frame, face: TrackedFace, crop_size_px: int, *, pixel_aspect: float = 1.0
) -> Crop:
    """Return the aligned crop of a face; outside the frame its edge fades away.

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
    crop = frame.read_crop(to_crop, crop_size_px)
    return _faded(crop, to_crop, frame.width_px, frame.height_px), to_crop


def _faded(crop: ImageU8, to_crop: Affine, width_px: int, height_px: int) -> ImageU8:
    """Let the repeated edge of the frame fade into the mean of what lies near.

    Repeated alone it gives streaks; mirrored, a face that the edge cuts off gets a second mouth.
    """
    size_px = crop.shape[0]
    to_frame = geometry.invert(to_crop)
    corners = geometry.apply(to_frame, geometry.corners(Box(0, 0, size_px, size_px)))
    if (corners >= 0).all() and (corners <= (width_px, height_px)).all():
        return crop
    centres = np.arange(size_px) + 0.5
    x = to_frame[0, 0] * centres[None] + to_frame[0, 1] * centres[:, None] + to_frame[0, 2]
    y = to_frame[1, 0] * centres[None] + to_frame[1, 1] * centres[:, None] + to_frame[1, 2]
    beyond_px = np.maximum(np.maximum(-x, x - width_px), np.maximum(-y, y - height_px))
    inside = (beyond_px <= 0).astype(np.float32)
    if inside.all() or not inside.any():
        return crop
    held = crop * inside[:, :, None]
    # Where nothing is near, the mean of all.
    least = np.float32(1e-4)
    mean = held.sum((0, 1)) / inside.sum()
    small = (-(-size_px // _MEAN_STEP_PX),) * 2
    sigma = _MEAN_SIGMA * small[0]
    held, inside = (
        np.asarray(cv2.resize(each, small, interpolation=cv2.INTER_AREA)) for each in (held, inside)
    )
    held, inside = (
        np.asarray(cv2.GaussianBlur(each, (0, 0), sigma, borderType=cv2.BORDER_REFLECT))
        for each in (held, inside)
    )
    near = (held + least * mean) / (inside[:, :, None] + least)
    near = np.asarray(cv2.resize(near, (size_px, size_px), interpolation=cv2.INTER_LINEAR))
    share = np.clip(beyond_px * geometry.scale_of(to_crop) / (_FADED_AT * size_px), 0, 1)
    faded = crop + share.astype(np.float32)[:, :, None] * (near - crop)
    return np.asarray(np.rint(faded), np.uint8)
