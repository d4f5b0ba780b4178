"""Workers on this machine: a process each, replaced when it dies."""

import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import reduction
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from facemask_video.batch.resources import (
    auto_jobs,
    memory_for_workers,
    processors,
    taken_bytes,
)
from facemask_video.batch.task import Died, Event, Finished, Ready, Task, WorkerSettings
from facemask_video.batch.worker import work
from facemask_video.config import BatchConfig
from facemask_video.core.errors import BatchError

# Between asking a worker to end and ending it.
_GRACE_S = 10.0

# Processes in a row that ended before they had anything to do.
_MOST_STILLBORN = 3

# A fork of a process that holds the libraries and nothing else starts in a moment, and shares
# their memory.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["facemask_video.batch.converter"])


@dataclass(slots=True)
class _Worker:
    process: ForkServerProcess
    connection: Connection
    is_busy: bool = False


class LocalWorkers:
    """Places on this machine, each filled by a process.

    Attributes:
        places: How many there are; known when the first worker has told of GPUs.
    """

    def __init__(self, config: BatchConfig, files: int, *, lock_fd: int, log: Path) -> None:
        """Start nothing yet.

        Args:
            config: Of the batch.
            files: How many there are to do.
            lock_fd: File of the run's lock.
            log: Where workers' stderr goes.
        """
        self._config = config
        self._files = files
        self._lock_fd = lock_fd
        self._log = log
        self._workers: dict[int, _Worker] = {}
        self._stillborn = 0
        self._gpus = 0
        given = config.run.memory_gb
        self._memory = memory_for_workers() if given is None else round(given * 2**30)
        self._on_cpu = config.run.jobs or auto_jobs(files, self._memory)
        self.places = self._on_cpu if config.translate.device == "cpu" else 1

    @property
    def most_places(self) -> int:
        """How many there may come to be: until the first worker is ready GPUs are not known."""
        return max(self.places, self._on_cpu)

    def idle(self) -> list[int]:
        """Return the places that could take a task."""
        busy = {place for place, worker in self._workers.items() if worker.is_busy}
        free = [place for place in range(self.places) if place not in busy]
        return free[: max(0, self.places - len(busy))]

    def pid(self, place: int) -> int:
        """Return the number of the process at a place; starts it where there is none."""
        worker = self._workers.get(place) or self._new(place)
        assert worker.process.pid is not None, "started"
        return worker.process.pid

    def start(self, place: int, task: Task) -> bool:
        """Give a task to a place that is idle; False where its process is gone.

        Raises:
            BatchError: Processes end as soon as they are started.
        """
        worker = self._workers[place]
        try:
            worker.connection.send(task)
        except OSError:
            self._stillborn += 1
            why = self._drop(place)
            if self._stillborn >= _MOST_STILLBORN:
                raise BatchError(
                    f"no worker can be started ({why}); facemask-video doctor may tell more."
                ) from None
            return False
        self._stillborn = 0
        worker.is_busy = True
        return True

    def wait(self, timeout_s: float) -> list[Event]:
        """Return what has happened, at the latest after a time."""
        connections = {worker.connection: place for place, worker in self._workers.items()}
        events: list[Event] = []
        if not connections:
            time.sleep(timeout_s)
        for ready in wait(list(connections), timeout_s) if connections else ():
            assert isinstance(ready, Connection), "only connections are waited for"
            place = connections[ready]
            try:
                event: Event = ready.recv()
            except (EOFError, OSError):
                event = Died(place, self._drop(place))
            if isinstance(event, Ready):
                self._finalize(event.gpus)
            if isinstance(event, Finished):
                self._workers[place].is_busy = False
            events.append(event)
        return events

    def kill(self, place: int) -> None:
        """End the worker of a place, and what it does."""
        self._drop(place, kill=True)

    def too_large(self) -> tuple[int, bool] | None:
        """Return the place that takes most where all take more than they may, and shrink by one.

        Returns:
            The place, and whether it was alone; None where memory suffices.
        """
        if self._memory is None or not self._workers:
            return None
        pids = {place: self.pid(place) for place in self._workers}
        taken = taken_bytes(list(pids.values()), self._memory)
        if sum(taken.values()) <= self._memory:
            return None
        for place, worker in list(self._workers.items()):
            if not worker.is_busy:
                # It holds networks, and is started anew when there is room.
                self._drop(place, kill=True)
                return None
        self.places = max(1, len(pids) - 1)
        return max(pids, key=lambda place: taken[pids[place]]), len(pids) == 1

    def close(self) -> list[Event]:
        """End all workers; those at work unwind first.

        Returns:
            What had ended before it could be asked to.
        """
        for worker in self._workers.values():
            # One that has nothing to do ends in the same way.
            worker.process.terminate()
        deadline = time.monotonic() + _GRACE_S
        events: list[Event] = []
        open_ones = {worker.connection for worker in self._workers.values()}
        while open_ones and time.monotonic() < deadline:
            for ready in wait(list(open_ones), max(0.0, deadline - time.monotonic())):
                assert isinstance(ready, Connection), "only connections are waited for"
                try:
                    event = ready.recv()
                except (EOFError, OSError):
                    open_ones.discard(ready)
                    continue
                if isinstance(event, Finished):
                    events.append(event)
        for place in list(self._workers):
            self._drop(place, kill=True)
        return events

    def _finalize(self, gpus: int) -> None:
        """Set the number of places, now that it is known what there is to work on."""
        if gpus and self._config.translate.device in ("auto", "cuda"):
            self._gpus = gpus
            self.places = self._config.run.jobs or min(gpus, self._files)
        elif self._config.translate.device == "auto":
            self.places = self._on_cpu
        else:
            self.places = self._config.run.jobs or 1

    def _settings(self, place: int) -> WorkerSettings:
        device = self._config.translate.device
        if self._gpus:
            return WorkerSettings(self._config, None, f"cuda:{place % self._gpus}")
        return WorkerSettings(self._config, max(1, processors() // self._on_cpu), device)

    def _new(self, place: int) -> _Worker:
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(
            target=work,
            args=(
                place,
                theirs,
                _InheritedFile(self._lock_fd),
                self._log,
                self._settings(place),
            ),
            name=f"worker-{place}",
            daemon=True,
        )
        process.start()
        theirs.close()
        self._workers[place] = _Worker(process, ours)
        return self._workers[place]

    def _drop(self, place: int, *, kill: bool = False) -> str:
        """Forget a worker, and return how it ended."""
        worker = self._workers.pop(place)
        if kill:
            worker.process.kill()
        worker.process.join(_GRACE_S)
        code = worker.process.exitcode
        worker.connection.close()
        worker.process.close()
        return _ending(code)


class _InheritedFile:
    """A file that a new process gets open; made into one where the process is started."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __reduce__(self) -> tuple[Callable[[object], object], tuple[object]]:
        return _same, (reduction.DupFd(self._fd),)


def _same(each: object) -> object:
    return each


def _ending(code: int | None) -> str:
    if code is None or code >= 0:
        return f"its process ended with code {code}"
    name = signal.Signals(-code).name
    hint = "; the system may have run out of memory" if -code == signal.SIGKILL else ""
    return f"its process was ended by {name}{hint}"
