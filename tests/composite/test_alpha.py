import numpy as np
import pytest

from facemask_video.composite.alpha import FLOOR, clean, coverage_window, smoothstep


@pytest.mark.parametrize("size_px", [16, 96, 127])
@pytest.mark.parametrize("coverage", [0.3, 0.9, 1.0])
def test_window_is_zero_outside_the_covered_square_and_one_in_the_middle(
    size_px: int, coverage: float
) -> None:
    window = coverage_window(size_px, coverage)
    at = (np.arange(size_px) + 0.5) / size_px
    outside = np.abs(at - 0.5) >= coverage / 2
    assert (window[outside] == 0).all()
    assert (window[:, outside] == 0).all()
    assert window[size_px // 2, size_px // 2] == 1
    assert (window == window.T).all()
    np.testing.assert_allclose(window, window[::-1, ::-1], atol=1e-5)


def test_window_lets_a_mask_under_the_chin_through() -> None:
    """The template's chin is at 0.85 of the crop's height; masks reach 0.89."""
    window = coverage_window(200, 0.9)
    assert window[int(0.89 * 200), 100] == 1


def test_window_falls_without_a_kink() -> None:
    edge = coverage_window(2000, 0.9)[1000].astype(np.float64)
    slope = np.diff(edge)
    # A kink is a jump of the slope; the steepest slope is 1.5 a feather of 100 px.
    assert np.abs(np.diff(slope)).max() < 0.05 * np.abs(slope).max()


@pytest.mark.parametrize("coverage", [0.0, -0.1, 1.1])
def test_window_refuses_a_share_outside_its_range(coverage: float) -> None:
    with pytest.raises(ValueError, match="coverage"):
        coverage_window(64, coverage)


def test_window_is_shared_and_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        coverage_window(64, 0.9)[0, 0] = 1


def test_clean_makes_faint_alpha_exactly_zero_and_keeps_the_rest() -> None:
    alpha = np.array([[-0.2, 0.0, FLOOR * 0.99, FLOOR * 1.01, 0.5, 1.3, np.nan]], dtype=np.float32)
    cleaned = clean(alpha)
    assert cleaned[0, [0, 1, 2, 6]].tolist() == [0, 0, 0, 0]
    assert cleaned[0, 3] == alpha[0, 3]
    assert cleaned[0, 4:6].tolist() == [0.5, 1.0]
    assert cleaned.dtype == np.float32


def test_smoothstep_meets_its_ends() -> None:
    assert smoothstep(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])).tolist() == [0, 0, 0.5, 1, 1]
