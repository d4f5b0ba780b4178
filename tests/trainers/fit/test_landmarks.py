from pathlib import Path

import numpy as np
import torch
from click.testing import CliRunner

from facemask_video.detect.landmarks import INPUT_PX, load_landmarks
from tests.devices import on_every_device
from tests.trainers.tiny import drawn_crops
from trainers.cli import main
from trainers.data.landmark_samples import LandmarkSamples, _hide_side
from trainers.fit.landmarks import train_landmarks
from trainers.fit.small_networks import SmallRun
from trainers.fit.training_crops import TrainingCrops

CPU = torch.device("cpu")


def _crops(n_crops: int = 24) -> TrainingCrops:
    sets = [drawn_crops(n_crops, size_px=64, seed=seed) for seed in range(4)]
    return TrainingCrops(*sets)


def test_samples_are_the_same_by_number_and_their_points_lie_on_the_cut() -> None:
    samples = LandmarkSamples(drawn_crops(4), drawn_crops(4, seed=1), seed=3, count=20)

    points = np.stack([samples[number][1] for number in range(20)])

    again = LandmarkSamples(drawn_crops(4), drawn_crops(4, seed=1), seed=3, count=8)
    assert np.array_equal(again[7][0], samples[7][0])
    assert np.array_equal(again[7][1], samples[7][1])
    assert again[7][0].shape == (3, INPUT_PX, INPUT_PX)
    # Eyes in the upper half, left before right; the mouth below them.
    assert (points[:, :2, 1].mean(axis=1) < 0.6).all()
    assert (points[:, 0, 0] < points[:, 1, 0]).all()
    assert (points[:, 3:, 1].mean(axis=1) > points[:, :2, 1].mean(axis=1)).all()
    assert ((points > -0.2) & (points < 1.2)).all()


def test_a_side_of_some_faces_is_hidden_up_to_their_middle_or_beyond() -> None:
    picture = np.full((64, 64, 3), 0.5, np.float32)
    points = drawn_crops(1, size_px=64).landmarks_px[0]
    eye_distance = points[1, 0] - points[0, 0]
    shown = []
    for seed in range(30):
        hidden = _hide_side(picture, points, np.zeros_like(picture), np.random.default_rng(seed))
        shown.append((hidden[32] > 0.25).mean())
        edge = np.abs(np.diff(hidden[32, :, 0])).argmax() - points[:, 0].mean()
        assert abs(edge) < 1.3 * eye_distance
    assert min(shown) < 0.5 < max(shown)


def test_training_brings_the_points_nearer() -> None:
    losses: list[float] = []

    network, distance = train_landmarks(
        _crops(),
        SmallRun(2416, 16, seed=0, device=CPU, on_stats=lambda _, loss: losses.append(loss)),
    )

    assert losses[-1] < 0.5 * losses[0]
    assert distance < 0.35
    assert not network.training


@on_every_device
def test_the_command_writes_a_network_that_the_converter_loads(
    tmp_path: Path, device: torch.device
) -> None:
    drawn_crops(6, size_px=160, seed=1).save(tmp_path / "bare.npz")
    drawn_crops(6, size_px=160, seed=2, name="masked").save(tmp_path / "masked.npz")
    path = tmp_path / "landmarks.safetensors"

    result = CliRunner().invoke(
        main,
        ["landmarks", "--bare", str(tmp_path / "bare.npz"),
         "--masked", str(tmp_path / "masked.npz"), "-o", str(path), "--images", "16",
         "--batch-size", "8", "--n-workers", "0", "--seed", "2", "--device", str(device)],
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert "of the eyes' distance" in result.output
    points = load_landmarks(path, device=CPU)(torch.zeros(2, 3, INPUT_PX, INPUT_PX))
    assert points.shape == (2, 5, 2)
    assert ((points > 0) & (points < 1)).all()
