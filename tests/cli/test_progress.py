import json

import pytest

from facemask_video.cli.progress import show_progress


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, float | None]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_json_has_the_first_and_the_last_frame(capsys: pytest.CaptureFixture[str]) -> None:
    # The header promised more frames than came.
    with show_progress("json") as on_progress:
        for done in range(1, 8):
            on_progress(done, 10)

    first, last = _lines(capsys)
    assert first == {"frame": 1, "frames": 10, "fps": None, "eta_s": None}
    assert (last["frame"], last["frames"]) == (7, 10)


def test_loading_is_no_part_of_the_frame_rate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A minute of loading, then a frame a second.
    clock = iter([60.0, 61.0, 62.0, 63.0, 63.0])
    monkeypatch.setattr("facemask_video.cli.progress.time.monotonic", lambda: next(clock))

    with show_progress("json") as on_progress:
        for done in range(1, 5):
            on_progress(done, 10)

    assert [line["fps"] for line in _lines(capsys)] == [None, 1.0, 1.0, 1.0]


def test_without_a_frame_json_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress("json"):
        pass

    assert _lines(capsys) == []


def test_a_bar_holds_more_frames_than_were_promised(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress("bar") as on_progress:
        for done in range(1, 4):
            on_progress(done, 2)

    assert "frames" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["none", "auto"])
def test_nothing_is_drawn_where_stderr_is_no_terminal(
    capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    with show_progress(mode) as on_progress:
        on_progress(1, 2)

    assert capsys.readouterr().err == ""
