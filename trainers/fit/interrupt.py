"""Leave a long loop in good order on Ctrl-C or SIGTERM."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass(slots=True)
class Stop:
    """Whether somebody asked the loop to end.

    Attributes:
        signal_name: What asked; empty while nobody has.
    """

    signal_name: str = ""

    def __bool__(self) -> bool:
        return bool(self.signal_name)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Yield a flag that the first SIGINT or SIGTERM raises; a second one interrupts at once."""
    stop = Stop()

    def handle(number: int, frame: FrameType | None) -> None:
        if stop:
            raise KeyboardInterrupt
        stop.signal_name = signal.Signals(number).name

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
