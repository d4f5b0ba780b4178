"""What a person at a terminal sees: completion, answers to slips, and progress."""

import os
import pty
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from facemask_video.cli.main import main
from facemask_video.cli.progress import show_progress
from tests.cli.conftest import Run


def test_bash_completes_the_short_form(tmp_path: Path) -> None:
    program = "from facemask_video.cli.main import main; main(prog_name='facemask-video')"
    env = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "_FACEMASK_VIDEO_COMPLETE": "bash_complete",
        "COMP_WORDS": "facemask-video in.mp4 --dir",
        "COMP_CWORD": "2",
    }

    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=env,
    )

    assert done.stdout == "plain,--direction\n"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("in.mp4 --dir", ["plain --direction"]),
        ("convert in.mp4 --dir", ["plain --direction"]),
        ("--dir", ["plain --direction"]),
        ("in.mp4 -d ", ["plain mask", "plain unmask"]),
        ("in.mp4 --layout si", ["plain side-by-side"]),
        ("in.mp4 ou", ["file ou"]),
        ("insp", ["plain inspect", "file insp"]),
        ("doctor --js", ["plain --json"]),
    ],
)
def test_commands_options_values_and_files_are_completed(words: str, offered: list[str]) -> None:
    *before, incomplete = words.split(" ")
    complete = BashComplete(main, {}, "facemask-video", "_FACEMASK_VIDEO_COMPLETE")

    found = complete.get_completions(before, incomplete)

    assert [f"{item.type} {item.value}" for item in found] == offered


def test_completion_is_documented(run: Run) -> None:
    assert "_FACEMASK_VIDEO_COMPLETE=bash_source" in run("--help").stdout


@pytest.mark.parametrize("arguments", [["--help"], ["convert", "--help"]])
def test_help_says_that_unmask_invents(run: Run, arguments: list[str]) -> None:
    assert "invented" in run(*arguments).stdout


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("-dash.mp4 -d mask", "-dash.mp4: begins with a dash"),
        ("in.mp4 -out.mkv -d mask", "write ./-out.mkv for a file"),
        ("inspect -dash.mp4", "write ./-dash.mp4 for a file"),
        ("extract in.mp4 -oset.v2 --config none.toml", "none.toml: cannot be read"),
        ("inspekt out.mp4", "inspekt: is neither a command nor a file; did you mean 'inspect'"),
        ("web", "web: is neither a command nor a file; commands are convert, batch, live"),
        ("in.mp4 -d mask -ss 10", "-ss is an option of ffmpeg; give --start"),
        ("in.mp4 -d mask -to 10", "-to is an option of ffmpeg; give --end"),
        ("in.mp4 -d mask -t 10", "give --end, which is a time of the input"),
        ("-i in.mp4 out.mp4 -d mask", "give the input's name alone"),
        ("in.mp4 -direction mask", "Did you mean --direction?"),
    ],
)
def test_what_is_typed_wrongly_is_answered_for_what_it_is(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-dash.mp4").touch()

    result = run(*typed.split())

    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_file_that_begins_with_a_dash_is_taken_behind_two(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-dash.mp4").write_bytes(sample.read_bytes())

    assert run("inspect", "./-dash.mp4").exit_code == 0
    assert run("inspect", "--", "-dash.mp4").exit_code == 0


def test_a_terminal_shows_loading_and_then_the_frames(tmp_path: Path) -> None:
    code = (
        "import time\n"
        "from facemask_video.cli.progress import show_progress\n"
        "with show_progress('auto') as on_progress:\n"
        "    time.sleep(1.2)\n"
        "    for done in (1, 2, 3):\n"
        "        time.sleep(0.2)\n"
        "        on_progress(done, 3)\n"
    )
    parent, child = pty.openpty()
    termios.tcsetwinsize(child, (24, 80))
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=child, cwd=Path(__file__).parents[2]
    )
    os.close(child)
    shown = b""
    while True:
        try:
            part = os.read(parent, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(parent)

    assert process.wait() == 0
    loading, _, frames = shown.decode().partition("0/3")
    assert "loading [00:00]" in loading
    assert "loading [00:01]" in loading
    assert "3/3" in frames
    assert "loading" not in frames


def test_a_log_gets_a_line_every_ten_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)

    with show_progress("auto") as on_progress:
        for done in range(1, 51):
            now += 1.0
            on_progress(done, 125)

    assert capsys.readouterr().err.splitlines()[:2] == [
        "10 of 125 frames, 1.0 fps, 1:55 min left",
        "20 of 125 frames, 1.0 fps, 1:45 min left",
    ]


def test_quiet_gives_a_log_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with show_progress("auto", quiet=True) as on_progress:
        now = 60.0
        on_progress(1, 2)

    assert capsys.readouterr().err == ""
