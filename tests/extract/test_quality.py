import cv2
import numpy as np
import pytest

from facemask_video.align.template import TEMPLATE
from facemask_video.core.frame import ImageU8
from facemask_video.extract.quality import exposure, head_pose, sharpness


def _textured(side_px: int = 128, *, low: int = 40, high: int = 200, seed: int = 0) -> ImageU8:
    grey = np.random.default_rng(seed).random((side_px // 2, side_px // 2)).astype(np.float32)
    grey = cv2.resize(grey, (side_px, side_px), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    return np.repeat((low + (high - low) * grey)[:, :, None], 3, axis=2).astype(np.uint8)


def _blurred(image: ImageU8, sigma_px: float) -> ImageU8:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.uint8)


def test_blur_lowers_sharpness_step_by_step() -> None:
    image = _textured()

    values = [sharpness(_blurred(image, sigma)) for sigma in (0.4, 1, 2, 4)]

    assert values == sorted(values, reverse=True)
    assert values[0] > 3 * values[-1]


def test_sharpness_depends_on_neither_light_nor_contrast() -> None:
    assert sharpness(_textured(low=90, high=170)) == pytest.approx(sharpness(_textured()), rel=0.15)


def test_an_enlarged_small_face_is_less_sharp() -> None:
    image = _textured()
    small = cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA)
    enlarged = np.asarray(cv2.resize(small, (128, 128), interpolation=cv2.INTER_CUBIC), np.uint8)

    assert sharpness(enlarged) < 0.5 * sharpness(image)


def test_one_limit_holds_for_crops_of_every_size() -> None:
    large = _textured(512)
    # The same picture with the same detail, at half the size.
    soft = _blurred(large, 4)
    small = np.asarray(cv2.resize(soft, (256, 256), interpolation=cv2.INTER_AREA), np.uint8)

    assert sharpness(small) == pytest.approx(sharpness(soft), rel=0.1)


def test_exposure_is_brightness_and_what_is_clipped() -> None:
    image = np.full((64, 64, 3), 51, np.uint8)
    assert exposure(image).brightness == pytest.approx(0.2)
    assert exposure(image).clipped == 0

    image[:, 32:] = 255
    assert exposure(image).brightness == pytest.approx(0.6)
    assert exposure(image).clipped == pytest.approx(0.5)


@pytest.mark.parametrize("colour", [0, 255])
def test_the_colour_of_a_mask_is_no_exposure(colour: int) -> None:
    image = np.full((64, 64, 3), 51, np.uint8)
    image[32:] = colour

    assert exposure(image).brightness == pytest.approx(0.2)
    assert exposure(image).clipped == 0


def _seen(yaw_deg: float, pitch_deg: float, roll_deg: float) -> np.ndarray:
    """Return the landmarks of a head with depth, turned."""
    flat = (TEMPLATE - TEMPLATE.mean(axis=0)) * 300
    unit = 0.27 * 300
    head = np.column_stack([flat, np.array([0.0, 0.0, 0.5, 0.1, 0.1]) * unit])
    yaw, pitch, roll = np.radians([yaw_deg, pitch_deg, roll_deg])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    )
    about_z = np.array(
        [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    )
    return ((about_z @ about_x @ about_y @ head.T).T[:, :2] + 200).astype(np.float32)


@pytest.mark.parametrize("turn", [(0, 0, 0), (40, 0, 0), (-40, 0, 0), (0, 25, 0), (0, -25, 0)])
def test_the_turn_of_a_drawn_head_is_found(turn: tuple[float, float, float]) -> None:
    pose = head_pose(_seen(*turn))

    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx(turn, abs=1.0)


def test_a_turned_nose_points_where_yaw_says() -> None:
    points = _seen(30, 0, 0)

    assert points[2, 0] > points[:2, 0].mean()
    assert head_pose(points).yaw_deg > 0


def test_roll_is_clockwise_on_screen() -> None:
    pose = head_pose(_seen(0, 0, 20))

    assert pose.roll_deg == pytest.approx(20, abs=0.5)
    assert pose.yaw_deg == pytest.approx(0, abs=1)
