"""From two clips to a third: cut, train, convert, as somebody would at the command line."""

import json
from pathlib import Path

import click
from click.testing import CliRunner

from facemask_video.cli.main import main as facemask_video
from facemask_video.extract.manifest import read_manifest
from facemask_video.video import VideoReader
from trainers.cli import main as facemask_train

SAMPLES = Path(__file__).parents[3] / "samples"


def _run(program: click.Command, *arguments: object) -> str:
    result = CliRunner().invoke(program, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_two_videos_become_a_converter_and_convert_a_clip(tmp_path: Path, toml: Path) -> None:
    bare, masked, out = tmp_path / "A", tmp_path / "B", tmp_path / "out.mkv"
    # One still portrait moves through each clip: its crops look alike, so none is taken for two.
    options = ("--every", 6, "--end", 1, "--size", 48, "--no-dedupe", "--split", "1,0,0")

    _run(facemask_video, "extract", SAMPLES / "astronaut.mp4", "-o", bare, *options)
    _run(facemask_video, "extract", SAMPLES / "astronaut_masked.mp4", "-o", masked, *options)
    said = _run(
        facemask_train, "fit", toml, "--bare", bare, "--masked", masked,
        "--images", 8, "--run-dir", tmp_path / "runs",
    )  # fmt: skip
    weights = tmp_path / "runs" / "00000-tiny" / "weights" / "mask-standard.safetensors"
    _run(
        facemask_video, SAMPLES / "astronaut.mp4", out, "-d", "mask", "--weights", weights,
        "--end", 0.2, "--encoder", "ffv1", "--report", tmp_path / "report.json",
    )  # fmt: skip

    kept = [sum(row.kept for row in read_manifest(folder)) for folder in (bare, masked)]
    assert min(kept) >= 4
    assert f"{kept[0]} bare and {kept[1]} masked faces to train on" in said
    with VideoReader(out) as reader:
        assert sum(1 for _ in reader) == 5
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["frames"], report["faces_changed"]) == (5, 5)
