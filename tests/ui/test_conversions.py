"""The queue of the page: what it keeps, and what it leaves."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

from facemask_video.batch.ledger import Ledger, read_ledger
from facemask_video.batch.run import Workers
from facemask_video.batch.task import Event, Outcome, Task
from facemask_video.config import BatchConfig
from facemask_video.core.errors import ConfigError
from facemask_video.core.files import part_path
from facemask_video.pipeline.work_folder import work_path
from facemask_video.ui.conversions import Conversions, _Current
from tests.batch.inline import InlineWorkers, pretending

MASK = {"direction": "mask", "quality": "fast"}


class SlowWorkers(InlineWorkers):
    """Leaves a task unfinished until `finish` is set, with a part of its result beside it."""

    def __init__(self, finish: threading.Event) -> None:
        super().__init__(pretending)
        self.finish = finish
        self.parts: list[Path] = []

    def start(self, place: int, task: Task) -> bool:
        self.parts = [part_path(task.target, self.pid(place)), work_path(task.target) / "segment"]
        for part in self.parts:
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(b"half")
        return super().start(place, task)

    def wait(self, timeout_s: float) -> list[Event]:
        if not self.finish.wait(timeout_s):
            return []
        if self.parts:
            self.parts[0].unlink()
            shutil.rmtree(self.parts[1].parent)
            self.parts = []
        return super().wait(timeout_s)


class Queue:
    """A queue whose conversions are pretended, or wait."""

    def __init__(self, folder: Path, finish: threading.Event) -> None:
        self.conversions = Conversions(folder, folder / "uploads", self._workers)
        self.finish = finish

    def _workers(self, config: BatchConfig, ledger: Ledger) -> Workers:
        return SlowWorkers(self.finish)

    def standings(self) -> dict[str, str]:
        return {str(each.row.target): each.standing for each in self.conversions.rows()}

    def wait(self, **standings: str) -> None:
        wanted = {f"{name}_masked.mp4": standing for name, standing in standings.items()}
        deadline = time.monotonic() + 20
        while not wanted.items() <= self.standings().items():
            assert time.monotonic() < deadline, self.standings()
            time.sleep(0.02)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = Queue(tmp_path / "results", threading.Event())
    made.conversions.start()
    yield made
    made.conversions.close()


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"{name}.mp4" for name in "abc"]
    for clip in found:
        clip.write_bytes(clip.name.encode())
    return found


def files_in(folder: Path) -> set[str]:
    return {p.name for p in folder.rglob("*") if p.is_file() and ".facemask" not in p.parts}


def test_conversions_are_done_one_after_another_with_options_of_their_own(
    queue: Queue, clips: list[Path]
) -> None:
    queue.finish.set()
    for clip, crf in zip(clips, (20, 21, 22), strict=True):
        queue.conversions.add(clip, MASK | {"crf": crf})
    queue.wait(a="done", b="done", c="done")
    assert {each.given["crf"] for each in queue.conversions.rows() if each.given} == {20, 21, 22}
    assert files_in(queue.conversions.folder) == {f"{name}_masked.mp4" for name in "abc"}


def test_a_cancel_leaves_no_file_and_the_queue_goes_on(queue: Queue, clips: list[Path]) -> None:
    for clip in clips:
        queue.conversions.add(clip, MASK)
    queue.wait(a="running", b="waiting", c="waiting")
    queue.conversions.cancel(PurePath("b_masked.mp4"))
    queue.wait(a="running", b="cancelled")
    queue.conversions.cancel(PurePath("a_masked.mp4"))
    queue.wait(a="cancelled", c="running")
    assert not [name for name in files_in(queue.conversions.folder) if name.startswith((".a", "a"))]
    assert not work_path(queue.conversions.folder / "a_masked.mp4").exists()
    queue.finish.set()
    queue.wait(c="done")
    queue.conversions.again(PurePath("a_masked.mp4"))
    queue.wait(a="done", b="cancelled", c="done")


def test_cancelling_what_waits_removes_nobodys_file(queue: Queue, clips: list[Path]) -> None:
    for clip in clips[:2]:
        queue.conversions.add(clip, MASK)
    queue.wait(a="running")
    mine = queue.conversions.folder / "b_masked.mp4"
    mine.write_bytes(b"made by somebody else")
    queue.conversions.cancel(PurePath("b_masked.mp4"))
    assert mine.read_bytes() == b"made by somebody else"


def test_what_was_in_the_queue_is_done_after_the_process_is_gone(
    tmp_path: Path, clips: list[Path]
) -> None:
    first = Queue(tmp_path / "results", threading.Event())
    for clip in clips:
        first.conversions.add(clip, MASK | {"crf": 30})
    first.conversions.start()
    first.wait(a="running")
    first.conversions.close()
    second = Queue(tmp_path / "results", threading.Event())
    assert set(second.standings().values()) == {"waiting"}
    second.conversions.start()
    second.wait(a="running", b="waiting", c="waiting")
    second.finish.set()
    second.wait(a="done", b="done", c="done")
    second.conversions.close()
    assert all(each.given == MASK | {"crf": 30} for each in second.conversions.rows())


def test_a_clip_that_vanishes_is_one_line_and_the_queue_goes_on(
    queue: Queue, clips: list[Path]
) -> None:
    for clip in clips:
        queue.conversions.add(clip, MASK)
    queue.wait(a="running")
    clips[1].unlink()
    queue.finish.set()
    queue.wait(a="done", b="failed", c="done")
    error = next(e.row.error for e in queue.conversions.rows() if e.standing == "failed")
    assert str(error).endswith("is not there any more.")
    assert "\n" not in str(error)


def test_the_same_is_not_done_twice_and_other_options_get_a_name_of_their_own(
    queue: Queue, clips: list[Path]
) -> None:
    queue.conversions.add(clips[0], MASK)
    with pytest.raises(ConfigError, match="in the queue"):
        queue.conversions.add(clips[0], MASK)
    queue.finish.set()
    queue.wait(a="done")
    with pytest.raises(ConfigError, match="converted with these options already"):
        queue.conversions.add(clips[0], MASK)
    assert queue.conversions.add(clips[0], MASK | {"crf": 9}) == PurePath("a_masked-2.mp4")
    (queue.conversions.folder / "b_masked.mp4").write_bytes(b"mine")
    assert queue.conversions.add(clips[1], MASK) == PurePath("b_masked-2.mp4")
    queue.wait(a="done")
    assert (queue.conversions.folder / "b_masked.mp4").read_bytes() == b"mine"


def test_removing_a_row_keeps_the_result_and_drops_an_upload(queue: Queue) -> None:
    upload = queue.conversions.folder / "uploads" / "a.mp4"
    upload.parent.mkdir(parents=True)
    upload.write_bytes(b"a")
    queue.finish.set()
    queue.conversions.add(upload, MASK)
    queue.wait(a="done")
    queue.conversions.remove(PurePath("a_masked.mp4"))
    assert queue.standings() == {}
    assert (queue.conversions.folder / "a_masked.mp4").exists()
    assert not upload.exists()


def test_rows_of_a_batch_beside_it_are_shown_and_left_alone(
    queue: Queue, clips: list[Path]
) -> None:
    from facemask_video.batch.plan import make_batch_plan
    from facemask_video.batch.run import enter
    from facemask_video.ui.options import conversion

    config = conversion(MASK)
    with Ledger(queue.conversions.folder) as ledger:
        enter(make_batch_plan(clips[:1], queue.conversions.folder, config), config, ledger)
    queue.finish.set()
    queue.conversions.add(clips[1], MASK)
    queue.wait(a="waiting", b="done")
    assert [row.state for row in read_ledger(queue.conversions.folder)] == ["planned", "done"]


def test_an_outcome_that_fails_is_told_and_can_be_tried_again(
    queue: Queue, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = pretending
    outcomes = [Outcome("failed", why="the disk is full")]

    def do(task: Task) -> Outcome:
        return outcomes.pop() if outcomes else done(task)

    monkeypatch.setattr("tests.ui.test_conversions.pretending", do)
    queue.finish.set()
    queue.conversions.add(clips[0], MASK)
    queue.wait(a="failed")
    queue.conversions.again(PurePath("a_masked.mp4"))
    queue.wait(a="done")


def test_the_time_left_is_by_the_frames_and_not_by_what_was_loaded_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    current, now = _Current(PurePath("a.mp4")), [100.0]
    monkeypatch.setattr("facemask_video.ui.conversions.time.monotonic", lambda: now[0])
    assert current.eta_s() is None
    current.hear(10, 110)
    assert current.eta_s() is None
    now[0] = 102.0
    current.hear(30, 110)
    assert current.eta_s() == pytest.approx(8.0)
    current.hear(40, None)
    assert current.eta_s() is None
