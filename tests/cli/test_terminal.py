"""What a person at a terminal sees: runs of the program in a process of its own."""

import os
import pty
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

_PROGRAM = "from facemask_video.cli.main import main; main(prog_name='facemask-video')"


def _run(
    *arguments: object, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **(env or {})},
    )


def _completed(words: str, cwd: Path) -> list[str]:
    """Return what bash offers after the words, the last of which is not finished."""
    env = {
        "_FACEMASK_VIDEO_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    return [line.partition(",")[2] for line in _run(cwd=cwd, env=env).stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("facemask-video in.mp4 --dir", ["--direction"]),
        ("facemask-video convert in.mp4 --dir", ["--direction"]),
        ("facemask-video --dir", ["--direction"]),
        ("facemask-video in.mp4 -d ", ["mask", "unmask"]),
        ("facemask-video in.mp4 --layout si", ["side-by-side"]),
        ("facemask-video insp", ["inspect", "insp"]),
        ("facemask-video doctor --js", ["--json"]),
    ],
)
def test_the_shell_completes_the_short_form_and_the_long_one(
    tmp_path: Path, words: str, offered: list[str]
) -> None:
    assert _completed(words, tmp_path) == offered


def test_the_shell_completes_files_in_the_place_of_a_command(tmp_path: Path) -> None:
    env = {
        "_FACEMASK_VIDEO_COMPLETE": "bash_complete",
        "COMP_WORDS": "facemask-video cl",
        "COMP_CWORD": "1",
    }

    assert "file,cl" in _run(cwd=tmp_path, env=env).stdout.splitlines()


def test_completion_is_documented(tmp_path: Path) -> None:
    assert "_FACEMASK_VIDEO_COMPLETE=bash_source" in _run("--help", cwd=tmp_path).stdout


@pytest.mark.parametrize("arguments", [["--help"], ["convert", "--help"]])
def test_help_says_that_unmask_invents(tmp_path: Path, arguments: list[str]) -> None:
    assert "invented" in _run(*arguments, cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-dash.mp4", "-d", "mask"], "-dash.mp4: begins with a dash"),
        (["in.mp4", "-out.mkv", "-d", "mask"], "write ./-out.mkv for a file"),
        (["inspect", "-dash.mp4"], "write ./-dash.mp4 for a file"),
        (
            ["inspekt", "out.mp4"],
            "inspekt: is neither a command nor a file; did you mean 'inspect'",
        ),
        (["web"], "web: is neither a command nor a file; commands are convert, track"),
        (["in.mp4", "-d", "mask", "-ss", "10"], "-ss is an option of ffmpeg; give --start"),
        (["in.mp4", "-d", "mask", "-to", "10"], "-to is an option of ffmpeg; give --end"),
        (["in.mp4", "-d", "mask", "-t", "10"], "give --end, which is a time of the input"),
        (["-i", "in.mp4", "out.mp4", "-d", "mask"], "give the input's name alone"),
        (["in.mp4", "-direction", "mask"], "Did you mean --direction?"),
    ],
)
def test_what_is_typed_wrongly_is_answered_for_what_it_is(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "-dash.mp4").touch()

    done = _run(*arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_a_folder_that_is_attached_to_its_option_is_no_file(tmp_path: Path) -> None:
    done = _run("extract", "in.mp4", "-oset.v2", "--config", "none.toml", cwd=tmp_path)

    assert "none.toml: cannot be read" in done.stderr


def test_a_file_that_begins_with_a_dash_is_taken_behind_two(tmp_path: Path, sample: Path) -> None:
    (tmp_path / "-dash.mp4").write_bytes(sample.read_bytes())

    for named in (["./-dash.mp4"], ["--", "-dash.mp4"]):
        done = _run("inspect", *named, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


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
    from facemask_video.cli.progress import show_progress

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
    from facemask_video.cli.progress import show_progress

    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with show_progress("auto", quiet=True) as on_progress:
        now = 60.0
        on_progress(1, 2)

    assert capsys.readouterr().err == ""
