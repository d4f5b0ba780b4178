"""Light and sharpness of a painted region: a sticker against a mask that fits the scene."""

import cv2
import numpy as np
import pytest

from trainers.evaluate.crop_pairs import ImageBatch, RegionBatch
from trainers.evaluate.measurement import Context
from trainers.evaluate.painted_region import measure_light, measure_sharpness

SIZE_PX, COUNT = 64, 60
CONTEXT = Context("mask/held-out", "patches", "", 1)
NAMES = tuple(str(n) for n in range(COUNT))


def scenes(*, follows_light: bool) -> tuple[ImageBatch, RegionBatch]:
    """Skin under light of random colour, and below it a grey mask in that light or another."""
    rng = np.random.default_rng(0)
    lights = rng.uniform(0.3, 1.0, (COUNT, 1, 1, 3))
    images = np.tile([200.0, 160.0, 140.0], (COUNT, SIZE_PX, SIZE_PX, 1)) * lights
    painted = np.zeros((COUNT, SIZE_PX, SIZE_PX), dtype=bool)
    painted[:, 34:, 12:52] = True
    mask = np.full_like(images, 180.0) * (
        lights if follows_light else rng.uniform(0.7, 1.0, lights.shape)
    )
    images = np.where(painted[..., None], mask, images) + rng.normal(0, 2, images.shape)
    return images.clip(0, 255).astype(np.uint8), painted


def test_a_mask_in_the_scenes_light_correlates_and_a_sticker_does_not() -> None:
    fits = {m.name: m for m in measure_light(*scenes(follows_light=True), CONTEXT)}
    sticker = {m.name: m for m in measure_light(*scenes(follows_light=False), CONTEXT)}
    assert set(fits) == {f"light_correlation_{channel}" for channel in "lab"}
    for name, measured in fits.items():
        assert measured.value > 0.8
        assert abs(sticker[name].value) < 0.5
        assert measured.standard_error is not None
        assert measured.standard_error < 0.1


def test_light_is_not_measured_where_nothing_is_painted() -> None:
    images, painted = scenes(follows_light=True)
    assert measure_light(images, np.zeros_like(painted), CONTEXT) == []
    assert measure_sharpness(images, np.zeros_like(painted), NAMES, CONTEXT) == []


def noise(amplitude: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0, amplitude, (COUNT, SIZE_PX, SIZE_PX, 1)).repeat(3, axis=-1)


def test_the_ratio_is_that_of_the_gradient_energies() -> None:
    _, painted = scenes(follows_light=True)
    grain = noise(16, 1)
    grain[painted] /= 2
    images = (128 + grain).clip(0, 255).round().astype(np.uint8)
    (measured,) = measure_sharpness(images, painted, NAMES, CONTEXT)
    # Half the amplitude is a quarter of the energy.
    assert measured.value == pytest.approx(0.25, abs=0.03)
    assert measured.n == COUNT


def test_soft_paint_lowers_the_ratio_and_its_edge_does_not_raise_it() -> None:
    _, painted = scenes(follows_light=True)
    sharp = (128 + noise(16, 1)).clip(0, 255).astype(np.uint8)
    soft = np.stack([cv2.GaussianBlur(image, (0, 0), 2) for image in sharp]) // 4
    images = np.where(painted[..., None], soft, sharp)
    (measured,) = measure_sharpness(images, painted, NAMES, CONTEXT)
    assert measured.value < 0.1
