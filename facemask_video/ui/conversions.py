"""The queue of the page: rows of a batch's ledger, converted one after another.

All that is known of it is in the ledger, with the options of each row, so that neither closing the
page nor killing the process loses anything; the command line reads it as any other batch.
"""

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal

from facemask_video.batch.identity import identify
from facemask_video.batch.ledger import (
    Ledger,
    Row,
    has_ledger,
    is_held,
    read_ledger,
    read_settings,
)
from facemask_video.batch.local_workers import LocalWorkers
from facemask_video.batch.plan import BatchPlan, Job, make_batch_plan
from facemask_video.batch.run import (
    BatchEvent,
    Workers,
    enter,
    remove_leftovers,
    run_batch,
)
from facemask_video.batch.task import Event
from facemask_video.config import BatchConfig
from facemask_video.core.errors import BatchError, ConfigError, FacemaskVideoError
from facemask_video.core.kinds import Kind
from facemask_video.core.wording import shown
from facemask_video.pipeline.work_folder import work_path
from facemask_video.ui.options import Given, conversion

CANCELLED = "cancelled"
"""Why a row failed that was cancelled on the page."""

# How soon a cancel is heard.
_LISTEN_EVERY_S = 0.15
# How soon rows are seen that another process entered.
_LOOK_EVERY_S = 3.0
_MOST_NAMES = 999

Standing = Literal["waiting", "running", "done", "failed", "cancelled", "skipped"]


@dataclass(frozen=True, slots=True)
class Conversion:
    """A row of the queue as the page shows it.

    Attributes:
        row: Of the ledger.
        standing: Where it stands.
        given: The options; None where the page did not enter it.
        frames: Done and expected, of what is running.
        eta_s: Seconds left, where known.
        is_ours: Whether this process works on it.
    """

    row: Row
    standing: Standing
    given: dict[str, Any] | None
    frames: tuple[int | None, int | None]
    eta_s: float | None
    is_ours: bool


class _Ended(Exception):
    """What is running was cancelled, or the page is closing."""


@dataclass(slots=True)
class _Current:
    target: PurePath
    frames: tuple[int | None, int | None] = (None, None)
    cancelled: bool = False
    first: tuple[float, int] | None = None
    last: tuple[float, int] | None = None

    def hear(self, done: int | None, total: int | None) -> None:
        self.frames = (done, total)
        if done:
            self.last = (time.monotonic(), done)
            # From the first frames on: what is loaded before them is loaded once.
            self.first = self.first or self.last

    def eta_s(self) -> float | None:
        total = self.frames[1]
        if self.first is None or self.last is None or total is None:
            return None
        (began, before), (now, done) = self.first, self.last
        return max(0.0, (now - began) / (done - before) * (total - done)) if done > before else None


MakeWorkers = Callable[[BatchConfig, Ledger], Workers]


def _local_workers(config: BatchConfig, ledger: Ledger) -> Workers:
    log = ledger.path.with_name("workers.log")
    return LocalWorkers(config, 1, lock_fd=ledger.lock.fd, log=log)


class Conversions:
    """The queue of one folder of results, and the thread that works on it."""

    def __init__(
        self, folder: Path, uploads: Path, make_workers: MakeWorkers = _local_workers
    ) -> None:
        """Start nothing yet.

        Args:
            folder: Of the results; made where it is not there.
            uploads: Files of the page's own, which go when their rows do.
            make_workers: Makes those who convert one file.

        Raises:
            BatchError: It cannot be written.
        """
        self.folder = folder
        self._uploads = uploads
        self._make_workers = make_workers
        with Ledger(folder) as ledger:
            remove_leftovers(ledger)
        self._changed = threading.Condition()
        self._current: _Current | None = None
        self._closing = False
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._work, name="conversions")

    def start(self) -> None:
        """Begin with what the ledger holds."""
        self._thread.start()

    def close(self) -> None:
        """End; what is being converted goes on at the next start from where it was."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    @property
    def trouble(self) -> str | None:
        """Why the queue stands still; None where it does not."""
        return self._trouble

    def add(self, source: Path, given: Given) -> PurePath:
        """Put a conversion at the end of the queue.

        Args:
            source: The file.
            given: Options, from the page.

        Returns:
            The result's path from the folder, which names the row.

        Raises:
            ConfigError: An option is not accepted, or the same is done, or in the queue, already.
            FacemaskVideoError: The row cannot be entered.
        """
        with Ledger(self.folder) as ledger:
            known = {row.target: row for row in read_ledger(self.folder)}
            for number in range(1, _MOST_NAMES):
                again = "" if number == 1 else f"-{number}"
                config = conversion(given, name=f"{{stem}}_{{direction}}{again}{{ext}}")
                plan = make_batch_plan([source], self.folder, config)
                target = plan.jobs[0].target
                earlier = known.get(target)
                if earlier is not None:
                    if not _is_same(earlier, ledger, source, given):
                        continue
                    _refuse_twice(earlier, self.folder)
                elif (self.folder / target).exists():
                    continue
                enter(plan, config, ledger)
                ledger.keep_settings(target, given)
                with self._changed:
                    self._changed.notify_all()
                return target
        raise ConfigError(f"{shown(source)}: has too many results already; remove some.")

    def again(self, target: PurePath) -> None:
        """Put what failed or was cancelled back into the queue.

        Raises:
            FacemaskVideoError: It cannot be entered.
        """
        with Ledger(self.folder) as ledger:
            row = _known(self.folder, target)
            if row.state not in ("failed", "skipped"):
                return
            given = ledger.settings(target)
            if given is None:
                raise ConfigError(
                    f"{shown(target)}: was not entered by the page; call the batch again for it."
                )
            ledger.forget(target)
            enter(_plan_of(row, self.folder), conversion(given), ledger)
            ledger.keep_settings(target, given)
        with self._changed:
            self._changed.notify_all()

    def cancel(self, target: PurePath) -> None:
        """Stop a conversion, or take it out of its turn; no part of a result stays behind.

        Args:
            target: Names the row.

        Raises:
            BatchError: There is no such row, or another process works on it.
        """
        with self._changed:
            if self._current is not None and self._current.target == target:
                self._current.cancelled = True
                self._changed.wait_for(
                    lambda: self._current is None or self._current.target != target, timeout=20
                )
                return
        row = _known(self.folder, target)
        if is_held(row, self.folder):
            raise BatchError(f"{shown(target)}: another process works on it; stop it there.")
        if row.state in ("planned", "running"):
            with Ledger(self.folder) as ledger:
                ledger.give_up(target, CANCELLED)
            self._remove_work(target)

    def remove(self, target: PurePath) -> None:
        """Take a row out of the queue; a finished result stays where it is.

        Raises:
            BatchError: There is no such row, or somebody works on it.
        """
        row = _known(self.folder, target)
        with Ledger(self.folder) as ledger:
            if not ledger.forget(target):
                raise BatchError(f"{shown(target)}: is being converted; cancel it first.")
        still_used = any(other.source == row.source for other in read_ledger(self.folder))
        if row.source.parent == self._uploads and not still_used:
            row.source.unlink(missing_ok=True)

    def sources(self) -> frozenset[Path]:
        """Return the files that rows are of.

        Raises:
            BatchError: The ledger cannot be read.
        """
        return frozenset(row.source for row in read_ledger(self.folder))

    def rows(self) -> list[Conversion]:
        """Return the queue in its order.

        Raises:
            BatchError: The ledger cannot be read.
        """
        if not has_ledger(self.folder):
            return []
        with self._changed:
            current = self._current
            ours = None if current is None else (current.target, current.frames, current.eta_s())
        settings = read_settings(self.folder)
        return [
            self._shown(row, settings.get(row.target), ours) for row in read_ledger(self.folder)
        ]

    def _shown(
        self,
        row: Row,
        given: dict[str, Any] | None,
        ours: tuple[PurePath, tuple[int | None, int | None], float | None] | None,
    ) -> Conversion:
        is_ours = ours is not None and ours[0] == row.target
        standing: Standing
        if row.state == "planned" or row.state == "running":
            standing = "running" if is_ours or is_held(row, self.folder) else "waiting"
        elif row.state == "failed" and row.error == CANCELLED:
            standing = "cancelled"
        else:
            standing = row.state
        frames = (row.frames_done, row.frames_total)
        eta_s = None
        if ours is not None and is_ours:
            _, frames, eta_s = ours
        return Conversion(row, standing, given, frames, eta_s, is_ours)

    def _work(self) -> None:
        while True:
            try:
                row = self._next()
                self._trouble = None if row is None else self._trouble
            except FacemaskVideoError as exc:
                row, self._trouble = None, " ".join(str(exc).split())
            with self._changed:
                if self._closing:
                    return
                if row is None:
                    self._changed.wait(_LOOK_EVERY_S)
                    continue
                self._current = _Current(row.target)
            try:
                self._convert(row, self._current)
                trouble = None
            except FacemaskVideoError as exc:
                trouble = " ".join(str(exc).split())
            finally:
                with self._changed:
                    self._current = None
                    self._changed.notify_all()
            self._trouble = trouble
            if trouble is not None:
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, _LOOK_EVERY_S)

    def _next(self) -> Row | None:
        """Return the row that is next, of those that the page entered."""
        if not has_ledger(self.folder):
            return None
        entered = read_settings(self.folder)
        # What was begun goes on first: its place in the ledger is that of its last planning.
        for row in sorted(read_ledger(self.folder), key=lambda row: row.started_at is None):
            is_free = row.state == "running" and not is_held(row, self.folder)
            if (row.state == "planned" or is_free) and row.target in entered:
                return row
        return None

    def _convert(self, row: Row, current: _Current) -> None:
        with Ledger(self.folder) as ledger:
            given = ledger.settings(row.target)
            if given is None:
                return
            try:
                config = conversion(given)
            except FacemaskVideoError as exc:
                ledger.give_up(row.target, " ".join(str(exc).split()))
                return

            def make_workers(files: int) -> Workers:
                workers = self._make_workers(config, ledger)
                return _Stoppable(workers, lambda: current.cancelled or self._closing)

            def on_event(event: BatchEvent) -> None:
                if event.event == "frames":
                    current.hear(event.frames, event.frames_total)

            try:
                run_batch(
                    _plan_of(row, self.folder), config, ledger, make_workers, on_event=on_event
                )
            except _Ended:
                # It may have been done a moment before.
                if current.cancelled and ledger.row(row.target).state != "done":
                    ledger.give_up(row.target, CANCELLED)
                    self._remove_work(row.target)
                    # There was none when it began, so this one was put in place a moment ago.
                    (self.folder / row.target).unlink(missing_ok=True)

    def _remove_work(self, target: PurePath) -> None:
        shutil.rmtree(work_path(self.folder / target), ignore_errors=True)


class _Stoppable:
    """Workers that stop when they are told to, in the midst of their work."""

    def __init__(self, workers: Workers, is_over: Callable[[], bool]) -> None:
        self._workers = workers
        self._is_over = is_over

    @property
    def most_places(self) -> int:
        return self._workers.most_places

    def idle(self) -> list[int]:
        return self._workers.idle()

    def pid(self, place: int) -> int:
        return self._workers.pid(place)

    def start(self, place: int, task: Any) -> bool:
        return self._workers.start(place, task)

    def wait(self, timeout_s: float) -> list[Event]:
        deadline = time.monotonic() + timeout_s
        while True:
            if self._is_over():
                raise _Ended
            left = deadline - time.monotonic()
            events = self._workers.wait(max(0.0, min(_LISTEN_EVERY_S, left)))
            if events or left <= _LISTEN_EVERY_S:
                return events

    def kill(self, place: int) -> None:
        self._workers.kill(place)

    def too_large(self) -> tuple[int, bool] | None:
        return self._workers.too_large()

    def close(self) -> list[Event]:
        return self._workers.close()


def _known(folder: Path, target: PurePath) -> Row:
    for row in read_ledger(folder):
        if row.target == target:
            return row
    raise BatchError(f"{shown(target)}: is not in the queue any more.")


def _plan_of(row: Row, folder: Path) -> BatchPlan:
    """Return the plan of one row, under the name that it has."""
    kinds: dict[str, Kind] = {"video": "video", "picture": "picture", "frames": "frames"}
    problem = "" if row.source.is_file() else "is not there any more"
    job = Job(row.source, PurePath(row.source.name), row.target, kinds[row.kind], problem)
    return BatchPlan(folder, (job,), Counter())


def _is_same(row: Row, ledger: Ledger, source: Path, given: Given) -> bool:
    if row.source != source.absolute() or ledger.settings(row.target) != dict(given):
        return False
    try:
        return row.identity == identify(source)
    except OSError:
        return False


def _refuse_twice(row: Row, folder: Path) -> None:
    if row.state in ("planned", "running"):
        raise ConfigError(f"{shown(row.source.name)}: is in the queue with these options already.")
    if row.state == "done" and (folder / row.target).exists():
        raise ConfigError(
            f"{shown(row.source.name)}: was converted with these options already, to "
            f"{shown(row.target)}."
        )
