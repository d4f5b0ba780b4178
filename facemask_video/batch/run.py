"""Run a batch: reading this file is reading it.

Inputs are planned, entered into the ledger, and given to workers one by one. All that is known of
the work is in the ledger, so that a batch may be killed at any moment and called again.
"""

import contextlib
import dataclasses
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Literal, Protocol

from facemask_video.batch.hooks import Hooks
from facemask_video.batch.identity import identify, options_digest, weights_digest
from facemask_video.batch.ledger import Decision, Ledger, Row, file_state
from facemask_video.batch.plan import BatchPlan, Job, passed_over
from facemask_video.batch.split_file import Piece, SplitFile
from facemask_video.batch.task import Died, Event, Finished, Outcome, Progress, Task, tracks_path
from facemask_video.config import BatchConfig
from facemask_video.core.errors import BatchError
from facemask_video.core.files import part_path
from facemask_video.core.wording import clock, counted, shown
from facemask_video.pipeline.ranges import PaintRange
from facemask_video.pipeline.work_folder import work_path

_BEAT_EVERY_S = 5.0
# How often workers' memory is looked at: a clip's grows within seconds to what it needs.
_WEIGH_EVERY_S = 1.0
# Ranges that there may be: as many workers as the machines have room for.
_MANY = 10_000
# How often rows that another run holds are looked at.
_LOOK_EVERY_S = 2.0


class Workers(Protocol):
    """Who converts: places that each take one task at a time."""

    @property
    def most_places(self) -> int:
        """How many there may come to be, as far as that is known."""
        ...

    def idle(self) -> list[int]:
        """Return the places that could take a task."""
        ...

    def pid(self, place: int) -> int:
        """Return the number of the process that works at a place; starts it where there is none."""
        ...

    def start(self, place: int, task: Task) -> bool:
        """Give a task to a place that is idle; False where its process is gone."""
        ...

    def wait(self, timeout_s: float) -> list[Event]:
        """Return what has happened, at the latest after a time."""
        ...

    def kill(self, place: int) -> None:
        """End what a place does."""
        ...

    def too_large(self) -> tuple[int, bool] | None:
        """Return a place to end as all take too much memory, and whether it is the only one."""
        ...

    def close(self) -> list[Event]:
        """End all, and return what was finished and not told yet."""
        ...


End = Literal["done", "failed", "skipped"]
EventName = Literal["planned", "started", "frames", "retry"] | End


@dataclass(frozen=True, slots=True)
class BatchEvent:
    """Something that happened in a batch, for a display.

    Attributes:
        event: What; ``retry`` follows on a worker that died.
        source: The input.
        output: The result.
        frames: Done so far, or in all.
        frames_total: Expected, where known.
        why: Of a failure.
        bytes_done: Size of the inputs that have ended, and of the parts done of those at work.
        bytes_total: Size of all inputs that this call works on.
        ended: Inputs that have ended.
        total: Inputs that this call works on.
        eta_s: Seconds left, by the share done; None where that is still unknown.
    """

    event: EventName
    source: str = ""
    output: str = ""
    frames: int | None = None
    frames_total: int | None = None
    why: str = ""
    bytes_done: int = 0
    bytes_total: int = 0
    ended: int = 0
    total: int = 0
    eta_s: float | None = None


OnEvent = Callable[[BatchEvent], None]


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What became of a batch.

    Attributes:
        folder: Of the results.
        rows: The ledger's rows of all inputs, in their order.
        decisions: What was decided of each when the batch began.
        passed_over: Files below folders that are no videos or pictures, by suffix.
        seconds: For which the call ran.
        stopped: Whether it ended before its time, by ``--on-error stop``.
        notes: What is odd.
        page: The report that people read; None where none was written.
    """

    folder: Path
    rows: tuple[Row, ...]
    decisions: tuple[Decision, ...]
    passed_over: Mapping[str, int]
    seconds: float
    stopped: bool = False
    notes: tuple[str, ...] = ()
    page: Path | None = None

    @property
    def done(self) -> int:
        """How many inputs have their result, those finished by earlier calls included."""
        return self._count("done")

    @property
    def failed(self) -> int:
        """How many inputs failed."""
        return self._count("failed")

    @property
    def skipped(self) -> int:
        """How many inputs were skipped."""
        return self._count("skipped")

    @property
    def earlier(self) -> int:
        """How many inputs were finished by earlier calls."""
        return sum(decision == "done" for decision in self.decisions)

    def lines(self) -> list[str]:
        """Say in a few lines what was done."""
        counts = [f"{counted(len(self.rows), 'file')}: {self.done} done"]
        if self.earlier:
            counts[0] += f" ({self.earlier} of them before)"
        counts += [
            f"{number} {word}"
            for number, word in (
                (self.failed, "failed"),
                (self.skipped, "skipped"),
                (self._count("planned"), "left to do"),
            )
            if number
        ]
        lines = [f"{', '.join(counts)}; {clock(self.seconds)}"]
        if self.passed_over:
            lines.append(passed_over(self.passed_over))
        if self.page is not None:
            lines.append(f"Report: {shown(self.page)}")
        return [*lines, *(f"Note: {note}" for note in self.notes)]

    def _count(self, state: str) -> int:
        return sum(row.state == state for row in self.rows)


@dataclass(slots=True)
class _Running:
    job: Job
    row: Row
    began: float
    frames: tuple[int, int | None] = (0, None)
    piece: Piece | None = None


@dataclass(slots=True)
class _State:
    """What is to do, and what is being done, by place."""

    queue: deque[Job]
    elsewhere: list[Job]
    sizes: dict[PurePath, int]
    replace: dict[PurePath, bool]
    running: dict[int, _Running] = field(default_factory=dict)
    split: dict[PurePath, SplitFile] = field(default_factory=dict)
    pieces: deque[Piece] = field(default_factory=deque)
    ended: set[PurePath] = field(default_factory=set)
    stopped: bool = False

    def is_over(self) -> bool:
        left = self.queue or self.elsewhere or self.pieces
        return not self.running and (self.stopped or not left)

    def bytes_done(self) -> float:
        done = float(sum(self.sizes.get(target, 0) for target in self.ended))
        for target, (frames, expected) in self.frames().items():
            if expected:
                done += self.sizes[target] * min(1.0, frames / expected)
        return done

    def frames(self) -> dict[PurePath, tuple[int, int | None]]:
        """Return how far each file is that is at work."""
        found = {run.job.target: run.frames for run in self.running.values() if run.piece is None}
        for target, split in self.split.items():
            parts = [run for run in self.running.values() if run.job.target == target]
            at_work = sum(run.frames[0] for run in parts if not _joins(run))
            joined = next((run.frames[0] for run in parts if _joins(run)), None)
            found[target] = (split.frames_done(at_work=at_work, joined=joined), split.frames)
        return found

    def held(self) -> dict[PurePath, Row]:
        """Return the rows that this run works on."""
        running = {run.job.target: run.row for run in self.running.values()}
        return running | {target: split.row for target, split in self.split.items()}


def _joins(running: _Running) -> bool:
    return running.piece is not None and running.piece.span is None


def run_batch(
    plan: BatchPlan,
    config: BatchConfig,
    ledger: Ledger,
    make_workers: Callable[[int], Workers],
    *,
    on_event: OnEvent = lambda event: None,
) -> BatchReport:
    """Do what a plan says, but for what the ledger knows to be done.

    Args:
        plan: Inputs and results.
        config: Everything else.
        ledger: Of the plan's folder.
        make_workers: Makes those who convert, for so many files that are to be done, or so many
            ranges of files.
        on_event: Called for all that happens.

    Raises:
        BatchError: The folder or its ledger cannot be used any more; what was finished is kept.
    """
    began = time.monotonic()
    remove_leftovers(ledger)
    decided = enter(plan, config, ledger)
    decisions = tuple(decision for _, decision in decided)
    state = _first_state(plan, decided, config, ledger)
    hooks = Hooks()
    batch = _Batch(config, ledger, state, on_event, hooks)
    batch.say("planned")
    for job, (row, decision) in zip(plan.jobs, decided, strict=True):
        if decision == "refused" or row.state == "failed":
            batch.refuse(job, row.error or "")
    if not state.is_over():
        files = len(state.queue) + len(state.elsewhere)
        workers = make_workers(files if config.run.split_longer_than_s is None else _MANY)
        try:
            batch.work(workers)
        finally:
            ends = workers.close()
            # The ledger may be what failed.
            with contextlib.suppress(BatchError):
                for event in ends:
                    batch.handle(event)
                for target, row in state.held().items():
                    _remove_parts(row, ledger.folder)
                    ledger.release(target)
    hooks.wait()
    rows = tuple(
        row if decision == "refused" else ledger.row(row.target) for row, decision in decided
    )
    return BatchReport(
        plan.folder,
        rows,
        decisions,
        plan.passed_over,
        time.monotonic() - began,
        stopped=state.stopped,
        notes=tuple(hooks.failed),
    )


def remove_leftovers(ledger: Ledger) -> None:
    """Remove the unfinished files of runs that were killed; of those alone."""
    for row in ledger.leftovers():
        _remove_parts(row, ledger.folder)


def _remove_parts(row: Row, folder: Path) -> None:
    if row.pid is not None:
        target = folder / row.target
        for path in (target, tracks_path(target)):
            part = part_path(path, row.pid)
            if part.is_dir():
                # Of a folder of frames.
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)


def enter(plan: BatchPlan, config: BatchConfig, ledger: Ledger) -> list[tuple[Row, Decision]]:
    """Enter a plan into the ledger; returns rows and decisions in the plan's order."""
    options, weights = options_digest(config), weights_digest(config)
    wanted = [_row(job, options, weights) for job in plan.jobs]
    decided = ledger.plan(wanted, overwrite=config.output.overwrite)
    for index, (row, decision) in enumerate(decided):
        if decision == "refused":
            refused = _refused(row, ledger.folder)
            ledger.refuse(refused)
            decided[index] = (refused, decision)
    return decided


def _row(job: Job, options: str, weights: str) -> Row:
    identity, problem = None, job.problem
    if not problem:
        try:
            identity = identify(job.source)
        except OSError as exc:
            problem = f"cannot be read ({exc.strerror})"
    return Row(
        job.target,
        job.source.absolute(),
        job.kind,
        identity,
        options,
        weights,
        "failed" if problem else "planned",
        error=problem and f"{shown(job.source)}: {problem}.",
    )


def _refused(row: Row, folder: Path) -> Row:
    why = (
        f"{shown(folder / row.target)}: is there, and no earlier call of this batch made it; pass "
        "--overwrite (-y) to replace it."
    )
    return dataclasses.replace(row, state="failed", error=why)


def _first_state(
    plan: BatchPlan, decided: Sequence[tuple[Row, Decision]], config: BatchConfig, ledger: Ledger
) -> _State:
    queue: deque[Job] = deque()
    elsewhere: list[Job] = []
    sizes: dict[PurePath, int] = {}
    for job, (row, decision) in zip(plan.jobs, decided, strict=True):
        if decision == "do" and row.state == "planned":
            if config.inputs.limit is not None and len(queue) >= config.inputs.limit:
                continue
            queue.append(job)
        elif decision == "elsewhere":
            elsewhere.append(job)
        else:
            continue
        sizes[job.target] = 0 if row.identity is None else row.identity.size
    if config.cluster.engine == "ray":
        # A long file that begins last keeps a whole cluster waiting.
        queue = deque(sorted(queue, key=lambda job: -sizes[job.target]))
    replace = {target: file_state(ledger.folder / target) is not None for target in sizes}
    return _State(queue, elsewhere, sizes, replace)


class _Batch:
    """The loop, and what it says."""

    def __init__(
        self,
        config: BatchConfig,
        ledger: Ledger,
        state: _State,
        on_event: OnEvent,
        hooks: Hooks,
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._state = state
        self._on_event = on_event
        self._hooks = hooks
        self._began = self._beaten = time.monotonic()
        self._looked = self._weighed = 0.0

    def work(self, workers: Workers) -> None:
        """Go on until nothing is left to do."""
        state = self._state
        while not state.is_over():
            if not self._ledger.is_in_place():
                raise BatchError(
                    f"{shown(self._ledger.folder)}: the folder of the results was removed or "
                    "replaced meanwhile; call the batch again."
                )
            self._take_over()
            self._assign(workers)
            for event in workers.wait(self._pause_s()):
                self.handle(event)
            self._end_late(workers)
            self._keep_memory(workers)
            self._beat()

    def refuse(self, job: Job, why: str) -> None:
        """Tell of an input that cannot be worked on."""
        self._state.stopped |= self._config.run.on_error == "stop"
        self.say("failed", job, why=why)
        self._tell(job, "failed", why)

    def say(
        self,
        event: EventName,
        job: Job | None = None,
        *,
        frames: tuple[int | None, int | None] = (None, None),
        why: str = "",
    ) -> None:
        """Tell the display."""
        state = self._state
        done, total = state.bytes_done(), sum(state.sizes.values())
        spent_s = time.monotonic() - self._began
        self._on_event(
            BatchEvent(
                event,
                source="" if job is None else os.fspath(job.source),
                output="" if job is None else os.fspath(self._ledger.folder / job.target),
                frames=frames[0],
                frames_total=frames[1],
                why=why,
                bytes_done=round(done),
                bytes_total=total,
                ended=len(state.ended),
                total=len(state.sizes),
                eta_s=round(spent_s * (total / done - 1), 1) if done else None,
            )
        )

    def _pause_s(self) -> float:
        now = time.monotonic()
        pauses = [self._beaten + _BEAT_EVERY_S - now]
        if self._state.elsewhere:
            pauses.append(self._looked + _LOOK_EVERY_S - now)
        if self._config.run.timeout_s is not None:
            ends = [run.began + self._config.run.timeout_s for run in self._state.running.values()]
            pauses += [end - now for end in ends]
        if self._state.running:
            pauses.append(self._weighed + _WEIGH_EVERY_S - now)
        return max(0.0, min(pauses))

    def _take_over(self) -> None:
        """See what became of rows that other runs hold."""
        state, now = self._state, time.monotonic()
        if not state.elsewhere or now - self._looked < _LOOK_EVERY_S:
            return
        self._looked = now
        gone = {row.target for row in self._ledger.leftovers()}
        for job in list(state.elsewhere):
            row = self._ledger.row(job.target)
            if row.state == "planned" or job.target in gone:
                remove_leftovers(self._ledger)
                state.queue.append(job)
            elif row.state == "running":
                continue
            else:
                self._end(job, row.state, why=row.error or "")
            state.elsewhere.remove(job)

    def _assign(self, workers: Workers) -> None:
        state = self._state
        for place in workers.idle():
            # Ranges of files that are begun come first.
            if state.pieces and not state.stopped:
                self._start_piece(workers, place)
            while state.queue and place not in state.running and not state.stopped:
                if self._start_file(workers, place):
                    break

    def _start_file(self, workers: Workers, place: int) -> bool:
        """Give the next file to a place; returns False where another run was faster."""
        state = self._state
        job = state.queue.popleft()
        # Before the first byte is written the ledger knows by which process.
        if not self._ledger.claim(job.target, workers.pid(place)):
            state.elsewhere.append(job)
            return False
        task = self._task(job)
        # Alone a worker would only do everything twice.
        splits = self._config.run.split_longer_than_s is not None and workers.most_places > 1
        task = dataclasses.replace(task, may_split=splits and job.kind == "video")
        if workers.start(place, task):
            state.running[place] = _Running(job, self._ledger.row(job.target), time.monotonic())
            self.say("started", job)
        else:
            self._ledger.release(job.target)
            state.queue.appendleft(job)
        return True

    def _start_piece(self, workers: Workers, place: int) -> None:
        """Give the next range, or the joining of all, to a place."""
        state = self._state
        piece = state.pieces.popleft()
        split = state.split[piece.job.target]
        self._ledger.hand_over(piece.job.target, workers.pid(place))
        task = dataclasses.replace(self._task(piece.job), span=piece.span)
        if piece.span is None:
            task = dataclasses.replace(task, notes=tuple(split.notes))
        if not workers.start(place, task):
            state.pieces.appendleft(piece)
            return
        row = self._ledger.row(piece.job.target)
        state.running[place] = _Running(piece.job, row, split.began, piece=piece)

    def _task(self, job: Job) -> Task:
        return Task(
            job.source.absolute(),
            (self._ledger.folder / job.target).absolute(),
            job.kind,
            self._ledger.folder.absolute(),
            self._state.replace[job.target],
        )

    def handle(self, event: Event) -> None:
        """Note what has happened."""
        running = self._state.running.get(event.worker)
        if running is None:
            return
        if isinstance(event, Progress):
            running.frames = (event.done, event.total)
            self.say("frames", running.job, frames=self._state.frames()[running.job.target])
        elif isinstance(event, Finished):
            del self._state.running[event.worker]
            self._conclude(running, event.outcome)
        elif isinstance(event, Died):
            del self._state.running[event.worker]
            _remove_parts(running.row, self._ledger.folder)
            self._conclude(running, Outcome("broken", why=event.why))

    def _conclude(self, running: _Running, outcome: Outcome) -> None:
        job = running.job
        if outcome.state == "split":
            self._split(running, outcome.ranges)
            return
        if running.piece is not None and running.piece.span is not None:
            self._end_range(running.piece, running.piece.span, outcome)
            return
        split = self._state.split.pop(job.target, None)
        if outcome.state == "done":
            report = outcome.report
            assert report is not None, "of every conversion"
            if split is not None:
                # The report is of who joined the ranges, and knows of no other time.
                total_s = time.monotonic() - split.began
                report = {**report, "seconds": {**report["seconds"], "total": total_s}}
            self._ledger.finish(job.target, report, outcome.posters)
            self._end(job, "done", frames=report["frames"])
        elif outcome.state == "broken" and running.row.attempts <= self._config.run.retries:
            self._ledger.release(job.target)
            # The result may have got its name before its process died.
            self._state.replace[job.target] = True
            self._state.queue.append(job)
            self.say("retry", job, why=outcome.why)
        elif outcome.state == "skipped":
            self._ledger.give_up(job.target, outcome.why, state="skipped")
            self._end(job, "skipped", why=outcome.why)
        else:
            # Another call begins anew; what was kept of the work is no use to anybody else.
            shutil.rmtree(work_path(self._ledger.folder / job.target), ignore_errors=True)
            tried = running.row.attempts
            why = outcome.why + (f" (tried {tried} times)" if tried > 1 else "")
            self._ledger.give_up(job.target, why, may_be_ours=outcome.state == "broken")
            self._end(job, "failed", why=why)

    def _split(self, running: _Running, ranges: Sequence[PaintRange]) -> None:
        """Have a file's ranges painted."""
        state, job = self._state, running.job
        frames = sum(span.frames for span in ranges)
        state.split[job.target] = SplitFile(running.row, running.began, frames, len(ranges))
        state.pieces.extend(Piece(job, span) for span in ranges)

    def _end_range(self, piece: Piece, span: PaintRange, outcome: Outcome) -> None:
        """Note that a range has ended; what is not painted then is painted where all are joined."""
        split = self._state.split[piece.job.target]
        if outcome.state == "broken" and piece.tries < self._config.run.retries:
            piece.tries += 1
            self._state.pieces.appendleft(piece)
            self.say("retry", piece.job, why=outcome.why)
            return
        if outcome.state != "done":
            split.notes.append(f"a range was not painted beside the others: {outcome.why}")
        split.painted += span.frames
        split.left -= 1
        if split.left == 0:
            self._state.pieces.appendleft(Piece(piece.job, None))

    def _end(
        self,
        job: Job,
        state: End,
        *,
        why: str = "",
        frames: int | None = None,
    ) -> None:
        self._state.ended.add(job.target)
        if state == "failed" and self._config.run.on_error == "stop":
            self._state.stopped = True
        self.say(state, job, frames=(frames, frames), why=why)
        self._tell(job, state, why)

    def _tell(self, job: Job, state: End, why: str) -> None:
        if self._config.run.on_each is not None:
            self._hooks.start(
                self._config.run.on_each,
                STATE=state,
                SOURCE=job.source.absolute(),
                OUTPUT=(self._ledger.folder / job.target).absolute(),
                ERROR=why,
            )

    def _end_late(self, workers: Workers) -> None:
        timeout_s = self._config.run.timeout_s
        if timeout_s is None:
            return
        state, now = self._state, time.monotonic()
        late = [run.job for run in state.running.values() if now - run.began >= timeout_s]
        for target, job in {job.target: job for job in late}.items():
            for place, running in list(state.running.items()):
                if running.job.target == target:
                    workers.kill(place)
                    del state.running[place]
                    _remove_parts(running.row, self._ledger.folder)
            state.split.pop(target, None)
            state.pieces = deque(each for each in state.pieces if each.job.target != target)
            why = f"{shown(job.source)}: took longer than --timeout, {timeout_s:g} s."
            self._ledger.give_up(target, why, may_be_ours=True)
            self._end(job, "failed", why=why)

    def _keep_memory(self, workers: Workers) -> None:
        now = time.monotonic()
        if now - self._weighed < _WEIGH_EVERY_S:
            return
        self._weighed = now
        large = workers.too_large()
        running = self._state.running.pop(large[0], None) if large is not None else None
        if large is None or running is None:
            return
        workers.kill(large[0])
        _remove_parts(running.row, self._ledger.folder)
        if large[1]:
            why = f"{shown(running.job.source)}: takes more memory than there is; see --memory."
            self._conclude(running, Outcome("failed", why=why))
        elif running.piece is not None:
            self._state.pieces.appendleft(running.piece)
        else:
            # No fault of the file's, so it costs no attempt.
            self._ledger.release(running.job.target, attempted=False)
            self._state.replace[running.job.target] = True
            self._state.queue.appendleft(running.job)
            self.say("retry", running.job, why="memory is short, so fewer files are worked on")

    def _beat(self) -> None:
        if time.monotonic() - self._beaten >= _BEAT_EVERY_S:
            self._beaten = time.monotonic()
            self._ledger.beat(self._state.frames())
