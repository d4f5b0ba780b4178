import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facemask_video.composite.grain import GrainMatcher
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.faces import TranslatedCrop
from facemask_video.core.frame import ImageU8, Patch
from facemask_video.core.geometry import Box
from tests.composite.crops import SIZE_PX, lower_half, similarity, translated

ALPHA = lower_half()
PAINT = (slice(80, 120), slice(20, 108))


def grey(level: int = 140) -> ImageU8:
    return np.full((SIZE_PX, SIZE_PX, 3), level, np.uint8)


def noisy(image: ImageU8, strength: float, seed: int = 0) -> ImageU8:
    """Add the same white noise to the three channels."""
    noise = np.random.default_rng(seed).normal(0, strength, image.shape[:2])
    return np.clip(np.rint(image + noise[:, :, None]), 0, 255).astype(np.uint8)


def stripes(blur_px: float) -> ImageU8:
    """Draw dark stripes across the crop, as brows, lips and lashes are edges of a face."""
    image = grey()
    for row in (40, 46, 84, 92, 100, 108):
        image[row : row + 3] = 70
    return np.asarray(cv2.GaussianBlur(image, (0, 0), blur_px), np.uint8)


def matched(
    source: ImageU8, paint: ImageU8, *, index: int = 0, matcher: GrainMatcher | None = None
) -> Patch:
    crop = translated(paint, ALPHA, source=source)
    return (matcher or GrainMatcher()).match(patch_of(crop), crop, ArrayFrame(source, index))


def patch_of(crop: TranslatedCrop) -> Patch:
    return Patch(Box(0, 0, SIZE_PX, SIZE_PX), crop.image, crop.alpha)


def grain_of(patch: Patch) -> NDArray[np.float64]:
    return np.asarray(patch.image[PAINT][..., 1], np.float64) - 140


@pytest.mark.parametrize("strength", [1.5, 4.0])
def test_flat_paint_gets_the_noise_of_the_skin(strength: float) -> None:
    source = noisy(grey(), strength)

    grain = grain_of(matched(source, grey()))

    assert grain.std() == pytest.approx(strength, rel=0.25)
    assert abs(grain.mean()) < 0.3


def test_paint_beside_clean_skin_stays_as_it_is() -> None:
    patch = matched(grey(), grey())

    np.testing.assert_array_equal(patch.image, grey())


def test_paint_that_has_the_noise_already_gets_no_more() -> None:
    grain = grain_of(matched(noisy(grey(), 3), noisy(grey(), 3, seed=1)))

    assert grain.std() == pytest.approx(3, rel=0.15)


def test_hair_over_the_forehead_is_no_grain() -> None:
    source = noisy(grey(), 20)
    source[45:] = 140

    np.testing.assert_array_equal(matched(source, grey()).image, grey())


def test_only_the_picture_of_a_patch_is_changed() -> None:
    source, paint = noisy(grey(), 4), grey()
    before = source.copy()

    patch = matched(source, paint)

    np.testing.assert_array_equal(patch.alpha, ALPHA)
    assert patch.box == Box(0, 0, SIZE_PX, SIZE_PX)
    np.testing.assert_array_equal(source, before)
    np.testing.assert_array_equal(paint, grey())


def test_two_runs_agree() -> None:
    runs = []
    for matcher in (GrainMatcher(), GrainMatcher()):
        frames = [noisy(grey(), 3, seed) for seed in range(3)]
        runs.append([matched(f, grey(), index=i, matcher=matcher) for i, f in enumerate(frames)])

    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


@pytest.mark.parametrize(("repeats", "least", "most"), [(True, 0.5, 1.0), (False, -0.2, 0.2)])
def test_grain_stays_as_far_as_that_of_the_skin_does(
    repeats: bool, least: float, most: float
) -> None:
    matcher = GrainMatcher()
    patches = [
        matched(noisy(grey(), 4, 0 if repeats else i), grey(), index=i, matcher=matcher)
        for i in range(12)
    ]

    last, one_before = grain_of(patches[-1]), grain_of(patches[-2])

    assert least < np.corrcoef(last.ravel(), one_before.ravel())[0, 1] < most


def test_grain_follows_the_skin_though_not_every_frame_is_measured() -> None:
    matcher = GrainMatcher()
    strengths = [1.5] * 6 + [4.0] * 18
    grains = [
        grain_of(matched(noisy(grey(), strength, i), grey(), index=i, matcher=matcher)).std()
        for i, strength in enumerate(strengths)
    ]

    assert grains[5] == pytest.approx(1.5, rel=0.25)
    assert grains[-1] == pytest.approx(4.0, rel=0.25)


def test_a_person_who_was_away_begins_anew() -> None:
    source, matcher = noisy(grey(), 4), GrainMatcher()
    for index in range(10):
        matched(source, grey(), index=index, matcher=matcher)

    again = matched(source, grey(), index=20, matcher=matcher)

    np.testing.assert_array_equal(again.image, matched(source, grey(), index=20).image)


def test_all_is_measured_anew_where_a_run_may_go_on() -> None:
    frames = [noisy(grey(), 3, seed) for seed in range(6)]
    matcher, later = GrainMatcher(forget_every=4), GrainMatcher(forget_every=4)

    whole = [matched(f, grey(), index=i, matcher=matcher) for i, f in enumerate(frames)]

    for index in (4, 5):
        again = matched(frames[index], grey(), index=index, matcher=later)
        np.testing.assert_array_equal(again.image, whole[index].image)


def test_paint_gets_as_soft_as_a_blurred_face() -> None:
    paint = stripes(0.6)

    patch = matched(stripes(2.0), paint)

    assert _sharpness(patch.image) < 0.9 * _sharpness(paint)


def test_soft_paint_is_sharpened_and_gets_no_halo() -> None:
    paint = stripes(1.6)

    patch = matched(stripes(0.6), paint)

    assert _sharpness(patch.image) > 1.1 * _sharpness(paint)
    assert np.quantile(patch.image[PAINT], 0.99) <= 140 + 6
    assert np.quantile(patch.image[PAINT], 0.01) >= paint[PAINT].min() - 6


def _sharpness(image: ImageU8) -> float:
    rows = np.asarray(image[PAINT][..., 1], np.float64)
    return float(np.square(np.diff(rows, axis=0)).mean())


def test_grain_is_as_blurred_as_that_of_the_skin() -> None:
    side_px = 3 * SIZE_PX
    noise = np.random.default_rng(0).normal(0, 1, (side_px, side_px)).astype(np.float32)
    coarse = cv2.GaussianBlur(noise, (0, 0), 0.8)
    source = np.clip(140 + 3 * coarse / coarse.std(), 0, 255)[:, :, None].repeat(3, axis=2)
    crop = translated(grey(), ALPHA, source=grey(), frame_to_crop=similarity(1 / 3, 0, 0, 0))
    large = cv2.resize(ALPHA, (side_px, side_px))
    patch = Patch(Box(0, 0, side_px, side_px), np.full((*large.shape, 3), 140, np.uint8), large)

    done = GrainMatcher().match(patch, crop, ArrayFrame(np.rint(source).astype(np.uint8)))

    grain = done.image[240:360, 60:320, 1].astype(np.float64) - 140
    assert grain.std() == pytest.approx(3, rel=0.3)
    neighbours = np.corrcoef(grain[:, 1:].ravel(), grain[:, :-1].ravel())[0, 1]
    wanted = np.corrcoef(coarse[:, 1:].ravel(), coarse[:, :-1].ravel())[0, 1]
    assert neighbours == pytest.approx(wanted, abs=0.2)


@pytest.mark.parametrize("scale", [8.0, 40.0])
def test_a_tiny_face_passes(scale: float) -> None:
    """A face of 9 px, and one of 2, in which there is little to measure."""
    crop = translated(grey(), ALPHA, source=grey(), frame_to_crop=similarity(scale, 0, 0, 0))
    side_px = round(SIZE_PX / scale)
    alpha = cv2.resize(ALPHA, (side_px, side_px), interpolation=cv2.INTER_AREA)
    patch = Patch(Box(0, 0, side_px, side_px), np.full((*alpha.shape, 3), 140, np.uint8), alpha)

    done = GrainMatcher().match(patch, crop, ArrayFrame(noisy(grey(), 3)))

    assert done.image.shape == patch.image.shape
    assert np.abs(done.image.astype(int) - 140).max() < 20
