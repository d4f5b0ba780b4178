import numpy as np
import pytest

from facemask_video.composite.stabilise import Stabiliser
from facemask_video.faces import TranslatedCrop
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


@pytest.mark.parametrize("temporal", [-0.1, 1.1])
def test_strength_outside_its_range_is_refused(temporal: float) -> None:
    with pytest.raises(ValueError, match="temporal"):
        Stabiliser(temporal)
