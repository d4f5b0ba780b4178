"""The classifier two-sample test: chance on like sets, sure on fakes, and no leak between folds."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from facemask_video.core.errors import ConfigError
from tests.trainers.tiny import drawn_crops
from trainers.data.crops import CropSet
from trainers.evaluate.measurement import Context, Measurement
from trainers.evaluate.real_or_fake import (
    clustered_standard_error,
    grouped_folds,
    measure_real_or_fake,
    source_groups,
)

CONTEXT = Context("mask/held-out", "drawn faces", "", 3)
CPU = torch.device("cpu")


def accuracy(real: CropSet, outputs: CropSet, *, n_epochs: int = 4) -> Measurement:
    return measure_real_or_fake(real, outputs, CONTEXT, device=CPU, n_epochs=n_epochs)


def faces(n_crops: int, seed: int, name: str) -> CropSet:
    return drawn_crops(n_crops, size_px=64, seed=seed, name=name)


def test_equal_distributions_cannot_be_told_apart() -> None:
    measured = accuracy(faces(40, 1, "real"), faces(40, 2, "fake"), n_epochs=2)
    assert measured.interval is not None
    low, high = measured.interval
    assert low < 0.5 < high
    assert abs(measured.value - 0.5) < 0.16
    assert measured.n == 80
    assert measured.better == "lower"


def test_an_obvious_fake_is_found_out() -> None:
    outputs = faces(20, 2, "fake")
    pasted = outputs.images.copy()
    pasted[:, 34:60, 12:52] = (110, 170, 230)
    measured = accuracy(faces(20, 1, "real"), replace(outputs, images=pasted))
    assert measured.value > 0.9
    assert measured.interval is not None
    assert measured.interval[0] > 0.75


def test_the_same_seed_gives_the_same_answers_and_leaves_the_generator_alone() -> None:
    state = torch.get_rng_state()
    first, second = (
        accuracy(faces(10, 1, "real"), faces(12, 2, "fake"), n_epochs=1) for _ in range(2)
    )
    assert first == second
    assert first.n == 20
    assert torch.equal(torch.get_rng_state(), state)


def crops_named(*names: str, in_video: bool = False) -> CropSet:
    crops = drawn_crops(len(names), size_px=16)
    moments = np.array([[0, n] for n in range(len(names))]) if in_video else None
    return replace(crops, names=names, track_frames=moments)


def test_sources_are_videos_folders_of_people_or_single_pictures() -> None:
    assert source_groups(crops_named("set/clip/1", "set/clip/2", in_video=True)) == ["clip"] * 2
    assert source_groups(crops_named("web/1.jpg", "web/2.jpg")) == ["1", "2"]
    people = crops_named(*(f"lfw/person{n // 2}/{n}.jpg" for n in range(40)))
    assert source_groups(people)[:3] == ["person0", "person0", "person1"]
    paired = source_groups(crops_named("cmfd/1.jpg", "web/2.jpg"), {"cmfd/1.jpg": "ffhq/7.jpg"})
    assert paired == ["7", "2"]


def test_folds_keep_groups_together_and_are_of_like_size() -> None:
    groups = [f"g{n % 17}" for n in range(200)]
    folds = grouped_folds(groups, np.random.default_rng(0))
    for name in set(groups):
        assert len({fold for fold, group in zip(folds, groups, strict=True) if group == name}) == 1
    sizes = np.bincount(folds)
    assert len(sizes) == 5
    assert np.ptp(sizes) <= 12
    assert set(grouped_folds(["a", "b"], np.random.default_rng(0))) == {0, 1}


def test_images_of_one_source_count_less() -> None:
    correct = np.array([True, True, False, False] * 5)
    alone = clustered_standard_error(correct, [str(n) for n in range(20)])
    together = clustered_standard_error(correct, [str(n // 2) for n in range(20)])
    assert together > 1.3 * alone


def test_too_few_images_and_a_single_source_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"9 real images and 20 outputs, expected at least 10"):
        accuracy(faces(9, 1, "real"), faces(20, 2, "fake"))
    with pytest.raises(ConfigError, match="all images come from one source"):
        grouped_folds(["a", "a"], np.random.default_rng(0))
