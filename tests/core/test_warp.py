"""The resampler against maps whose result is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from facemask_video.core import geometry
from facemask_video.core.geometry import Affine
from facemask_video.core.warp import warp


def ramp(size_px: int = 48) -> NDArray[np.float32]:
    """Draw the plane 2x + y, sampled at pixel centres."""
    at = np.arange(size_px, dtype=np.float32) + 0.5
    return 2 * at[None, :] + at[:, None]


def speckle(height: int = 40, width: int = 56) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def scaling(factor: float) -> Affine:
    return np.array([[factor, 0.0, 0.0], [0.0, factor, 0.0]])


@pytest.mark.parametrize("sharp", [False, True])
def test_identity_returns_every_sample(sharp: bool) -> None:
    image = speckle()
    same = warp(image, scaling(1.0), width_px=56, height_px=40, sharp=sharp)
    np.testing.assert_array_equal(same, image)


@pytest.mark.parametrize("sharp", [False, True])
def test_whole_pixel_shift_moves_samples_unchanged(sharp: bool) -> None:
    image = speckle()
    moved = warp(image, geometry.translation(5, -3), width_px=56, height_px=40, sharp=sharp)
    np.testing.assert_array_equal(moved[:-3, 5:], image[3:, :-5])


def test_half_pixel_shift_averages_neighbours() -> None:
    image = speckle().astype(np.float32)
    moved = warp(image, geometry.translation(0.5, 0), width_px=56, height_px=40)
    np.testing.assert_allclose(moved[:, 1:], (image[:, 1:] + image[:, :-1]) / 2, atol=1e-3)


@pytest.mark.parametrize("shift_px", [0.013, 0.1, 0.3337, 0.5])
def test_small_shifts_are_not_quantised(shift_px: float) -> None:
    moved = warp(ramp(), geometry.translation(shift_px, 0), width_px=48, height_px=48)
    inner = (slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(moved[inner], (ramp() - 2 * shift_px)[inner], atol=1e-3)


@pytest.mark.parametrize("shift_px", [0.013, 0.1, 0.3337, 0.5])
def test_bicubic_shifts_stay_within_a_twentieth_of_a_pixel(shift_px: float) -> None:
    # OpenCV's cubic kernel does not reproduce a plane exactly, and knows 32 steps a pixel.
    moved = warp(ramp(), geometry.translation(shift_px, 0), width_px=48, height_px=48, sharp=True)
    inner = (slice(3, -3), slice(3, -3))
    np.testing.assert_allclose(moved[inner], (ramp() - 2 * shift_px)[inner], atol=2 * 0.05)


def test_enlarging_keeps_pixel_edges_in_place() -> None:
    """The outer corner is the origin: twice the size puts centre 0.5 at 1.0, not at 0."""
    large = warp(ramp(24), scaling(2.0), width_px=48, height_px=48)
    inner = (slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(large[inner], (ramp(48) / 2)[inner], atol=1e-3)


@pytest.mark.parametrize("factor", [0.25, 0.37, 0.6])
def test_reduction_keeps_pixel_edges_in_place(factor: float) -> None:
    small = warp(ramp(96), scaling(factor), width_px=20, height_px=20)
    inner = (slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(small[inner], (ramp(20) / factor)[inner], atol=0.2)


@pytest.mark.parametrize("factor", [0.5, 0.37, 0.2])
def test_reduction_does_not_alias(factor: float) -> None:
    """Stripes too fine for the target become grey, not other stripes."""
    stripes = np.zeros((96, 96), dtype=np.uint8)
    stripes[:, ::2] = 254
    target_px = int(96 * factor)
    small = warp(stripes, scaling(factor), width_px=target_px, height_px=target_px)
    # A box average over a fraction of a stripe more or less; stripes that alias swing by 127.
    assert np.abs(small[:, 1:-1].astype(float) - 127).max() < 50


def test_there_and_back_returns_a_smooth_image() -> None:
    at = np.linspace(0, 6, 64)
    image = (100 + 80 * np.sin(at)[:, None] * np.cos(at)[None, :]).astype(np.float32)
    turn = np.deg2rad(17)
    c, s = np.cos(turn) * 1.3, np.sin(turn) * 1.3
    there = np.array([[c, -s, 30.2], [s, c, 4.7]])
    large = warp(image, there, width_px=140, height_px=120, sharp=True)
    back = warp(large, geometry.invert(there), width_px=64, height_px=64, sharp=True)
    inner = (slice(6, -6), slice(6, -6))
    assert np.abs(back[inner] - image[inner]).max() < 0.5


def test_border_is_repeated_or_zero() -> None:
    image = np.full((4, 4), 200, dtype=np.uint8)
    away = geometry.translation(4, 0)
    assert (warp(image, away, width_px=4, height_px=4) == 200).all()
    assert (warp(image, away, width_px=4, height_px=4, border="zero")[:, :3] == 0).all()


def test_channels_and_dtype_are_kept() -> None:
    image = speckle()
    assert warp(image, scaling(0.3), width_px=9, height_px=7).shape == (7, 9, 3)
    assert warp(image, scaling(0.3), width_px=9, height_px=7).dtype == np.uint8
    assert warp(ramp(), scaling(0.3), width_px=9, height_px=7).dtype == np.float32
