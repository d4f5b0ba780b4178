"""How usable a face is, in numbers: sharpness, exposure, turn of the head.

All are measured on the aligned crop, where every face has the same size and place, so one limit
holds for all crops, whatever their side.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core.faces import Landmarks
from facemask_video.core.frame import ImageU8

# As fractions of the crop's side: rows and columns of the eyes, which no mask hides.
_EYES = (slice(0.25, 0.48), slice(0.22, 0.78))

# Detail finer than this part of the side counts as fine: 1.5 px of a crop of 128.
_FINE = 0.012
# Added to the contrast, in levels of 255, so that a flat grey patch is not called sharp for its
# noise.
_NO_CONTRAST = 4.0

# The template's face with depth, in eye distances, towards the viewer: the tip of the nose stands
# out, the corners of the mouth a little.
_HEAD = np.array(
    [
        [-0.5, 0.0, 0.0],
        [0.5, 0.0, 0.0],
        [0.0, 0.57, 0.5],
        [-0.414, 1.155, 0.1],
        [0.414, 1.155, 0.1],
    ]
)


@dataclass(frozen=True, slots=True)
class Exposure:
    """Light about the eyes: mean luma in [0, 1], and the share that is black or white."""

    brightness: float
    clipped: float


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Turn of a head in degrees: yaw towards the image's right, pitch down, roll clockwise."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


def sharpness(crop: ImageU8) -> float:
    """Return how much of the contrast about the eyes is fine detail, about 0 to 0.5.

    The standard deviation of what a small Gaussian blur takes away, over that of the whole: so it
    depends on neither light nor contrast, a small face that was enlarged scores as low as one out
    of focus, and masked and bare faces are measured at the same place.
    """
    luma = _region(_luma(crop), _EYES)
    fine = luma - cv2.GaussianBlur(luma, (0, 0), _FINE * crop.shape[0])
    return float(fine.std() / (luma.std() + _NO_CONTRAST))


def exposure(crop: ImageU8) -> Exposure:
    """Return brightness and clipped share about the eyes, where a mask's colour has no part."""
    luma = _region(_luma(crop), _EYES)
    clipped = (luma < 5) | (luma > 250)
    return Exposure(float(luma.mean() / 255), float(clipped.mean()))


def head_pose(landmarks: Landmarks) -> HeadPose:
    """Estimate the turn of the head from five landmarks.

    The scaled orthographic view of a mean head that comes nearest to the landmarks; a face in the
    template's proportions looks straight ahead. Under a mask the nose is a guess of the detector,
    and so is the turn.

    Not `cv2.solvePnP`: of noisy landmarks it gives the same within its error (SQPNP on heads turned
    up to 45 degrees: a median of 1.9 degrees of yaw beside 2.1), but wants to know the camera.
    """
    seen = landmarks.astype(np.float64)
    centred_head, centred_seen = _HEAD - _HEAD.mean(axis=0), seen - seen.mean(axis=0)
    linear = np.linalg.lstsq(centred_head, centred_seen, rcond=None)[0].T
    # The nearest two rows of a rotation, of any scale.
    left, _, right = np.linalg.svd(linear, full_matrices=False)
    across, down = left @ right
    # The nose's direction, and the tilt of the eye line, on screen.
    yaw = math.degrees(math.asin(float(np.clip(across[2], -1, 1))))
    pitch = math.degrees(math.asin(float(np.clip(down[2], -1, 1))))
    eyes = seen[1] - seen[0]
    roll = math.degrees(math.atan2(float(eyes[1]), float(eyes[0])))
    return HeadPose(yaw, pitch, roll)


def _luma(crop: ImageU8) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.float32)


def _region(image: NDArray[np.float32], place: tuple[slice, slice]) -> NDArray[np.float32]:
    side = image.shape[0]
    rows, columns = (slice(round(part.start * side), round(part.stop * side)) for part in place)
    return image[rows, columns]
