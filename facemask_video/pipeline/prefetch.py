"""Run an iterator in a thread of its own, a bounded number of items ahead.

This is the only file that starts a thread, and it never abandons one: closing the iterator tells
the worker to stop, takes what is in its way, and waits for it.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

# How often a worker that waits for room looks whether it should stop. Only bounds how long closing
# takes while the queue is full; nothing is late because of it.
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class _Failure:
    error: BaseException


class _End:
    pass


class _Worker(Generic[Item]):
    def __init__(self, items: Iterable[Item], depth: int, name: str) -> None:
        self.ready: queue.Queue[Item | _Failure | _End] = queue.Queue(maxsize=depth)
        self._items = items
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        outcome: _Failure | _End = _End()
        try:
            for item in self._items:
                if not self._put(item):
                    break
        except BaseException as exc:  # noqa: BLE001 - raised again in the consumer's thread
            outcome = _Failure(exc)
        try:
            # Upstream is closed by the thread that ran it: a generator refuses another's close()
            # while it runs.
            close: Callable[[], None] | None = getattr(self._items, "close", None)
            if close is not None and isinstance(self._items, Generator):
                close()
        except BaseException as exc:  # noqa: BLE001 - raised again in the consumer's thread
            outcome = _Failure(exc)
        self._put(outcome)

    def _put(self, item: Item | _Failure | _End) -> bool:
        while not self._stop.is_set():
            try:
                self.ready.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return True
        return False


def prefetch(items: Iterable[Item], *, depth: int, name: str) -> Generator[Item, None, None]:
    """Iterate ``items`` in another thread, at most ``depth`` finished items ahead.

    The thread starts with the first ``next`` and has ended when the iterator is exhausted, raises
    or is closed. An error raised in the thread is raised here, after the items before it.

    Args:
        items: What to iterate. A generator is closed in the thread when the iteration ends early.
        depth: Finished items held, >= 1; one more may be in the worker's hand.
        name: Name of the thread.
    """
    if depth < 1:
        raise ValueError(f"prefetch: got depth={depth}, expected at least 1.")
    worker = _Worker(items, depth, name)
    worker.start()
    try:
        while True:
            item = worker.ready.get()
            if isinstance(item, _End):
                return
            if isinstance(item, _Failure):
                raise item.error
            yield item
    finally:
        worker.close()
