"""The head behind five landmarks: an upright elliptic cylinder with a nose before it.

Convention: head coordinates have their origin between the eyes, x to the image's right, y down and
z to the viewer, in distances between the eyes of the frontal face. Landmarks are in px: the eye at
the image's left, the other one, the nose's tip, and the corners of the mouth likewise.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FACE_POINTS: NDArray[np.float64] = np.array(
    [[-0.5, 0.0], [0.5, 0.0], [0.0, 0.57], [-0.414, 1.155], [0.414, 1.155]], dtype=np.float64
)
"""The five landmarks of a frontal face, shape (5, 2), x and y in head coordinates: the proportions
of the InsightFace five-point template (112x112)."""

EYE_TO_MOUTH = 1.155
"""From the line of the eyes down to that of the mouth."""

NOSE_DEPTH = 0.55
"""How far the nose's tip stands before the eyes."""

HEAD_DEPTH = 1.25
"""Half the depth of the head: z of its front, and of the axis that it turns about behind that."""

_MOST_YAW_RAD = 1.0
# A detector's worst guesses put the mouth on or above the eyes; no head is as flat as that.
_LEAST_HEIGHT = 0.3
_LEAST_PX = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class HeadPose:
    """Where a head lies in a picture.

    Attributes:
        origin: Between the eyes, in px.
        right: Unit vector along the eyes, in the picture.
        down: Unit vector across it.
        yaw_rad: Positive where the nose points to the image's right; -1 to 1.
        unit_px: Px of one eye distance of the frontal face.
        height_px: Px of the same as eyes and mouth alone give it.
    """

    origin: NDArray[np.float64]
    right: NDArray[np.float64]
    down: NDArray[np.float64]
    yaw_rad: float
    unit_px: float
    height_px: float

    def to_head(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return x and y, as the picture shows them, of points (..., 2) in px."""
        across, down = self.right * self.unit_px, self.down * self.unit_px
        offset = points - self.origin
        return np.stack([offset @ across, offset @ down], axis=-1) / float(across @ across)

    def to_picture(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return px of points (n, 2) in x and y as the picture shows them."""
        across, down = self.right * self.unit_px, self.down * self.unit_px
        return np.asarray(self.origin + points[:, :1] * across + points[:, 1:] * down, np.float64)


def head_pose(landmarks: NDArray[np.floating], *, least_height_px: float = 0.0) -> HeadPose:
    """Return place, size, roll and yaw of a head from five landmarks (5, 2) in px.

    Args:
        landmarks: In px.
        least_height_px: What eyes and mouth give at least for an eye distance.
    """
    points = landmarks.astype(np.float64)
    origin, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    eyes = points[1] - points[0]
    distance = max(float(np.hypot(*eyes)), _LEAST_PX)
    right = eyes / distance
    down = np.array([-right[1], right[0]])
    height = float((mouth - origin) @ down) / EYE_TO_MOUTH
    height = max(height, _LEAST_HEIGHT * distance, least_height_px)
    nose = float((points[2] - origin) @ right) / distance
    yaw_rad = float(np.clip(yaw_of_nose(nose), -_MOST_YAW_RAD, _MOST_YAW_RAD))
    unit = float(np.clip(distance / math.cos(yaw_rad), 0.75 * height, 1.35 * height))
    return HeadPose(origin, right, down, yaw_rad, unit, height)


def yaw_of_nose(offset: float) -> float:
    """Return the yaw in radians of a head whose nose is seen beside the middle of its eyes.

    atan because yaw shortens the distance of the eyes too.

    Args:
        offset: Along the eyes, in their distance as it is seen.
    """
    return math.atan(offset / NOSE_DEPTH)
