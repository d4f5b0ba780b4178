import cv2
import numpy as np
import pytest

from tests.trainers.tiny import drawn_crops
from trainers.data.mask_photographs import MaskPhotographs
from trainers.data.styled_samples import StyledSamples, dye, hide_traces


def photographs(n: int = 3, side: int = 80) -> MaskPhotographs:
    """Photographs with a green mask each, taken off by painting it grey."""
    rng = np.random.default_rng(0)
    bare = rng.integers(60, 200, (n, side, side, 3), dtype=np.uint8)
    regions = np.zeros((n, side, side), np.uint8)
    regions[:, side // 2 : side - 12, side // 4 : -side // 4] = 255
    masked = np.where(regions[..., None] > 0, np.array([0, 200, 0], np.uint8), bare)
    return MaskPhotographs(masked, regions, bare, tuple(f"m/{i}.jpg" for i in range(n)))


def _samples(**options: int) -> StyledSamples:
    about = {"size_px": 64, "seed": 1, "count": 16, **options}
    return StyledSamples(photographs(), drawn_crops(3, size_px=80), **about)


def test_a_sample_is_the_same_whenever_it_is_made() -> None:
    whole, resumed = _samples(), _samples(first=5)

    assert np.array_equal(whole[7].masked, resumed[2].masked)
    assert len(resumed) == 11
    with pytest.raises(IndexError):
        resumed[11]


def test_the_region_lies_where_the_photograph_is_masked() -> None:
    for number in range(3):
        sample = _samples()[number]
        change = np.abs(sample.masked - sample.bare).max(axis=0)
        beyond = cv2.dilate(sample.region[0], np.ones((33, 33), np.uint8)) < 0.01

        assert sample.is_photograph
        assert change[sample.region[0] > 0.95].mean() > 0.2
        assert change[beyond].max() < 1e-5


def test_every_fourth_mask_is_drawn() -> None:
    samples = _samples()

    assert [samples[n].is_photograph for n in range(8)] == [True, True, True, False] * 2


def test_a_drawn_sample_changes_its_face_where_the_region_is() -> None:
    sample = _samples()[3]
    change = np.abs(sample.masked - sample.bare).max(axis=0)

    assert change[sample.region[0] > 0.9].mean() > 0.1


def test_pictures_and_regions_keep_their_ranges() -> None:
    for number in range(8):
        sample = _samples()[number]
        for picture in (sample.masked, sample.bare, sample.shown, sample.other):
            assert picture.shape == (3, 64, 64)
            assert -1 <= picture.min() < picture.max() <= 1
        assert sample.region.shape == (1, 64, 64)
        assert 0 <= sample.region.min() <= sample.region.max() <= 1


@pytest.mark.parametrize("cloth", [(0.0, 0.8, 0.0), (0.8, 0.8, 0.8)])
def test_dyeing_changes_the_cloth_alone(cloth: tuple[float, float, float]) -> None:
    masked = np.random.default_rng(1).random((32, 32, 3)).astype(np.float32)
    region = np.zeros((32, 32), np.float32)
    region[16:28, 8:24] = 1
    masked[region > 0] = cloth

    dyed = dye(masked, region, np.random.default_rng(2))

    assert np.array_equal(dyed[region == 0], masked[region == 0])
    assert np.abs(dyed[20, 16] - masked[20, 16]).max() > 0.1
    assert dyed.min() >= 0
    assert dyed.max() <= 1


def test_traces_are_hidden_near_the_mask_and_nowhere_else() -> None:
    bare = np.random.default_rng(3).random((64, 64, 3)).astype(np.float32)
    region = np.zeros((64, 64), np.float32)
    region[36:52, 20:44] = 1
    changed = [hide_traces(bare, region, region, np.random.default_rng(s)) for s in range(30)]

    assert all(np.array_equal(c[:20], bare[:20]) for c in changed)
    assert any(np.abs(c[40:48, 24:40] - bare[40:48, 24:40]).mean() > 0.1 for c in changed)


def test_light_changes_on_target_and_bare_face_alike_and_not_on_what_the_style_is_read_from() -> (
    None
):
    samples = [_samples()[number] for number in range(3)] + [_samples(seed=2)[n] for n in range(3)]
    dim = [s for s in samples if not s.in_usual_light and (s.masked + 1).mean() < 0.6]

    assert dim
    for sample in dim:
        outside = np.broadcast_to(
            cv2.dilate(sample.region[0], np.ones((33, 33))) < 0.01, (3, 64, 64)
        )
        assert np.allclose(sample.masked[outside], sample.bare[outside], atol=1e-5)
        assert (sample.shown + 1).mean() > 1.3 * (sample.masked + 1).mean()
