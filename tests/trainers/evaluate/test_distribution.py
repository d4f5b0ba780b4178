"""Distances of sets: known answers, the library's own, planted defects."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torchmetrics.image.kid import poly_mmd

from facemask_video.core.errors import ConfigError, WeightsError
from tests.trainers.tiny import drawn_crops
from trainers.evaluate.crop_pairs import ImageBatch
from trainers.evaluate.distribution import (
    frechet_distance,
    inception_extractor,
    kernel_distance,
    measure_distribution,
    onet_extractor,
)
from trainers.evaluate.measurement import Context

CPU = torch.device("cpu")
CONTEXT = Context("mask/held-out", "drawn faces", "O-Net of MTCNN", 1)
ONET = ("fd_onet", "kd_onet")


def normal(n: int, *, mean: float = 0, deviation: float = 1, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(mean, deviation, (n, 4)))


def test_a_set_has_no_distance_from_itself() -> None:
    features = normal(200)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-6)
    apart = kernel_distance(features, normal(200, mean=1, seed=1), seed=1)[0]
    assert abs(kernel_distance(features, features, seed=1)[0]) < 0.02 * apart


def test_frechet_distance_of_two_gaussians_is_the_formula_s() -> None:
    # |m1 - m2|^2 + sum (s1 - s2)^2 over 4 independent dimensions.
    found = frechet_distance(normal(20_000), normal(20_000, mean=1, deviation=3, seed=1))
    assert found == pytest.approx(4 * 1 + 4 * 4, rel=0.05)


def test_kernel_distance_is_the_library_s_on_the_same_features() -> None:
    real, outputs = normal(60), normal(60, mean=1, seed=1)
    direct = float(poly_mmd(real, outputs, degree=3, gamma=None, coef=1.0))
    mean, spread = kernel_distance(real, outputs, seed=1)
    assert abs(mean - direct) < 3 * spread


def test_kernel_distance_is_the_same_again_and_leaves_the_generator_alone() -> None:
    real, outputs = normal(40), normal(40, mean=1, seed=1)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = kernel_distance(real, outputs, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert kernel_distance(real, outputs, seed=1) == first


def test_blurred_outputs_lie_farther_off() -> None:
    faces = drawn_crops(40, size_px=64).images
    real, outputs = faces[:20], faces[20:]
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), 3) for image in outputs])
    extract = onet_extractor(CPU)

    def distances(images: ImageBatch) -> list[float]:
        figures = measure_distribution(real, images, extract, CONTEXT, names=ONET)
        assert [figure.name for figure in figures] == list(ONET)
        return [figure.value for figure in figures]

    for sharp, soft in zip(distances(outputs), distances(blurred), strict=True):
        assert soft > 1.2 * sharp


def test_the_figure_says_its_sets_and_features() -> None:
    faces = drawn_crops(5, size_px=48).images
    figure = measure_distribution(faces, faces[:4], onet_extractor(CPU), CONTEXT, names=ONET)[0]
    assert figure.context.features == "O-Net of MTCNN; 5 real, 4 outputs"
    assert figure.n == 4


def test_one_picture_is_refused() -> None:
    faces = drawn_crops(3, size_px=48).images
    with pytest.raises(ConfigError, match="fd_onet has 3 real pictures and 1 outputs, expected"):
        measure_distribution(faces, faces[:1], onet_extractor(CPU), CONTEXT, names=ONET)


def test_missing_inception_weights_name_the_alternative(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="fd_onet and kd_onet need none"):
        inception_extractor(tmp_path / "inception.pth", CPU)


def test_a_file_that_is_no_inception_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "inception.pth"
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(WeightsError, match=r"inception\.pth: "):
        inception_extractor(file, CPU)
