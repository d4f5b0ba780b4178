"""Time each stage of a chain of iterators, without the time of the stages before it."""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TypeVar

Item = TypeVar("Item")


class StageClock:
    """Charges the wall time of each thread to the innermost span that is open in it.

    A stage pulls on the one before it, so spans nest; while an inner span is open the outer one is
    not charged. Stages in different threads run at once, so the seconds may add up to more than
    the run took. A name must be used in one thread only.

    Args:
        now: Returns seconds since any fixed time.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[str, float] = {}
        self._now = now
        self._threads = threading.local()

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Charge what happens inside to ``name``."""
        self._charge()
        self._open_spans().append(name)
        try:
            yield
        finally:
            self._charge()
            self._open_spans().pop()

    def timed(self, name: str, items: Iterable[Item]) -> Generator[Item, None, None]:
        """Iterate ``items``, charging each step to ``name``; closing this closes ``items``."""
        iterator = iter(items)
        try:
            while True:
                with self.span(name):
                    try:
                        item = next(iterator)
                    except StopIteration:
                        return
                yield item
        finally:
            if isinstance(iterator, Generator):
                with self.span(name):
                    iterator.close()

    def _open_spans(self) -> list[str]:
        spans: list[str] = getattr(self._threads, "spans", [])
        self._threads.spans = spans
        return spans

    def _charge(self) -> None:
        """Charge the time since the last change of spans in this thread to the open one."""
        now = self._now()
        spans = self._open_spans()
        if spans:
            self.seconds[spans[-1]] = self.seconds.get(spans[-1], 0.0) + now - self._threads.since
        self._threads.since = now


class StageStack(ExitStack):
    """What a run holds open: files and timed stages, the last one opened closed first.

    Attributes:
        clock: Charged with each stage's time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = StageClock()

    def run(self, name: str, items: Iterable[Item]) -> Generator[Item, None, None]:
        """Time a stage under a name, and close it with the run."""
        return self.enter_context(closing(self.clock.timed(name, items)))
