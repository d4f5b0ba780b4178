import json
from pathlib import Path

import click
import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from facemask_video.core.direction import Direction
from facemask_video.core.faces import Crop, TrackedFace, TrackId
from facemask_video.core.geometry import Box
from facemask_video.translate.translator import Translator
from facemask_video.video import VideoReader
from tests.trainers.tiny import drawn_crops
from trainers.cli import main
from trainers.cli.progress import cutting_line, on_stats

SAMPLE = Path(__file__).parents[3] / "samples" / "astronaut.mp4"


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def crops(tmp_path: Path) -> list[object]:
    """The options that name 16 crops of each domain."""
    drawn_crops(16, seed=1).save(tmp_path / "bare.npz")
    drawn_crops(16, seed=2, name="masked").save(tmp_path / "masked.npz")
    return ["--bare", tmp_path / "bare.npz", "--masked", tmp_path / "masked.npz"]


def _frame() -> Crop:
    image = drawn_crops(1, size_px=32).images[0]
    face = TrackedFace(TrackId(0), Box(0, 0, 9, 9), np.zeros((5, 2), np.float32), 0.9, True)
    return Crop(np.ascontiguousarray(image), np.eye(2, 3), face)


def test_fit_trains_on_16_crops_and_writes_weights_that_the_converter_takes(
    tmp_path: Path, toml: Path, crops: list[object]
) -> None:
    result = _run("fit", toml, *crops, "--run-dir", tmp_path / "runs")

    assert result.exit_code == 0, result.output
    assert "generators after 24 images" in result.output
    for direction in Direction:
        translator = Translator.load(
            tmp_path / "runs" / "00000-tiny" / "weights" / f"{direction}-standard.safetensors",
            direction=direction,
            device=torch.device("cpu"),
            precision="fp32",
        )
        [translated] = translator.translate([_frame()])
        assert translated.image.shape == (32, 32, 3)


def test_a_quiet_fit_says_nothing(tmp_path: Path, toml: Path, crops: list[object]) -> None:
    result = _run(
        *("fit", "--config", toml, *crops, "--images", 4, "--progress", "line", "--quiet"),
        *("--run-dir", tmp_path / "runs"),
    )

    assert result.exit_code == 0, result.output
    assert result.output == ""
    assert list((tmp_path / "runs").glob("*/weights/*.safetensors"))


def test_a_run_goes_on_with_its_own_options_and_is_exported(
    tmp_path: Path, toml: Path, crops: list[object]
) -> None:
    run = tmp_path / "runs" / "00000-tiny"
    assert _run("fit", toml, *crops, "--run-dir", run.parent, "--images", 8).exit_code == 0

    result = _run("fit", "--resume", run, "--images", 16)

    assert result.exit_code == 0, result.output
    assert "generators after 16 images" in result.output
    options = json.loads((run / "options.json").read_text())
    assert options["run"]["images"] == 16
    assert options["mask"]["ngf"] == 4
    assert Path(options["run"]["run_dir"]) == run.parent
    result = _run("export", run, "-o", tmp_path / "out", "--capacity", "lite")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "unmask-lite.safetensors").is_file()


def test_crops_are_cut_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    with VideoReader(SAMPLE) as reader:
        image, _ = next(iter(reader)).thumbnail(640)
    cv2.imwrite(str(folder / "face.png"), image[..., ::-1])
    (folder / "broken.png").write_bytes(b"not a picture")

    result = _run("crops", folder, "-o", tmp_path / "bare.npz", "--size", 48)

    assert result.exit_code == 0, result.output
    assert "1 crops of 48 px; 1 pictures left out" in result.output
    assert "left out: bare/broken.png: unreadable" in result.output
    again = _run("crops", folder, "-o", tmp_path / "bare.npz")
    assert again.exit_code == 2
    assert "pass --overwrite" in again.output
    assert _run("crops", folder, "-o", tmp_path / "bare.zip").exit_code == 2


def test_a_dry_run_shows_the_resolved_configuration_and_makes_nothing(
    tmp_path: Path, toml: Path
) -> None:
    result = _run(
        "fit", toml, "--dry-run", "--lr", "0.001", "--set", "mask.norm=batch",
        "--set", "warm_start.lambda_gan=0.5", "--run-dir", tmp_path / "runs",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    shown = json.loads(result.output)
    assert shown["optim"]["lr"] == 0.001
    assert shown["mask"]["norm"] == "batch"
    assert shown["warm_start"]["lambda_gan"] == 0.5
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "mask.nfg=3"], "unknown key 'mask.nfg'; did you mean 'mask.ngf'?"),
        (["--set", "mask.ngf"], "expected SECTION.KEY=VALUE"),
        (["--set", "mask.ngf=many"], "mask.ngf: got 'many', expected int"),
        (["--method", "diffusion"], "'diffusion' is not"),
        (["none.toml"], "none.toml: cannot be read"),
        (["--resume", "nowhere"], "nowhere: no run folder"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_usage_errors_are_one_line_and_exit_2(arguments: list[str], message: str) -> None:
    result = _run("fit", *arguments, "--dry-run")

    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_fit_without_data_says_how_to_give_it(tmp_path: Path, toml: Path) -> None:
    result = _run("fit", toml, "--run-dir", tmp_path / "runs")

    assert result.exit_code == 2
    assert "data.bare is not given; pass --bare" in result.output


def test_a_device_that_is_not_there_is_one_line_and_exit_1(tmp_path: Path, toml: Path) -> None:
    result = _run("fit", toml, "--device", "tpu", "--run-dir", tmp_path / "runs")

    assert result.exit_code == 1
    assert "--device tpu: not known" in result.output


def test_help_names_every_command() -> None:
    shown = _run("--help").output
    for name, command in main.commands.items():
        assert (f"  {name} " in shown) != command.hidden


@pytest.mark.parametrize("name", main.commands)
def test_every_command_reads_a_file_of_settings_and_refuses_unknown_keys(
    name: str, tmp_path: Path
) -> None:
    command = main.commands[name]
    required: list[str | Path] = [
        tmp_path
        for parameter in command.params
        if isinstance(parameter, click.Argument) and parameter.required
    ]
    file = tmp_path / "settings.toml"
    file.write_text("no_such_key = 1\n")

    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.required:
            there = parameter.name == "output"
            required += [parameter.opts[0], tmp_path / "out.npz" if there else file]

    result = _run(name, *required, "--config", file)

    assert result.exit_code == 2
    assert f"Error: {file}: unknown key 'no_such_key'" in result.output
    assert "--config FILE.toml" in _run(name, "--help").output


def test_what_is_typed_wins_over_the_file_wherever_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "evaluate.toml"
    file.write_text("[sets]\ndrawn = 3\nlimit = 4\n")

    for named in ([file], ["--config", file]):
        result = _run("evaluate", *named, "--drawn", 5, "--segmentations", tmp_path, "--dry-run")
        sets = json.loads(result.output)["sets"]
        assert (sets["drawn"], sets["limit"], sets["segmentations"]) == (5, 4, str(tmp_path))
    twice = _run("evaluate", file, "--config", file, "--dry-run")
    assert twice.exit_code == 2
    assert "name one of them" in twice.output


def test_a_small_network_takes_its_settings_from_a_file(tmp_path: Path) -> None:
    for name, seed in (("bare", 1), ("masked", 2)):
        drawn_crops(16, size_px=64, seed=seed, name=name).save(tmp_path / f"{name}.npz")
    file = tmp_path / "small.toml"
    file.write_text('bare = "bare.npz"\nmasked = "masked.npz"\nimages = 8\nbatch_size = 4\n')
    weights = tmp_path / "classifier.safetensors"

    result = _run("mask-classifier", "--config", file, "--device", "cpu", "-o", weights, "--quiet")

    assert result.exit_code == 0, result.output
    assert result.output == ""
    assert weights.is_file()


def test_progress_is_lines_objects_or_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    stats = {"images_seen": 8.0, "images_per_s": 2.0, "mask/l1": 0.5}

    for mode in ("line", "json", "none", "auto"):
        on_stats(mode, 16)(stats)
    cutting_line("bare", 10, 20)
    cutting_line("bare", 20, 20)

    line, as_json, auto, cropping = capsys.readouterr().err.splitlines()
    assert line == auto
    assert "8/16 images  50 %  2.0 images/s  0:00:04 left  mask: l1 0.500" in line
    assert json.loads(as_json) == {**stats, "images": 16}
    assert cropping == "bare: 20 pictures looked at"
