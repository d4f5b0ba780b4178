import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run


def _tracked(run: Run, source: Path, target: Path, *arguments: object) -> list[dict[str, Any]]:
    result = run("track", source, "--out", target, *arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{target}: ")
    return [json.loads(line) for line in target.read_text("utf-8").splitlines()]


def test_tracking_needs_no_generator_and_writes_a_line_a_frame(
    run: Run, sample: Path, tmp_path: Path
) -> None:
    header, *lines = _tracked(run, sample, tmp_path / "t.jsonl", "--end", "0.2")

    assert header["source"]["name"] == sample.name
    assert [line["frame"] for line in lines] == list(range(5))
    assert {len(line["faces"]) for line in lines} == {1}
    assert "domain" not in lines[0]["faces"][0]
    assert "translated" not in lines[0]["faces"][0]


def test_the_classifier_decides_when_asked(run: Run, sample: Path, tmp_path: Path) -> None:
    _, *lines = _tracked(run, sample, tmp_path / "t.jsonl", "--end", "0.2", "--classifier", "auto")

    assert {face["domain"] for line in lines for face in line["faces"]} == {"bare"}
    assert all(face["domain_score"] > 0.5 for line in lines for face in line["faces"])


def test_options_of_finding_following_and_choosing_are_heeded(
    run: Run, sample: Path, tmp_path: Path
) -> None:
    for index, arguments in enumerate([("--min-face", 300), ("--faces", "track:3")]):
        _, *lines = _tracked(run, sample, tmp_path / f"{index}.jsonl", "--end", "0.1", *arguments)

        assert not any(line["faces"] for line in lines), arguments


def test_a_video_is_converted_from_its_tracks_without_a_detector(
    run: Run, sample: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracks, report = tmp_path / "t.jsonl", tmp_path / "report.json"
    _tracked(run, sample, tracks, "--end", "0.2")
    monkeypatch.setattr("facemask_video.pipeline.load_networks.build_detector", None)

    result = run(
        sample, tmp_path / "out.mp4", "-d", "mask", "--weights", weights, "--end", "0.2",
        "--tracks", tracks, "--report", report,
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr

    plain = json.loads(report.read_text("utf-8"))
    assert plain["faces"] == plain["frames"] == 5
    assert "detect" not in plain["seconds"]


def test_tracks_of_another_file_are_one_line_and_no_output(
    run: Run, sample: Path, short_clip: Path, weights: Path, tmp_path: Path
) -> None:
    tracks, out = tmp_path / "t.jsonl", tmp_path / "out.mp4"
    _tracked(run, short_clip, tracks, "--end", "0.2", "--detect-every", "4")

    base: list[object] = ["-d", "mask", "--weights", weights, "--tracks"]
    cases: list[tuple[list[object], str]] = [
        ([sample, out, *base, tracks, "--end", "0.2"], "the tracks belong to short.mkv"),
        ([short_clip, out, *base, tracks], "pass --start 0 --end 0.2 or a range within"),
        ([short_clip, out, *base, short_clip], "is not JSON lines"),
        ([short_clip, out, *base, tmp_path / "nowhere"], "nowhere"),
    ]
    for arguments, reason in cases:
        result = run(*arguments)

        assert result.exit_code == 1, result.output
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1, result.stderr
        assert reason in result.stderr
        assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--faces", "biggest"], "expected all, largest or track:ID,..."),
        (["--faces", "track:"], "got 'track:'"),
        (["--max-faces", "0"], "0 is not in the range x>=1"),
        (["--look-ahead", "-1"], "-1 is not in the range x>=0"),
        (["--bridge", "-1"], "-1.0 is not in the range x>=0"),
    ],
)
def test_wrong_usage_exits_2(
    run: Run, sample: Path, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    for command in (["track", sample, "--out"], ["convert", sample, "-d", "mask"]):
        result = run(*command, tmp_path / "out.mkv", *arguments)

        assert result.exit_code == 2
        assert reason in " ".join(result.stderr.split())
        assert list(tmp_path.iterdir()) == []


def test_an_output_must_be_named_and_is_not_replaced_unasked(
    run: Run, sample: Path, tmp_path: Path
) -> None:
    taken = tmp_path / "t.jsonl"
    taken.write_text("mine")

    assert run("track", sample).exit_code == 2
    result = run("track", sample, "--out", taken)

    assert result.exit_code == 1
    assert "pass --overwrite" in result.stderr
    assert taken.read_text() == "mine"
    _tracked(run, sample, taken, "--end", "0.1", "-y")


def test_progress_is_told_as_in_a_conversion(run: Run, sample: Path, tmp_path: Path) -> None:
    result = run(
        "track", sample, "--out", tmp_path / "t.jsonl", "--end", "0.2", "--progress", "json"
    )

    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert lines[-1]["frame"] == lines[-1]["frames"] == 5


def test_a_dry_run_names_the_tracks(run: Run, sample: Path, tmp_path: Path) -> None:
    tracks = tmp_path / "t.jsonl"
    _tracked(run, sample, tracks, "--end", "0.1")

    result = run(sample, tmp_path / "out.mp4", "-d", "mask", "--tracks", tracks, "--dry-run")

    assert result.exit_code == 0, result.output
    assert f"faces from {tracks}" in result.stdout


def test_the_overlay_is_noted(run: Run, sample: Path, weights: Path, tmp_path: Path) -> None:
    result = run(
        sample, tmp_path / "out.mp4", "-d", "mask", "--weights", weights, "--end", "0.1",
        "--debug-overlay",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert "Note: the debug overlay is drawn" in result.stderr
