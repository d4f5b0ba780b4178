"""Workers on the machines of a Ray cluster: warm actors, each of which holds the networks."""

import contextlib
import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facemask_video.batch.ledger import OWN_FOLDER
from facemask_video.batch.task import Died, Event, Finished, Outcome, Progress, Task, WorkerSettings
from facemask_video.config import BatchConfig
from facemask_video.core.errors import BatchError
from facemask_video.core.wording import shown

# How often workers are asked how far they are.
_ASK_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class _About:
    """What a worker says of itself: its machine, its process, and whether it sees the folder."""

    host: str
    pid: int
    sees_folder: bool


class _Clips:
    """The actor: a `Converter` that can be asked how far it is meanwhile."""

    def __init__(self, settings: WorkerSettings) -> None:
        from facemask_video.batch.converter import Converter

        if settings.threads is not None:
            import torch

            torch.set_num_threads(settings.threads)
        self._converter = Converter(settings)
        self._frames: tuple[int, int | None] = (0, None)

    def about(self, probe: Path, content: str) -> _About:
        try:
            sees = probe.read_text("ascii") == content
        except OSError:
            sees = False
        return _About(socket.gethostname(), os.getpid(), sees)

    def convert(self, task: Task) -> Outcome:
        self._frames = (0, None)
        return self._converter.run(task, self._note)

    def frames(self) -> tuple[int, int | None]:
        return self._frames

    def _note(self, done: int, total: int | None) -> None:
        self._frames = (done, total)


@dataclass(slots=True)
class _Place:
    actor: Any
    about: _About | None = None


class RayWorkers:
    """Places on a cluster, each filled by an actor that is made anew where it is lost.

    Attributes:
        places: How many there are.
    """

    def __init__(self, config: BatchConfig, files: int, folder: Path) -> None:
        """Join the cluster and ask for workers; they come when there is room for them.

        Args:
            config: Of the batch.
            files: How many there are to do.
            folder: Of the results, which every machine must see under this path.

        Raises:
            BatchError: Ray is not installed, or the cluster cannot be joined.
        """
        self._ray = join_cluster(config.cluster.address)
        self._config = config
        self._folder = folder
        self._probe = folder.absolute() / OWN_FOLDER / f"probe-{uuid.uuid4().hex[:12]}"
        self._content = uuid.uuid4().hex
        self._probe.write_text(self._content, "ascii")
        self._gpus = self._gpus_each()
        self.places = min(files, config.run.jobs or self._room())
        # What each reference that is waited for is of: a place, and what was asked.
        self._asked: dict[Any, tuple[int, str]] = {}
        self._busy: set[int] = set()
        self._places: dict[int, _Place] = {}
        for place in range(self.places):
            self._fill(place)

    @property
    def most_places(self) -> int:
        """How many there are."""
        return self.places

    def idle(self) -> list[int]:
        """Return the places whose worker could take a task."""
        return [
            place
            for place, worker in self._places.items()
            if worker.about is not None and place not in self._busy
        ]

    def pid(self, place: int) -> int:
        """Return the number of the process at a place, on its machine."""
        about = self._places[place].about
        assert about is not None, "asked of idle places alone"
        return about.pid

    def start(self, place: int, task: Task) -> bool:
        """Give a task to a place that is idle."""
        self._ask(place, "convert", task)
        self._busy.add(place)
        return True

    def wait(self, timeout_s: float) -> list[Event]:
        """Return what has happened, at the latest after a time.

        Raises:
            BatchError: A machine does not see the folder of the results.
        """
        asked = {place for place, what in self._asked.values() if what == "frames"}
        for place in self._busy - asked:
            self._ask(place, "frames")
        ready, _ = self._ray.wait(
            list(self._asked), num_returns=1, timeout=min(timeout_s, _ASK_EVERY_S)
        )
        events = [event for each in ready if (event := self._answer(each)) is not None]
        if all(isinstance(event, Progress) for event in events) and ready:
            # Nothing but numbers: they are not asked for again at once.
            ends = [each for each, (_, what) in self._asked.items() if what != "frames"]
            self._ray.wait(ends, num_returns=1, timeout=min(timeout_s, _ASK_EVERY_S))
        return events

    def kill(self, place: int) -> None:
        """End the worker of a place, and have a new one made."""
        self._ray.kill(self._places[place].actor)
        self._fill(place)

    def too_large(self) -> None:
        """Leave memory to Ray, which watches it on each machine."""

    def close(self) -> list[Event]:
        """End all workers and leave the cluster."""
        for worker in self._places.values():
            self._ray.kill(worker.actor)
        self._ray.shutdown()
        with contextlib.suppress(OSError):
            self._probe.unlink(missing_ok=True)
        return []

    def _room(self) -> int:
        resources = self._ray.cluster_resources()
        room = resources.get("CPU", 0) // self._config.cluster.num_cpus
        if self._gpus:
            room = min(room, resources.get("GPU", 0) // self._gpus)
        return max(1, int(room))

    def _gpus_each(self) -> float:
        if self._config.cluster.num_gpus is not None:
            return self._config.cluster.num_gpus
        on_gpu = self._config.translate.device != "cpu" and self._ray.cluster_resources().get("GPU")
        return 1.0 if on_gpu else 0.0

    def _fill(self, place: int) -> None:
        """Ask for a new worker, forgetting what was asked of the one before."""
        self._asked = {each: asked for each, asked in self._asked.items() if asked[0] != place}
        self._busy.discard(place)
        cpus = self._config.cluster.num_cpus
        device = self._config.translate.device
        settings = WorkerSettings(self._config, None if self._gpus else max(1, int(cpus)), device)
        # One thread converts, another answers meanwhile.
        made = self._ray.remote(_Clips).options(
            num_cpus=cpus, num_gpus=self._gpus, max_concurrency=2, max_restarts=0
        )
        self._places[place] = _Place(made.remote(settings))
        self._ask(place, "about", self._probe, self._content)

    def _ask(self, place: int, what: str, *arguments: object) -> None:
        method = getattr(self._places[place].actor, what)
        self._asked[method.remote(*arguments)] = (place, what)

    def _answer(self, each: Any) -> Event | None:
        place, _ = self._asked.pop(each)
        errors = self._ray.exceptions
        try:
            answer = self._ray.get(each)
        except errors.RayTaskError as exc:
            return self._lost(place, f"{type(exc.cause).__name__}: {exc.cause}")
        except (errors.RayError, errors.GetTimeoutError) as exc:
            return self._lost(place, _first_line(exc))
        if isinstance(answer, _About):
            if not answer.sees_folder:
                raise BatchError(
                    f"{shown(self._folder)}: {answer.host} does not see this folder; all machines "
                    "must have inputs and results under the same paths."
                )
            self._places[place].about = answer
            return None
        if isinstance(answer, Outcome):
            self._busy.discard(place)
            return Finished(place, answer)
        return Progress(place, *answer) if answer[0] else None

    def _lost(self, place: int, why: str) -> Event:
        self._fill(place)
        return Died(place, f"its worker was lost ({why})")


def join_cluster(address: str | None) -> Any:
    """Return Ray, connected.

    Args:
        address: Of the cluster; None takes that of the environment, or begins one here.

    Raises:
        BatchError: It is not installed, or no cluster answers there.
    """
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise BatchError(
            "--engine ray: Ray is not installed; pip install 'facemask-video[cluster]'."
        ) from None
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level="error",
            include_dashboard=False if address is None else None,
            ignore_reinit_error=True,
        )
    except Exception as exc:
        # Ray raises bare ones where a node does not start.
        where = address or os.environ.get("RAY_ADDRESS", "here")
        raise BatchError(f"--engine ray: no cluster at {where} ({_first_line(exc)}).") from exc
    return ray


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
