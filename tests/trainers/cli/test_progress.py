"""How far an evaluation is: a line that renews itself on a terminal, few lines in a log."""

import sys

import pytest

from trainers.cli.progress import StepLines


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("trainers.cli.progress.time.monotonic", clock)
    return clock


def hundred(steps: StepLines, clock: Clock) -> None:
    """Do a step of a hundred parts, a second each."""
    steps.begin("mask: 100 faces")
    for done in range(1, 101):
        clock.now += 1
        steps.done(done, 100)


def test_a_log_gets_a_line_every_ten_seconds(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = StepLines()
    hundred(steps, clock)
    steps.begin("next")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "mask: 100 faces"
    assert lines[1] == "  10 of 100  10 %  0:01:30 left"
    assert lines[-1] == "next"
    assert len(lines) == 1 + 9 + 1


def test_a_terminal_gets_one_line_that_is_cleared(
    clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    steps = StepLines()
    hundred(steps, clock)
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert "\r\x1b[K  50 of 100  50 %  0:00:50 left" in text
    assert text.endswith("\r\x1b[K")


def test_the_time_left_is_counted_anew_for_each_part_of_a_step(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = StepLines()
    hundred(steps, clock)
    clock.now += 1000
    steps.done(1, 30)
    clock.now += 20
    steps.done(10, 30)
    assert "  10 of 30  33 %  0:00:40 left" in capsys.readouterr().err
