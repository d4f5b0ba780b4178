"""Straps of a painted mask, on a plain head whose every pixel is known."""

import cv2
import numpy as np
import pytest

from facemask_video.align.template import TEMPLATE
from facemask_video.core.faces import Crop, TrackedFace, TrackId, TranslatedCrop
from facemask_video.core.geometry import Box
from facemask_video.translate.ear_straps import hang_straps

SIZE_PX = 128
EYE_DISTANCE_PX = 0.27 * SIZE_PX
SKIN, HAIR, WHITE, BLACK = (205, 160, 140), (30, 25, 25), (235, 240, 245), (20, 20, 22)


def masked(
    cloth: tuple[int, int, int] = WHITE, *, nose_shift: float = 0.0, skin_to: float = 1.4
) -> TranslatedCrop:
    """Return a head with skin to so many eye distances from its middle, hair beyond, and a mask."""
    landmarks = (TEMPLATE * SIZE_PX).astype(np.float32)
    landmarks[2, 0] += nose_shift * EYE_DISTANCE_PX
    picture = np.empty((SIZE_PX, SIZE_PX, 3), np.uint8)
    picture[:] = HAIR
    reach = round(skin_to * EYE_DISTANCE_PX)
    picture[:, SIZE_PX // 2 - reach : SIZE_PX // 2 + reach] = SKIN
    alpha = np.zeros((SIZE_PX, SIZE_PX), np.uint8)
    middle = (SIZE_PX // 2, round(0.62 * SIZE_PX))
    cv2.ellipse(alpha, middle, (round(0.8 * EYE_DISTANCE_PX), 24), 0, 0, 360, 255, -1)
    painted = picture.copy()
    painted[alpha > 0] = cloth
    box = Box(20, 20, 108, 120)
    face = TrackedFace(TrackId(0), box, landmarks, 1.0, observed=True)
    crop = Crop(picture, np.eye(2, 3), face)
    return TranslatedCrop(crop, painted, alpha.astype(np.float32) / 255)


def added(crop: TranslatedCrop) -> np.ndarray:
    """Return how much more of the source is hidden with straps, (S, S)."""
    return hang_straps(crop).alpha - crop.alpha


def test_straps_run_from_both_sides_of_a_mask_to_the_ears() -> None:
    crop = masked()
    more = added(crop)
    straps = more > 0.5

    assert more.min() >= 0
    for columns in (range(18, 36), range(92, 110)):
        crossed = straps[:, columns]
        assert crossed.any(axis=0).sum() >= 10  # on their way to the ear
        assert crossed.sum(axis=0).max() <= 10  # two of them, thin
    assert not straps[:, 50:78].any()


def test_straps_are_white_on_light_cloth_and_dark_on_dark() -> None:
    for cloth, low, high in ((WHITE, 200, 256), (BLACK, 0, 60)):
        crop = masked(cloth)
        made = hang_straps(crop)
        level = made.image[(made.alpha - crop.alpha) > 0.8].mean()
        assert low <= level < high


def test_hair_hides_straps_and_all_that_lies_behind_it() -> None:
    free, hidden = (np.abs(added(masked(skin_to=reach))) for reach in (1.4, 0.9))

    beyond = round(1.05 * EYE_DISTANCE_PX)
    for columns in (slice(0, SIZE_PX // 2 - beyond), slice(SIZE_PX // 2 + beyond, SIZE_PX)):
        assert free[:, columns].max() > 0.3
        assert hidden[:, columns].max() < 0.1


@pytest.mark.parametrize("side", [-1, 1])
def test_the_far_ear_of_a_turned_head_is_not_hung_on(side: int) -> None:
    straps = added(masked(nose_shift=0.4 * side)) > 0.5
    halves = straps[:, : SIZE_PX // 2], straps[:, SIZE_PX // 2 :]
    far, near = halves if side < 0 else halves[::-1]

    assert near.any()
    assert not far.any()


def test_pictures_without_a_mask_or_without_skin_are_left_as_they_are() -> None:
    crop = masked()
    bare = TranslatedCrop(crop.source, crop.image, np.zeros_like(crop.alpha))
    assert hang_straps(bare) is bare

    whole = TranslatedCrop(crop.source, crop.image, np.ones_like(crop.alpha))
    assert hang_straps(whole) is whole


def test_pixels_beside_straps_keep_picture_and_alpha() -> None:
    crop = masked()
    made = hang_straps(crop)
    same = made.alpha == crop.alpha

    assert same.mean() > 0.9
    assert np.array_equal(made.image[same], crop.image[same])
