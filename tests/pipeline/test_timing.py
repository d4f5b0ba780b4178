from collections.abc import Iterable, Iterator

import pytest

from facemask_video.pipeline.prefetch import prefetch
from facemask_video.pipeline.timing import StageClock


class _Time:
    """A clock that only moves when a test moves it, so that no test depends on the machine."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def slow(self, items: Iterable[int], seconds: float) -> Iterator[int]:
        """Take so long for each item, after it has come."""
        for item in items:
            self.now += seconds
            yield item


def test_a_stage_is_not_charged_for_the_stages_before_it() -> None:
    time = _Time()
    clock = StageClock(time)

    first = clock.timed("first", time.slow(range(5), 2.0))
    second = clock.timed("second", iter(first))
    third = clock.timed("third", time.slow(second, 3.0))
    assert list(third) == list(range(5))

    assert clock.seconds == pytest.approx({"first": 10.0, "second": 0.0, "third": 15.0})


def test_time_between_steps_is_charged_to_nobody() -> None:
    time = _Time()
    clock = StageClock(time)

    for _ in clock.timed("quick", range(3)):
        time.now += 1.0

    assert clock.seconds == {"quick": 0.0}


def test_a_span_within_a_span_is_charged_once() -> None:
    time = _Time()
    clock = StageClock(time)

    with clock.span("outer"):
        time.now += 1.0
        with clock.span("inner"):
            time.now += 5.0
        time.now += 2.0

    assert clock.seconds == {"outer": 3.0, "inner": 5.0}


def test_threads_are_charged_apart() -> None:
    clock = StageClock()

    made = clock.timed("made", range(5))
    waited = clock.timed("wait", prefetch(made, depth=1, name="maker"))
    with clock.span("use"):
        assert list(waited) == list(range(5))

    # Had the two threads shared one stack of spans, an end would have met another's beginning.
    assert set(clock.seconds) == {"made", "wait", "use"}
    assert min(clock.seconds.values()) >= 0


def test_closing_a_timed_iterator_closes_what_it_times() -> None:
    closed = []

    def source() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            closed.append(True)

    timed = StageClock().timed("source", source())
    next(timed)
    timed.close()

    assert closed == [True]
