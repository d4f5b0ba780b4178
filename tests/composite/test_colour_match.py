import itertools

import numpy as np
import pytest

from facemask_video.composite.colour_match import (
    KEPT_REGION,
    MAX_SHIFT,
    kept_region,
    match_colour,
    transfer_levels,
)
from facemask_video.core.faces import TranslatedCrop
from tests.composite.crops import SIZE_PX, lower_half, picture, translated

MATCHING = ["histogram", "mean-std", "xyz"]


def slow_transfer(values: np.ndarray, target: np.ndarray) -> dict[int, float]:
    """Map each level of some samples to the level of the same rank among others."""
    moved = {}
    for level in sorted(set(values.tolist())):
        below = sum(v < level for v in values) + 0.5 * sum(v == level for v in values)
        share = below / len(values)
        ranks = []
        for other in sorted(set(target.tolist())):
            under = sum(v < other for v in target) + 0.5 * sum(v == other for v in target)
            ranks.append((under / len(target), other))
        if share <= ranks[0][0]:
            moved[level] = float(ranks[0][1])
        elif share >= ranks[-1][0]:
            moved[level] = float(ranks[-1][1])
        else:
            for (low, a), (high, b) in itertools.pairwise(ranks):
                if low <= share <= high:
                    moved[level] = a + (b - a) * (share - low) / (high - low)
                    break
    return moved


def kept_error(crop: TranslatedCrop) -> float:
    """Return the mean colour difference where the crop is kept, in levels."""
    weights = kept_region(SIZE_PX)[:, :, None] * (1 - crop.alpha[:, :, None])
    difference = (crop.image.astype(float) - crop.source.image) * weights
    return float(np.abs(difference.sum(axis=(0, 1)) / weights.sum()).max())


def test_transfer_matches_a_slow_reference() -> None:
    random = np.random.default_rng(2)
    values = random.integers(20, 90, 60)
    target = random.integers(100, 140, 45)
    table = transfer_levels(
        np.bincount(values, minlength=256).astype(float),
        np.bincount(target, minlength=256).astype(float),
    )
    for level, expected in slow_transfer(values, target).items():
        assert table[level] == pytest.approx(expected)


def test_transfer_never_falls() -> None:
    random = np.random.default_rng(4)
    for _ in range(20):
        histogram, target = random.random((2, 256)) * (random.random((2, 256)) > 0.9)
        assert (np.diff(transfer_levels(histogram, target)) >= -1e-9).all()


def test_transfer_of_a_histogram_to_itself_changes_nothing() -> None:
    histogram = np.bincount(picture()[:, :, 0].ravel(), minlength=256).astype(float)
    np.testing.assert_allclose(transfer_levels(histogram, histogram), np.arange(256), atol=1e-9)


@pytest.mark.parametrize("mode", MATCHING)
def test_a_generator_that_matches_already_is_left_alone(mode: str) -> None:
    crop = translated(picture(), lower_half())
    np.testing.assert_array_equal(match_colour(crop, mode).image, crop.image)


@pytest.mark.parametrize("mode", MATCHING)
def test_a_tint_is_removed(mode: str) -> None:
    tinted = picture() * 0.95 + np.array([12.0, 1.0, 10.0])
    crop = translated(tinted, lower_half())
    assert kept_error(crop) > 3
    matched = match_colour(crop, mode)
    assert kept_error(matched) < 0.8
    # The tint goes from the part that shows, too.
    shown = np.s_[70:]
    before = np.abs(crop.image[shown].astype(float) - crop.source.image[shown]).mean()
    after = np.abs(matched.image[shown].astype(float) - crop.source.image[shown]).mean()
    assert after < 0.4 * before


@pytest.mark.parametrize("mode", MATCHING)
def test_a_mask_below_does_not_pull_the_colours(mode: str) -> None:
    """The lower face is white cloth by design; only what is kept may be compared."""
    image = picture().astype(float)
    image[64:] = 245
    crop = translated(image, lower_half())
    np.testing.assert_array_equal(match_colour(crop, mode).image, crop.image)


@pytest.mark.parametrize("mode", MATCHING)
def test_alpha_and_source_are_not_touched(mode: str) -> None:
    crop = translated(picture() * 0.9, lower_half())
    before = crop.image.copy()
    matched = match_colour(crop, mode)
    assert matched.alpha is crop.alpha
    assert matched.source is crop.source
    np.testing.assert_array_equal(crop.image, before)


@pytest.mark.parametrize("mode", MATCHING)
@pytest.mark.parametrize(
    "image",
    [
        picture() * 0.1,
        picture() * 3.0,
        picture() * 0.2 + 200,
        255.0 - picture(),
        np.full((SIZE_PX, SIZE_PX, 3), 130.0),
        np.full((SIZE_PX, SIZE_PX, 3), 255.0),
        picture(seed=9),
    ],
    ids=["dark", "clipped", "pale", "inverted", "flat", "white", "another"],
)
def test_no_generator_can_make_a_correction_explode(mode: str, image: np.ndarray) -> None:
    crop = translated(image, lower_half())
    change = match_colour(crop, mode).image.astype(int) - crop.image
    assert np.abs(change).max() <= MAX_SHIFT


@pytest.mark.parametrize("mode", MATCHING)
@pytest.mark.parametrize("image", [255.0 - picture(), picture(seed=9)], ids=["inverted", "another"])
def test_a_picture_that_does_not_resemble_the_source_is_not_compared(
    mode: str, image: np.ndarray
) -> None:
    crop = translated(image, lower_half())
    assert match_colour(crop, mode) is crop


@pytest.mark.parametrize("mode", MATCHING)
def test_another_colour_altogether_is_not_a_tint(mode: str) -> None:
    """As a generator of masks paints the eyes that it hides: like them, and blue."""
    crop = translated(picture() + np.array([2.0, 17.0, 23.0]), lower_half())
    assert match_colour(crop, mode) is crop


@pytest.mark.parametrize("mode", MATCHING)
def test_a_softer_picture_does_not_gain_contrast(mode: str) -> None:
    detail = np.random.default_rng(6).normal(0, 30, (SIZE_PX, SIZE_PX, 1))
    source = np.clip(picture() + detail, 5, 250).astype(np.uint8)
    crop = translated(picture(), lower_half(), source=source)
    change = match_colour(crop, mode).image.astype(int) - crop.image
    assert np.abs(change).mean() < 2


@pytest.mark.parametrize("mode", MATCHING)
def test_nothing_kept_means_nothing_corrected(mode: str) -> None:
    crop = translated(picture() * 0.8, np.ones((SIZE_PX, SIZE_PX)))
    assert match_colour(crop, mode) is crop


@pytest.mark.parametrize("mode", MATCHING)
def test_order_of_levels_is_kept(mode: str) -> None:
    ramp = np.tile(np.linspace(0, 255, SIZE_PX)[None, :, None], (SIZE_PX, 1, 3))
    source = np.clip(ramp * 0.8 + 20 * np.sin(ramp / 20) + 30, 0, 255).astype(np.uint8)
    matched = match_colour(translated(ramp, lower_half(), source=source), mode)
    assert (np.diff(matched.image[100, :, 0].astype(int)) >= 0).all()


def test_a_face_that_is_left_alone_returns_the_crop_itself() -> None:
    crop = translated(picture(3) + 5, np.zeros((SIZE_PX, SIZE_PX)), source=picture(3))
    assert match_colour(crop, "histogram") is crop


def test_mode_none_returns_the_crop_itself() -> None:
    crop = translated(picture() * 0.9, lower_half())
    assert match_colour(crop, "none") is crop


def test_unknown_mode_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'adain'"):
        match_colour(translated(picture(), lower_half()), "adain")


def test_kept_region_holds_the_eyes_and_not_the_nose() -> None:
    region = kept_region(200)
    for eye_x in (0.365, 0.635):
        assert region[int(0.36 * 200), int(eye_x * 200)] > 0.5
    assert (region[int(KEPT_REGION[3] * 200) + 1 :] == 0).all()
