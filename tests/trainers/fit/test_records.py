import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facemask_video.core.errors import ConfigError
from tests.trainers.tiny import drawn_crops, drawn_training_crops, tiny_config
from trainers.fit.curves import draw_curves
from trainers.fit.ema import Averages
from trainers.fit.processes import Processes
from trainers.fit.records import Records
from trainers.fit.runs import RunFolder
from trainers.fit.training_crops import TrainingCrops
from trainers.gan.method import StepLosses

CPU = torch.device("cpu")


def _records(run: RunFolder, **settings: object) -> Records:
    return _records_of(drawn_training_crops(), run, **settings)


def _records_of(crops: TrainingCrops, run: RunFolder, **settings: object) -> Records:
    config = tiny_config(**settings)
    averages = Averages([], halflife_images=0, rampup=0)
    return Records(config, run, crops, averages, device=CPU, processes=Processes(), on_stats=None)


def test_tensorboard_reads_the_statistics_and_previews_with_their_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    monkeypatch.setattr("trainers.fit.records.draw_preview", lambda *_: image)
    run = RunFolder.create(tmp_path, "tiny")
    records = _records(run, run__tensorboard=True)
    records.meter.add(StepLosses({"mask/l1": torch.tensor(0.25)}, {}), 4)

    with closing(records):
        records.report(300)
        records.preview(70_000)

    events = accumulator.EventAccumulator(str(run.events)).Reload()
    [l1] = events.Scalars("mask/l1")
    assert (l1.step, l1.value) == (300, 0.25)
    [preview] = events.Images("previews")
    assert (preview.step, preview.height, preview.width) == (70_000, 20, 30)
    png = np.frombuffer(preview.encoded_image_string, np.uint8)
    decoded = cv2.imdecode(png, cv2.IMREAD_COLOR)
    assert decoded is not None
    assert np.array_equal(decoded[..., ::-1], image)


def test_without_tensorboard_a_run_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)

    with pytest.raises(ConfigError, match=r"pip install 'facemask-video\[tensorboard\]'"):
        _records(RunFolder.create(tmp_path, "tiny"), run__tensorboard=True)


def test_where_one_face_is_set_aside_nothing_is_measured_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    crops = replace(drawn_training_crops(), masked_held_out=drawn_crops(1))
    run = RunFolder.create(tmp_path, "tiny")
    records = _records_of(crops, run, run__measure_every=8)

    records.measure(8)

    assert "nothing is measured" in caplog.text
    assert run.read_stats() == []


@pytest.mark.parametrize("n_lines", [0, 1, 20])
def test_curves_have_a_panel_for_each_loss_below_the_direction_s_name(n_lines: int) -> None:
    lines = [
        {
            "images_seen": 8.0 * step,
            "mask/l1": 1 / (step + 1),
            "mask/gan": 1.0,
            "mask/eyes": 0.5,
            "unmask/l1": float("nan"),
        }
        for step in range(n_lines)
    ]

    picture = draw_curves(lines, n_columns=2)

    # Three losses of mask on two rows, one of unmask, each group with a caption of 20 px.
    assert picture.shape == ((20 + 2 * 180 + 20 + 180, 640, 3) if n_lines else (200, 640, 3))
    inked = (picture[20:200, :320] != 255).any(axis=2)
    assert inked.any() == (n_lines > 0)
