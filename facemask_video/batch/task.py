"""What passes between a batch and those who work for it. Everything here can be pickled."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from facemask_video.config import BatchConfig
from facemask_video.core.kinds import Kind
from facemask_video.pipeline.ranges import PaintRange


@dataclass(frozen=True, slots=True)
class Task:
    """A file to convert.

    Attributes:
        source: The file.
        target: The result, absolute.
        kind: What the source is taken for.
        folder: Of the batch; must be there.
        replace: Whether a file under the result's name may be replaced.
        may_split: Whether a long video may be cut into ranges instead of being converted.
        span: The range of it that is to be painted; None for the whole.
        notes: What is to be added to the report.
    """

    source: Path
    target: Path
    kind: Kind
    folder: Path
    replace: bool
    may_split: bool = False
    span: PaintRange | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task.

    Attributes:
        state: ``done``, ``skipped``, ``failed`` by the file's or the disk's fault, or ``broken``:
            failed by ours, so that it is worth another try; ``split``: ranges are to be painted
            before anything else.
        report: Of the conversion, as plain data.
        posters: JPEGs of a frame of the source and of the result.
        why: What a user is told of a failure.
        ranges: That the file was cut into.
    """

    state: Literal["done", "skipped", "failed", "broken", "split"]
    report: dict[str, Any] | None = None
    posters: tuple[bytes | None, bytes | None] = (None, None)
    why: str = ""
    ranges: tuple[PaintRange, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker is started with.

    Attributes:
        config: Of the batch.
        threads: For the networks of this worker; None leaves it to torch.
        device: In place of the configuration's.
    """

    config: BatchConfig
    threads: int | None
    device: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker can take a task; sent once, before the first."""

    worker: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Frames done by a worker, and expected where known."""

    worker: int
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Finished:
    """A worker has ended its task, one way or the other."""

    worker: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Died:
    """A worker is gone, and why."""

    worker: int
    why: str


Event = Ready | Progress | Finished | Died


def tracks_path(target: Path) -> Path:
    """Return where a result's faces and regions are written, where they are asked for."""
    return target.with_name(f"{target.name}.jsonl")
