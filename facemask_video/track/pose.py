"""A face as a pose and a shape: where it is, and what it looks like in its own frame.

Convention: a pose maps the face's own frame to the frame of the video: turn by the roll, scale by
the size, shift by the centre. The own frame has its origin near the root of the nose, x to the
image right and y down, and a face is about one unit wide; so errors in it are fractions of a face.

This is a similarity of the image plane, not the head's pose in space that ``cv2.solvePnP`` finds:
four numbers in closed form are what the filter tracks. Six that hang on an unknown camera would
jitter with every guess of a hidden mouth, and neither that function nor
``cv2.estimateAffinePartial2D`` weighs points.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.faces import Landmarks
from facemask_video.core.geometry import Box

Pose = NDArray[np.float64]
"""Shape (4,): centre x px, centre y px, log of the size in px, roll in radians (clockwise on
screen)."""

Shape = NDArray[np.float64]
"""Shape (14,): five landmarks (x, y) in the own frame; box centre (x, y) against the pose's centre
and log width and log height, in sizes and without roll."""

_MODEL = np.array([-0.22 + 0j, 0.22 + 0j, 0.25j, -0.18 + 0.51j, 0.18 + 0.51j])
# Under a mask nose and mouth are guesses; of a profile the eyes alone would tell no size.
_WEIGHTS = np.array([1.0, 1.0, 0.3, 0.2, 0.2]) / 2.7
_MODEL_CENTRE = complex(_WEIGHTS @ _MODEL)
_MODEL_VARIANCE = float(_WEIGHTS @ np.abs(_MODEL - _MODEL_CENTRE) ** 2)


@dataclass(frozen=True, slots=True, eq=False)
class PosedFace:
    """A face split into pose and shape; `join_pose` puts it together again without loss."""

    pose: Pose
    shape: Shape


def split_pose(box: Box, landmarks: Landmarks) -> PosedFace | None:
    """Split box and landmarks into pose and shape; None where they have no extent.

    The pose is the similarity that takes a model face nearest to the landmarks, in weighted least
    squares that lean on the eyes (Umeyama, "Least-squares estimation of transformation parameters
    between two point patterns", IEEE PAMI 1991; in the plane, points as complex numbers).

    Args:
        box: In px of the frame.
        landmarks: Likewise, (5, 2).
    """
    points = landmarks.astype(np.float64) @ np.array([1.0, 1.0j])
    centre = complex(_WEIGHTS @ points)
    covariance = complex((_WEIGHTS * np.conj(_MODEL - _MODEL_CENTRE)) @ (points - centre))
    turn = covariance / _MODEL_VARIANCE
    size = abs(turn)
    if size < 1e-3 or box.width_px <= 0 or box.height_px <= 0:
        return None
    own = (points - centre) / turn
    box_x, box_y = box.center
    shape = np.empty(14)
    shape[0:10:2], shape[1:10:2] = own.real, own.imag
    shape[10:12] = (box_x - centre.real) / size, (box_y - centre.imag) / size
    shape[12:14] = np.log([box.width_px / size, box.height_px / size])
    pose = np.array([centre.real, centre.imag, np.log(size), np.angle(turn)])
    return PosedFace(pose, shape)


def join_pose(pose: Pose, shape: Shape) -> tuple[Box, Landmarks]:
    """Return box and landmarks in frame px for a pose and a shape; nothing is rounded."""
    size = float(np.exp(pose[2]))
    turn = size * np.exp(1j * pose[3])
    points = (shape[0:10:2] + 1j * shape[1:10:2]) * turn + complex(pose[0], pose[1])
    landmarks = np.stack([points.real, points.imag], axis=1).astype(np.float32)
    centre_x, centre_y = pose[0] + shape[10] * size, pose[1] + shape[11] * size
    half_width, half_height = np.exp(shape[12]) * size / 2, np.exp(shape[13]) * size / 2
    box = Box(
        float(centre_x - half_width),
        float(centre_y - half_height),
        float(centre_x + half_width),
        float(centre_y + half_height),
    )
    return box, landmarks


def pose_difference(pose: Pose, origin: Pose) -> Pose:
    """Return a pose less another, the roll the short way round."""
    difference = pose - origin
    difference[3] = np.angle(np.exp(1j * difference[3]))
    return difference


def unwrap_roll(roll: float, near: float) -> float:
    """Return the roll plus the whole turns that bring it nearest to another, so it never jumps.

    >>> round(unwrap_roll(3.1, near=-3.1), 3)
    -3.183
    """
    return roll + 2 * np.pi * round((near - roll) / (2 * np.pi))
