"""The similarity against hand arithmetic, and what an aligned crop shows."""

from collections.abc import Sequence
from fractions import Fraction

import cv2
import numpy as np
import pytest

from facemask_video.align.crop import align_face, align_face_in_image, frame_to_crop
from facemask_video.align.similarity import fit_similarity
from facemask_video.align.template import EYE_DISTANCE, EYE_HEIGHT, TEMPLATE
from facemask_video.core import geometry
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.faces import TrackedFace, TrackId
from facemask_video.core.frame import ImageU8, Patch
from facemask_video.core.geometry import Affine, Box
from tests.fakes import detection_at

CROP_PX = 64
SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


class PictureFrame:
    """A frame made of one RGB picture, in memory."""

    index, pts, time_base = 0, 0, Fraction(1, 25)

    def __init__(self, image: ImageU8) -> None:
        self.image = image
        self.height_px, self.width_px = image.shape[:2]
        self.read: list[Box] = []

    def thumbnail(self, max_side_px: int) -> tuple[ImageU8, float]:
        raise NotImplementedError

    def read_region(self, box: Box) -> ImageU8:
        self.read.append(box)
        rows = np.clip(np.arange(int(box.y0), int(box.y1)), 0, self.height_px - 1)
        columns = np.clip(np.arange(int(box.x0), int(box.x1)), 0, self.width_px - 1)
        return np.ascontiguousarray(self.image[np.ix_(rows, columns)])

    def read_crop(self, frame_to_crop: Affine, size_px: int) -> ImageU8:
        return ArrayFrame.read_crop(self, frame_to_crop, size_px)

    def with_patches(self, patches: Sequence[Patch]) -> "PictureFrame":
        raise NotImplementedError


def landmarks_at(crop_to_frame: Affine) -> np.ndarray:
    return geometry.apply(crop_to_frame, TEMPLATE * CROP_PX).astype(np.float32)


def similarity(scale: float, turn_deg: float, dx_px: float, dy_px: float) -> Affine:
    c, s = (scale * f(np.deg2rad(turn_deg)) for f in (np.cos, np.sin))
    return np.array([[c, -s, dx_px], [s, c, dy_px]])


def face_at(landmarks: np.ndarray) -> TrackedFace:
    return TrackedFace(TrackId(0), geometry.bounding_box(landmarks), landmarks, 1.0, True)


def smooth_picture() -> ImageU8:
    noise = np.random.default_rng(5).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)


def test_similarity_finds_a_quarter_turn_doubled_and_shifted() -> None:
    target = np.array([[3.0, -1.0], [3.0, 1.0], [1.0, 1.0], [1.0, -1.0]])
    found = fit_similarity(SQUARE, target)
    np.testing.assert_allclose(found, [[0, -2, 3], [2, 0, -1]], atol=1e-12)


def test_similarity_leans_on_heavy_points() -> None:
    target = SQUARE.copy()
    target[3] += [0.0, 5.0]
    found = fit_similarity(SQUARE, target, np.array([1.0, 1.0, 1.0, 0.0]))
    np.testing.assert_allclose(found, [[1, 0, 0], [0, 1, 0]], atol=1e-12)


def test_similarity_never_mirrors() -> None:
    found = fit_similarity(SQUARE, SQUARE * [-1.0, 1.0])
    assert np.linalg.det(found[:, :2]) >= 0


def test_similarity_refuses_points_that_coincide() -> None:
    with pytest.raises(ValueError, match="coincide"):
        fit_similarity(np.ones((5, 2)), TEMPLATE)


@pytest.mark.parametrize("truth", [similarity(1.7, 12, 90, 40), similarity(0.4, -35, 60, 80)])
def test_landmarks_of_the_template_give_back_its_map(truth: Affine) -> None:
    found = frame_to_crop(landmarks_at(truth), CROP_PX)
    np.testing.assert_allclose(geometry.compose(truth, found), np.eye(3)[:2], atol=1e-4)


def test_eyes_hold_the_fit_when_the_mouth_is_guessed() -> None:
    truth = similarity(1.5, 0, 80, 40)
    landmarks = landmarks_at(truth)
    landmarks[2:] += [6.0, 9.0]  # Off by more than a quarter of the 26 px between the eyes.
    eyes = geometry.apply(frame_to_crop(landmarks, CROP_PX), landmarks[:2])
    wanted = TEMPLATE[:2] * CROP_PX
    shift_of_a_fair_fit = np.abs(
        geometry.apply(fit_similarity(landmarks, TEMPLATE * CROP_PX), landmarks[:2]) - wanted
    ).max()
    assert np.abs(eyes - wanted).max() < 0.75 * shift_of_a_fair_fit
    assert np.abs(eyes - wanted).max() < 0.03 * CROP_PX


def test_template_puts_level_eyes_where_it_says() -> None:
    left, right = TEMPLATE[0], TEMPLATE[1]
    assert left[1] == right[1] == pytest.approx(EYE_HEIGHT)
    assert right[0] - left[0] == pytest.approx(EYE_DISTANCE)
    assert (left[0] + right[0]) / 2 == pytest.approx(0.5)


def test_crop_shows_the_chin_and_both_ears() -> None:
    """Adult proportions: chin 1.8 eye distances below the eyes, ears 1.25 to either side."""
    chin = EYE_HEIGHT + 1.8 * EYE_DISTANCE
    ear = 0.5 - 1.25 * EYE_DISTANCE
    assert chin < 0.95
    assert ear > 0.05


@pytest.mark.parametrize("zoom", [0.7, 1.4, 3.3])
@pytest.mark.parametrize("left_px", [120.3, -20.4])
def test_crop_of_a_frame_is_the_crop_of_its_picture(zoom: float, left_px: float) -> None:
    picture = smooth_picture()
    landmarks = landmarks_at(similarity(zoom, 9, left_px, 60.8))
    frame = PictureFrame(picture)
    crop = align_face(frame, face_at(landmarks), CROP_PX)
    whole, image_to_crop = align_face_in_image(picture, landmarks, CROP_PX)
    np.testing.assert_array_equal(crop.frame_to_crop, image_to_crop)
    np.testing.assert_array_equal(crop.image, whole)


def test_crop_reads_only_the_rectangle_under_it() -> None:
    frame = PictureFrame(smooth_picture())
    align_face(frame, face_at(landmarks_at(similarity(1.0, 0, 100.5, 50.5))), CROP_PX)
    assert frame.read == [Box(98, 48, 167, 117)]


def test_crop_follows_a_face_by_fractions_of_a_pixel() -> None:
    at = np.arange(320, dtype=np.float64) + 0.5
    picture = np.repeat(np.tile(0.5 * at, (240, 1))[:, :, None], 3, axis=2).astype(np.uint8)
    means = [
        align_face(
            PictureFrame(picture), face_at(landmarks_at(similarity(1.0, 0, x_px, 50))), CROP_PX
        ).image.mean()
        for x_px in (100.0, 100.5, 101.0)
    ]
    assert means[0] < means[1] < means[2]


def test_crop_at_the_edge_repeats_it() -> None:
    picture = np.full((60, 60, 3), 90, dtype=np.uint8)
    crop = align_face(PictureFrame(picture), face_at(landmarks_at(similarity(1, 0, -30, -30))), 64)
    assert (crop.image == 90).all()


def test_beyond_the_frame_a_crop_has_neither_streaks_nor_a_second_mouth() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    image[:, :, 0] = np.linspace(0, 255, 160)
    # The frame ends below the nose.
    landmarks = detection_at(80, 100, 60).landmarks

    crop, to_crop = align_face_in_image(image, landmarks, 128)

    edge = round(float(geometry.apply(to_crop, np.array([[80.0, 120.0]]))[0, 1]))
    assert 60 < edge < 110
    beyond = crop[edge + 10 :].astype(int)
    # Nothing of the noise is left, and colours change slowly, as they do near by.
    assert np.abs(np.diff(beyond[..., 1:], axis=1)).max() <= 3
    assert np.abs(np.diff(beyond, axis=0)).max() <= 3
    assert (np.diff(beyond[0, 20:-20, 0]) >= 0).mean() > 0.95
    inside, _ = align_face_in_image(np.pad(image, ((0, 80), (0, 0), (0, 0))), landmarks, 128)
    assert (crop[: edge - 2] == inside[: edge - 2]).all()
