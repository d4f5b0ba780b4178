"""The command for many files, with its processes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from facemask_video.batch.ledger import read_ledger
from tests.cli.conftest import Run
from tests.synthetic import encode_clip


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    """Return a folder of two clips in folders and one file that is none."""
    folder = tmp_path / "footage"
    (folder / "cam1").mkdir(parents=True)
    encode_clip(folder / "a.mp4")
    encode_clip(folder / "cam1" / "b.mkv")
    (folder / "broken.mp4").write_text("no video")
    return folder


def test_a_folder_is_converted_by_processes_and_a_second_call_does_nothing(
    run: Run, footage: Path, weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ("batch", footage, "-o", out, "-d", "mask", "--weights", weights, "--jobs", 2)

    result = run(*command, "--progress", "json")

    assert result.exit_code == 3, result.stderr
    assert "3 files: 2 done, 1 failed" in result.stdout
    assert (out / "a_masked.mp4").is_file()
    assert (out / "cam1" / "b_masked.mkv").is_file()
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert [event["event"] for event in events].count("done") == 2
    assert events[0]["event"] == "planned"
    assert events[-1]["ended"] == events[-1]["total"] == 3
    rows = {row.source.name: row for row in read_ledger(out)}
    assert {rows["a.mp4"].state, rows["b.mkv"].state} == {"done"}
    assert f"{footage / 'broken.mp4'}: " in (rows["broken.mp4"].error or "")

    again = run(*command)

    assert "2 done (2 of them before), 1 failed" in again.stdout
    assert again.exit_code == 3


def test_a_dry_run_lists_what_would_be_done_and_writes_nothing(
    run: Run, footage: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    result = run("batch", footage, "-o", out, "-d", "mask", "--dry-run")

    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert f"to do           {footage / 'a.mp4'} (0:00:01) > {out / 'a_masked.mp4'}" in lines
    assert any(f"cannot be done  {footage / 'broken.mp4'}: is not a video" in x for x in lines)
    assert lines[-1] == "3 files, 0:00:02 of video, 1 that cannot be done"
    assert not out.exists()


def test_the_process_that_hands_out_the_work_loads_no_networks_library() -> None:
    code = "import sys, facemask_video.batch.batch; print('torch' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def test_an_interruption_says_that_the_same_call_goes_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("facemask_video.cli.batch.convert_batch", interrupted)

    result = run("batch", "in.mp4", "-o", tmp_path / "out", "-d", "mask")

    assert result.exit_code == 130
    assert "the same call goes on" in result.stderr


def test_status_of_a_folder_without_a_ledger_is_refused_in_one_line(
    run: Run, tmp_path: Path
) -> None:
    result = run("batch", "--status", tmp_path)

    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {tmp_path}: holds no batch's results; name the folder given as -o.\n"
    )


def test_a_plan_that_cannot_be_carried_out_is_a_usage_error(run: Run, footage: Path) -> None:
    result = run("batch", footage, "-o", footage / "out", "-d", "mask", "--dry-run")

    assert result.exit_code == 2
    assert "lies in the input" in result.stderr
