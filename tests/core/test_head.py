"""The head behind five landmarks: place, size, roll and yaw of heads whose pose is known."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from facemask_video.core.head import (
    EYE_TO_MOUTH,
    FACE_POINTS,
    HEAD_DEPTH,
    NOSE_DEPTH,
    head_pose,
)


def seen(
    yaw_rad: float, *, roll_rad: float, unit_px: float, at: tuple[float, float]
) -> NDArray[np.float64]:
    """Project the model's points, the nose before the eyes, as a far camera sees them."""
    z = np.array([0.0, 0.0, NOSE_DEPTH, 0.0, 0.0])
    x = FACE_POINTS[:, 0] * math.cos(yaw_rad) + z * math.sin(yaw_rad)
    turn = np.array(
        [[math.cos(roll_rad), -math.sin(roll_rad)], [math.sin(roll_rad), math.cos(roll_rad)]]
    )
    return unit_px * np.stack([x, FACE_POINTS[:, 1]], axis=1) @ turn.T + at


@pytest.mark.parametrize("yaw_deg", [-40, -10, 0, 25, 50])
@pytest.mark.parametrize("roll_deg", [-30, 0, 100])
def test_the_pose_of_a_projected_head_is_found_again(yaw_deg: float, roll_deg: float) -> None:
    yaw, roll = math.radians(yaw_deg), math.radians(roll_deg)
    pose = head_pose(seen(yaw, roll_rad=roll, unit_px=30.0, at=(70.0, 50.0)))
    assert pose.origin == pytest.approx([70, 50])
    assert pose.yaw_rad == pytest.approx(yaw)
    assert pose.unit_px == pytest.approx(30)
    assert pose.height_px == pytest.approx(30)
    assert pose.right == pytest.approx([math.cos(roll), math.sin(roll)])
    assert pose.down == pytest.approx([-math.sin(roll), math.cos(roll)])


def test_places_on_the_head_and_in_the_picture_are_each_other_s() -> None:
    pose = head_pose(seen(0.4, roll_rad=0.3, unit_px=25.0, at=(10.0, 90.0)))
    places = np.array([[0.0, 0.0], [0.0, EYE_TO_MOUTH], [-HEAD_DEPTH, 0.5]])
    assert pose.to_head(pose.to_picture(places)) == pytest.approx(places)
    assert pose.to_picture(places[:1])[0] == pytest.approx(pose.origin)


def test_guesses_of_no_head_give_a_finite_pose() -> None:
    for points in (np.zeros((5, 2)), FACE_POINTS * [1, -1], FACE_POINTS * [1, 0]):
        pose = head_pose(points * 20, least_height_px=1.0)
        assert pose.height_px >= 1
        assert np.isfinite([*pose.origin, *pose.right, pose.yaw_rad, pose.unit_px]).all()
    far_beside = FACE_POINTS.copy()
    far_beside[2, 0] = 9
    assert head_pose(far_beside).yaw_rad == 1.0
