import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facemask_video.composite.alpha import clean
from facemask_video.composite.stabilise import Stabiliser, frames_remembered
from facemask_video.core.faces import TranslatedCrop
from tests.composite.crops import SIZE_PX, lower_half, picture, translated

N_FRAMES = 12


def trembling(n_frames: int = N_FRAMES, amplitude: float = 5.0) -> list[TranslatedCrop]:
    """Make translations of one still crop that differ by a random tint and a fine pattern."""
    random = np.random.default_rng(1)
    crops = []
    for _ in range(n_frames):
        tint = random.normal(0, amplitude, 3)
        pattern = random.normal(0, amplitude, (SIZE_PX, SIZE_PX, 1))
        crops.append(translated(picture(3) + tint + pattern, lower_half()))
    return crops


def steadied(crops: list[TranslatedCrop], temporal: float) -> list[TranslatedCrop]:
    stabiliser = Stabiliser(temporal)
    return [stabiliser.steady([crop], frame_index=i)[0] for i, crop in enumerate(crops)]


def flicker(crops: list[TranslatedCrop]) -> float:
    images = np.stack([crop.image[70:] for crop in crops[3:]]).astype(float)
    return float(np.abs(np.diff(images, axis=0)).mean())


def test_strength_zero_returns_the_crops_themselves() -> None:
    crops = trembling(3)
    assert all(a is b for a, b in zip(steadied(crops, 0.0), crops, strict=True))


def test_trembling_of_a_still_face_falls_with_strength() -> None:
    crops = trembling()
    raw, half, full = flicker(crops), flicker(steadied(crops, 0.5)), flicker(steadied(crops, 1.0))
    assert half < 0.7 * raw
    assert full < 0.3 * raw


def test_a_new_input_shows_at_once() -> None:
    """After a cut within one track nothing of the old picture is left."""
    before = [translated(picture(3), lower_half())] * 4
    other = 255 - picture(7)
    after = translated(255 - picture(3), lower_half(), source=other)
    last = steadied([*before, after], 1.0)[-1]
    error = np.abs(last.image.astype(float) - after.image) * after.alpha[:, :, None]
    assert error.max() <= 12
    assert error.mean() < 0.5


def test_motion_is_not_smeared() -> None:
    """A dark bar that crosses input and output stays where it is in each frame."""
    crops = []
    for step in range(8):
        source = np.full((SIZE_PX, SIZE_PX, 3), 170, dtype=np.uint8)
        source[:, 20 + 9 * step : 32 + 9 * step] = 60
        crops.append(translated(source, np.ones((SIZE_PX, SIZE_PX)), source=source))
    for raw, steady in zip(crops, steadied(crops, 1.0), strict=True):
        assert np.abs(steady.image.astype(int) - raw.image).max() <= 8


def test_a_slow_drift_does_not_lag_behind() -> None:
    """Half a level a frame is under any threshold, and adds up."""
    crops = []
    for step in range(60):
        source = picture(3) * 0.7 + 0.5 * step
        crops.append(
            translated(source, np.ones((SIZE_PX, SIZE_PX)), source=source.astype(np.uint8))
        )
    last = steadied(crops, 1.0)[-1]
    assert np.abs(last.image.astype(int) - crops[-1].image).mean() < 5


def test_alpha_is_steadied_too_and_stays_clean() -> None:
    random = np.random.default_rng(5)
    crops = [
        translated(picture(3), lower_half() * (1 - 0.1 * random.random())) for _ in range(N_FRAMES)
    ]
    raw = np.std([crop.alpha[100, 64] for crop in crops[4:]])
    out = steadied(crops, 1.0)
    assert np.std([crop.alpha[100, 64] for crop in out[4:]]) < 0.5 * raw
    assert (out[-1].alpha[:60] == 0).all()


def test_a_gap_forgets_the_past() -> None:
    crops = trembling(4)
    stabiliser = Stabiliser(1.0)
    stabiliser.steady([crops[0]], frame_index=0)
    stabiliser.steady([crops[1]], frame_index=1)
    (after_gap,) = stabiliser.steady([crops[2]], frame_index=3)
    np.testing.assert_array_equal(after_gap.image, crops[2].image)


def test_persons_do_not_mix() -> None:
    stabiliser = Stabiliser(1.0)
    mine, yours = (
        translated(np.full((SIZE_PX, SIZE_PX, 3), level), lower_half(), track_id=track_id)
        for track_id, level in enumerate((90.0, 94.0))
    )
    for index in range(4):
        # They swap places in the list; their numbers tell them apart.
        order = [mine, yours] if index % 2 else [yours, mine]
        out = stabiliser.steady(order, frame_index=index)
        for given, steady in zip(order, out, strict=True):
            np.testing.assert_array_equal(steady.image, given.image)


def test_input_crops_are_not_changed() -> None:
    crops = trembling(3)
    copies = [crop.image.copy() for crop in crops]
    steadied(crops, 1.0)
    for crop, copy in zip(crops, copies, strict=True):
        np.testing.assert_array_equal(crop.image, copy)


def test_nothing_is_blended_where_no_alpha_shows_it() -> None:
    crops = trembling(4)
    for raw, steady in zip(crops, steadied(crops, 1.0), strict=True):
        np.testing.assert_array_equal(steady.image[:60], raw.image[:60])
        assert (steady.alpha[:60] == 0).all()


def test_a_face_that_is_left_alone_stays_as_it_is() -> None:
    crops = [translated(picture(seed), np.zeros((SIZE_PX, SIZE_PX))) for seed in range(3)]
    for raw, steady in zip(crops, steadied(crops, 1.0), strict=True):
        np.testing.assert_array_equal(steady.image, raw.image)
        assert not steady.alpha.any()


def test_a_pixel_that_is_not_a_number_spoils_nothing_later() -> None:
    """A half-precision network may lose a pixel in one frame."""
    crops = trembling(4)
    crops[1].alpha[100, 64] = np.nan
    for steady in steadied(crops, 1.0)[2:]:
        assert steady.alpha[90:].min() > 0.5


def slowly(crops: list[TranslatedCrop], memory: float) -> list[NDArray[np.float64]]:
    """Return what shows of crops steadied with changes measured on whole crops, pixel by pixel."""

    def change(now: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
        sigma_px = now.shape[0] / 64
        largest = np.abs(cv2.GaussianBlur(now - before, (0, 0), sigma_px)).max(axis=2)
        return np.asarray(cv2.GaussianBlur(largest, (0, 0), 2 * sigma_px))

    shown, past = [], None
    for crop in crops:
        alpha = clean(crop.alpha).astype(np.float64)[:, :, None]
        now = [crop.source.image.astype(np.float64), crop.image.astype(np.float64), alpha]
        if past is not None:
            moved = np.exp(-((change(now[0], past[0]) / 5) ** 2))
            repainted = np.exp(-((change(now[1] * now[2], past[1] * past[2]) / 6) ** 2))
            weight = memory * np.maximum(moved, 0.7 * repainted)[:, :, None]
            now = [a + weight * (b - a) for a, b in zip(now, past, strict=True)]
        past = now
        shown.append(now[1] * now[2])
    return shown


@pytest.mark.parametrize("size_px", [64, 160, 256])
def test_changes_measured_small_give_what_whole_crops_give(size_px: int) -> None:
    """On a face that moves under a trembling generator whose alpha grows and shrinks."""
    random = np.random.default_rng(2)
    wide = cv2.resize(picture(3), (2 * size_px, 2 * size_px), interpolation=cv2.INTER_CUBIC)
    crops = []
    for step in range(10):
        shift = size_px * step * step // 600  # Still at first, then ever faster.
        source = np.ascontiguousarray(wide[:size_px, shift : shift + size_px])
        image = source + random.normal(0, 4, 3) + random.normal(0, 4, (size_px, size_px, 1))
        upper = (0.5 + 0.02 * np.sin(step)) * size_px
        alpha = np.clip((np.arange(size_px)[:, None] - upper) / (0.05 * size_px), 0, 1)
        crops.append(translated(image, alpha * np.ones((1, size_px)), source=source))
    raw = [crop.image * crop.alpha[:, :, None] for crop in crops]
    expected = slowly(crops, 0.85)
    assert np.abs(np.stack(expected) - np.stack(raw)).mean() > 1.0, "else nothing is tested"
    for steady, wanted in zip(steadied(crops, 1.0), expected, strict=True):
        error = np.abs(steady.image * steady.alpha[:, :, None] - wanted)
        assert error.mean() < 0.2  # Rounding to bytes alone makes 0.12.
        assert error.max() < 4


@pytest.mark.parametrize("temporal", [-0.1, 1.1])
def test_strength_outside_its_range_is_refused(temporal: float) -> None:
    with pytest.raises(ValueError, match="temporal"):
        Stabiliser(temporal)


def test_what_lies_further_back_than_remembered_leaves_nothing() -> None:
    assert frames_remembered(0.0) == 0
    assert frames_remembered(0.6) == 11
    assert (0.85 * 1.0) ** frames_remembered(1.0) <= 0.001
