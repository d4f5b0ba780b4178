"""PSNR and SSIM find what is off, and where."""

import cv2
import numpy as np
import pytest

from tests.trainers.tiny import drawn_crops
from trainers.evaluate.baselines import baselines
from trainers.evaluate.crop_pairs import CropPairs, ImageBatch, draw_mask_pairs
from trainers.evaluate.image_quality import (
    PSNR_CAP_DB,
    eye_region,
    measure_eyes,
    measure_pairs,
)
from trainers.evaluate.measurement import Context

CONTEXT = Context("unmask/drawn", "drawn faces", "", 1)


@pytest.fixture(scope="module")
def pairs() -> CropPairs:
    return draw_mask_pairs(drawn_crops(6, size_px=64), seed=3)


def values(pairs: CropPairs, outputs: ImageBatch) -> dict[str, float]:
    return {figure.name: figure.value for figure in measure_pairs(pairs, outputs, CONTEXT)}


def test_the_truth_itself_gets_the_best_figures(pairs: CropPairs) -> None:
    found = values(pairs, pairs.truth)
    assert {name: value for name, value in found.items() if "psnr" in name} == {
        "psnr_inside_db": PSNR_CAP_DB,
        "psnr_outside_db": PSNR_CAP_DB,
        "psnr_whole_db": PSNR_CAP_DB,
    }
    assert all(
        found[f"ssim_{part}"] == pytest.approx(1, abs=1e-3)
        for part in ("inside", "outside", "whole")
    )


def test_psnr_of_a_known_shift_is_the_formula_s(pairs: CropPairs) -> None:
    moved = np.where(pairs.truth >= 128, pairs.truth - 16, pairs.truth + 16).astype(np.uint8)
    outputs = np.where(pairs.hidden[..., None], moved, pairs.truth)
    found = values(pairs, outputs)
    assert found["psnr_inside_db"] == pytest.approx(20 * np.log10(255 / 16))
    assert found["psnr_outside_db"] == PSNR_CAP_DB


def test_a_shifted_colour_lowers_psnr_inside(pairs: CropPairs) -> None:
    tinted = pairs.truth.astype(int) + np.array([12, 0, -12])
    outputs = np.where(pairs.hidden[..., None], tinted.clip(0, 255).astype(np.uint8), pairs.truth)
    found = values(pairs, outputs)
    assert found["psnr_inside_db"] < 30
    assert found["psnr_outside_db"] == PSNR_CAP_DB
    assert found["ssim_outside"] > 0.98


def test_blurred_outputs_lower_ssim(pairs: CropPairs) -> None:
    rng = np.random.default_rng(0)
    fine = pairs.truth.astype(int) + rng.integers(-20, 20, pairs.truth.shape)
    truth = fine.clip(0, 255).astype(np.uint8)
    sharp = CropPairs(pairs.masked, truth, pairs.hidden)
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), 2) for image in truth])
    assert values(sharp, blurred)["ssim_inside"] < 0.6
    assert values(sharp, truth)["ssim_inside"] == pytest.approx(1, abs=1e-3)


def test_baselines_change_only_what_is_hidden(pairs: CropPairs) -> None:
    outside = ~pairs.hidden
    mean = pairs.truth.mean(axis=0).astype(np.float32)
    made = baselines(pairs, mean)
    assert list(made) == ["telea", "navier-stokes", "mean face", "copy"]
    for outputs in made.values():
        assert np.array_equal(outputs[outside], pairs.masked.images[outside])
    assert (
        values(pairs, made["telea"])["psnr_inside_db"]
        > (values(pairs, made["copy"])["psnr_inside_db"])
    )
    assert "mean face" not in baselines(pairs, None)


def test_the_eye_region_lies_over_both_eyes_and_above_a_mask(pairs: CropPairs) -> None:
    region = eye_region(64)
    for x, y in (pairs.masked.landmarks[:, :2].reshape(-1, 2) * 64).astype(int):
        assert region[y, x]
    assert (pairs.hidden & region).mean() < 0.01


def test_damaged_eyes_are_found(pairs: CropPairs) -> None:
    inputs = pairs.masked.images
    outputs = inputs.copy()
    outputs[:, 20:24, 20:44] = 0
    assert measure_eyes(inputs, inputs, pairs.masked.names, CONTEXT).value == PSNR_CAP_DB
    assert measure_eyes(inputs, outputs, pairs.masked.names, CONTEXT).value < 20
