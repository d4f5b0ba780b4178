from pathlib import Path

import numpy as np
import torch
from click.testing import CliRunner

from facemask_video.classify.mask_classifier import INPUT_SIZE_PX, MaskClassifier
from tests.devices import on_every_device
from tests.trainers.tiny import drawn_crops
from trainers.cli import main
from trainers.config import AugmentationConfig
from trainers.data.augment import vary
from trainers.data.crops import CropSet
from trainers.data.mask_classifier_samples import MaskClassifierSamples
from trainers.data.masks import draw_mask
from trainers.data.styles import SURGICAL
from trainers.fit.mask_classifier import train_mask_classifier
from trainers.fit.small_networks import SmallRun
from trainers.fit.training_crops import TrainingCrops

CPU = torch.device("cpu")
STILL = AugmentationConfig(flip=False, turn_deg=0, scale=0, shift=0, color=0, degradation=0)


def _masked(n_crops: int, *, seed: int, size_px: int = 40) -> CropSet:
    """Draw the converter's own mask on drawn faces."""
    bare = drawn_crops(n_crops, size_px=size_px, seed=seed, name="masked")
    masked = []
    for image, landmarks in zip(bare.images, bare.landmarks, strict=True):
        face, points = vary(image, landmarks, size_px, STILL, np.random.default_rng(0))
        masked.append((draw_mask(face, points, SURGICAL)[0] * 255).astype(np.uint8))
    return CropSet(np.stack(masked), bare.landmarks, bare.names)


def test_samples_are_half_masked_and_the_same_by_number() -> None:
    samples = MaskClassifierSamples(drawn_crops(4), _masked(4, seed=1), seed=3, count=20)

    labels = [float(samples[number][1]) for number in range(20)]

    assert labels == [0.0, 1.0] * 10
    again = MaskClassifierSamples(drawn_crops(4), _masked(4, seed=1), seed=3, count=8)
    assert np.array_equal(again[7][0], samples[7][0])
    assert again[7][0].shape == (3, INPUT_SIZE_PX, INPUT_SIZE_PX)
    assert again[7][0].min() >= -1 - 1e-6
    assert again[7][0].max() <= 1 + 1e-6


def test_a_mask_classifier_learns_to_tell_drawn_masks_from_bare_faces() -> None:
    crops = TrainingCrops(
        drawn_crops(24, seed=1), _masked(24, seed=2), drawn_crops(8, seed=3), _masked(8, seed=4)
    )
    losses: list[float] = []

    _, accuracy = train_mask_classifier(
        crops, SmallRun(960, 24, seed=0, device=CPU, on_stats=lambda _, loss: losses.append(loss))
    )

    assert losses[-1] < 0.7 * losses[0]
    assert accuracy.bare + accuracy.masked > 1.5


@on_every_device
def test_the_command_writes_a_mask_classifier_that_the_converter_loads(
    tmp_path: Path, device: torch.device
) -> None:
    drawn_crops(6, size_px=64, seed=1).save(tmp_path / "bare.npz")
    _masked(6, seed=2, size_px=64).save(tmp_path / "masked.npz")
    path = tmp_path / "mask-classifier.safetensors"

    result = CliRunner().invoke(
        main,
        ["gate", "--bare", str(tmp_path / "bare.npz"), "--masked", str(tmp_path / "masked.npz"),
         "-o", str(path), "--images", "16", "--batch-size", "8", "--n-workers", "0",
         "--seed", "2", "--device", str(device)],
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert "bare and" in result.output
    scores = MaskClassifier.load(path, device=CPU).masked_scores(list(drawn_crops(3).images))
    assert len(scores) == 3
    assert all(0 <= score <= 1 for score in scores)


def test_a_mask_classifier_needs_both_domains(tmp_path: Path) -> None:
    drawn_crops(4, size_px=128).save(tmp_path / "bare.npz")

    result = CliRunner().invoke(
        main, ["gate", "--bare", str(tmp_path / "bare.npz"), "-o", str(tmp_path / "gate")]
    )

    assert result.exit_code == 2
    assert "data.masked is not given; pass --masked" in result.output
