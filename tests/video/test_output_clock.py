"""Ticks that rise, in the encoder's clock and in the container's."""

from fractions import Fraction

import pytest

from facemask_video.video.output_clock import OutputClock

_MS = Fraction(1, 1000)


def _stored(times: list[int], base: Fraction) -> tuple[list[int], str]:
    clock = OutputClock(base)
    ticks = [clock.tick_of(time, base, stored_base=_MS) for time in times]
    assert ticks == sorted(set(ticks))
    notes = "; ".join(clock.notes("matroska", "ffv1", base))
    # Half a millisecond up, as FFmpeg does.
    return [int(tick * base / _MS + Fraction(1, 2)) for tick in ticks], notes


def test_frames_closer_than_a_tick_of_the_container_are_kept_apart() -> None:
    stored, notes = _stored([0, 64, 65, 640], Fraction(1, 16000))
    assert stored == [0, 4, 5, 40]
    assert "at most 0.938 ms" in notes
    assert "share" not in notes


@pytest.mark.parametrize("per_s", [2000, 3000, 16000])
def test_more_frames_than_ticks_stay_in_time_with_the_sound_and_it_is_said(per_s: int) -> None:
    base = Fraction(1, 48000)
    times = [round(n * 48000 / per_s) for n in range(per_s // 100)]
    stored, notes = _stored(times, base)
    assert stored == sorted(stored)
    assert max(abs(ms - time / 48) for ms, time in zip(stored, times, strict=True)) <= 1
    assert f"{len(stored) - len(set(stored))} frames share the time of the frame before" in notes
