"""The times of frames on an output's clock."""

from collections.abc import Iterator
from fractions import Fraction
from math import floor


class OutputClock:
    """Turns frame times into ticks that rise, and remembers how far off they are.

    Attributes:
        gaps: Frames so far that follow the one before them by more than a tick.

    Args:
        time_base: Seconds a tick of the encoder.
    """

    def __init__(self, time_base: Fraction) -> None:
        self._time_base = time_base
        self._begin_s = Fraction(0)
        self._last_tick: int | None = None
        self._last_stored: int | None = None
        self._largest_deviation_s = Fraction(0)
        self._delayed_frames = 0
        self._sharing_frames = 0
        self.gaps = 0

    def begin_at(self, time_s: Fraction) -> None:
        """Let the output begin at 0 with a time of the source's clock."""
        self._begin_s = time_s

    def tick_of(self, pts: int, time_base: Fraction, *, stored_base: Fraction) -> int:
        """Return a frame's tick; later than due where the one before it would not be earlier.

        The container's ticks may be longer than the encoder's, so that two of these become one of
        those. A frame due after the time at which the one before it is stored then takes the next
        of the container's ticks. Others share one: more frames a second than ticks would fall
        further behind the sound with each.

        Args:
            pts: The frame's time; frames come in display order.
            time_base: Seconds a tick of it.
            stored_base: Seconds a tick of the container.
        """
        exact_s = pts * time_base - self._begin_s
        tick = round(exact_s / self._time_base)
        if self._last_tick is not None and tick <= self._last_tick:
            tick = self._last_tick + 1
            self._delayed_frames += 1
        # As FFmpeg rounds (AV_ROUND_NEAR_INF).
        stored = floor(tick * self._time_base / stored_base + Fraction(1, 2))
        if self._last_stored is not None and stored <= self._last_stored:
            if exact_s > self._last_stored * stored_base:
                stored = self._last_stored + 1
                tick = round(stored * stored_base / self._time_base)
            else:
                self._sharing_frames += 1
        self.gaps += self._last_tick is not None and tick > self._last_tick + 1
        self._last_tick, self._last_stored = tick, stored
        deviation_s = abs(stored * stored_base - exact_s)
        self._largest_deviation_s = max(self._largest_deviation_s, deviation_s)
        return tick

    def notes(self, format_name: str, encoder: str, source_base: Fraction) -> Iterator[str]:
        """Say where times could not be kept.

        Args:
            format_name: The output's container.
            encoder: FFmpeg's name of the encoder.
            source_base: Seconds a tick of the source.
        """
        deviation = f"{float(self._largest_deviation_s) * 1000:.3f} ms"
        if self._delayed_frames:
            yield (
                f"{self._delayed_frames} frames were due no later than the frame before them, and "
                f"follow it by one tick; frame times are off by at most {deviation}"
            )
        elif self._largest_deviation_s:
            yield (
                f"a {format_name} file from encoder {encoder} cannot hold the source's "
                f"clock of {source_base} s a tick: frame times are off by at most {deviation}"
            )
        if self._sharing_frames:
            yield (
                f"{self._sharing_frames} frames share the time of the frame before them: they come "
                f"faster than a {format_name} file can tell apart, and players may leave them out"
            )
