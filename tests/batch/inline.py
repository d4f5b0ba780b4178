"""Workers without processes: a batch's tasks are done in this one, with fake networks."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from facemask_video.batch.converter import Converter
from facemask_video.batch.ledger import Ledger
from facemask_video.batch.plan import make_batch_plan
from facemask_video.batch.run import BatchEvent, BatchReport, run_batch
from facemask_video.batch.task import Died, Event, Finished, Outcome, Task, WorkerSettings
from facemask_video.config import BatchConfig
from tests.fakes import ScriptedDetector, detection_at, fake_networks

Do = Callable[[Task], Outcome | Event]


@dataclass
class InlineWorkers:
    """Does a task when its end is waited for."""

    do: Do
    places: int = 1
    tasks: deque[tuple[int, Task]] = field(default_factory=deque)
    killed: list[int] = field(default_factory=list)
    late: list[Event] = field(default_factory=list)
    large: deque[tuple[int, bool]] = field(default_factory=deque)

    @property
    def most_places(self) -> int:
        return self.places

    def idle(self) -> list[int]:
        busy = {place for place, _ in self.tasks}
        return [place for place in range(self.places) if place not in busy]

    def pid(self, place: int) -> int:
        return 1_000_000 + place

    def start(self, place: int, task: Task) -> bool:
        self.tasks.append((place, task))
        return True

    def wait(self, timeout_s: float) -> list[Event]:
        if not self.tasks:
            return []
        place, task = self.tasks.popleft()
        did = self.do(task)
        return [Finished(place, did)] if isinstance(did, Outcome) else [did]

    def kill(self, place: int) -> None:
        self.killed.append(place)
        self.tasks = deque(each for each in self.tasks if each[0] != place)

    def too_large(self) -> tuple[int, bool] | None:
        return self.large.popleft() if self.large else None

    def close(self) -> list[Event]:
        self.tasks.clear()
        return self.late


def converting(config: BatchConfig) -> Do:
    """Return what really converts, by a fake detector and generator."""
    networks = fake_networks(ScriptedDetector([detection_at(32, 24, 40)], frame_width_px=64))
    converter = Converter(WorkerSettings(config, None, "cpu"), networks)
    return lambda task: converter.run(task, lambda done, total: None)


def pretending(task: Task) -> Outcome:
    """Write a file that is no video, as if it were the result."""
    task.target.parent.mkdir(parents=True, exist_ok=True)
    task.target.write_bytes(b"result of " + task.source.read_bytes())
    return Outcome("done", {"frames": 1, "seconds": {"total": 1000.0}})


def dying(task: Task) -> Event:
    """Be gone before the task is done."""
    return Died(0, "its process was ended by SIGKILL")


def run(
    inputs: Sequence[Path],
    folder: Path,
    config: BatchConfig,
    do: Do = pretending,
    events: list[BatchEvent] | None = None,
    large: Sequence[tuple[int, bool]] = (),
    places: int = 1,
) -> BatchReport:
    """Run a batch in this process."""
    plan = make_batch_plan(inputs, folder, config)
    with Ledger(folder) as ledger:
        workers = InlineWorkers(do, places, large=deque(large))
        heard = events if events is not None else []
        return run_batch(plan, config, ledger, lambda files: workers, on_event=heard.append)
