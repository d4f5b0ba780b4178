import time
from collections.abc import Iterable, Iterator

import pytest

from facemask_video.pipeline.clock import StageClock
from facemask_video.pipeline.prefetch import prefetch

# Sleeps never end early; how late they end depends on the machine, so sums are compared with the
# measured total and not with the sleeps.
_NAP_S = 0.01


def _slow(items: Iterable[int]) -> Iterator[int]:
    for item in items:
        time.sleep(_NAP_S)
        yield item


def test_a_stage_is_not_charged_for_the_stages_before_it() -> None:
    clock = StageClock()
    started = time.perf_counter()

    first = clock.timed("first", _slow(range(5)))
    second = clock.timed("second", iter(first))
    third = clock.timed("third", _slow(second))
    assert list(third) == list(range(5))

    total_s = time.perf_counter() - started
    assert clock.seconds["first"] >= 5 * _NAP_S
    assert clock.seconds["third"] >= 5 * _NAP_S
    assert clock.seconds["second"] < _NAP_S
    assert sum(clock.seconds.values()) == pytest.approx(total_s, rel=0.05)


def test_time_between_steps_is_charged_to_nobody() -> None:
    clock = StageClock()

    for _ in clock.timed("quick", range(3)):
        time.sleep(_NAP_S)

    assert clock.seconds["quick"] < _NAP_S


def test_threads_are_charged_apart() -> None:
    clock = StageClock()

    made = clock.timed("made", _slow(range(5)))
    waited = clock.timed("wait", prefetch(made, depth=1, name="maker"))
    for _ in waited:
        time.sleep(2 * _NAP_S)

    assert clock.seconds["made"] >= 5 * _NAP_S
    # Only the first item has to be waited for in full.
    assert clock.seconds["wait"] < 4 * _NAP_S


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
