"""How the ranges of a long file are handed out."""

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from facemask_video.batch.ledger import read_ledger
from facemask_video.batch.run import BatchEvent
from facemask_video.batch.split_file import SplitFile
from facemask_video.batch.task import Died, Event, Outcome, Task
from facemask_video.config import BatchConfig
from facemask_video.pipeline.ranges import PaintRange
from tests.batch.inline import Do, pretending, run
from tests.batch.test_run import how

_RANGES = (PaintRange(0, 500, 0), PaintRange(500, 750, 480), PaintRange(750, 900, 750))


def _cutting(did: list[Task], instead: Mapping[PaintRange, list[Event | Outcome]]) -> Do:
    """Return what cuts b.mp4, and pretends the rest."""

    def do(task: Task) -> Event | Outcome:
        did.append(task)
        if task.source.name == "b.mp4" and task.may_split:
            return Outcome("split", ranges=_RANGES)
        if task.span is None:
            return pretending(task)
        others = instead.get(task.span)
        return others.pop(0) if others else Outcome("done")

    return do


def test_ranges_are_painted_before_other_files_and_then_joined(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    did: list[Task] = []
    events: list[BatchEvent] = []

    report = run(
        [clips / "b.mp4", clips / "cam1"],
        tmp_path / "out",
        how(config, split_longer_than_s=10, jobs=2),
        _cutting(did, {}),
        events,
        places=2,
    )

    assert report.done == 3
    # Two at once: another file is begun before there are ranges.
    assert [(task.source.name, task.span, task.may_split) for task in did] == [
        ("b.mp4", None, True),
        ("a.mp4", None, True),
        *(("b.mp4", span, False) for span in _RANGES),
        ("c.flv", None, True),
        ("b.mp4", None, False),
    ]
    assert [event.event for event in events].count("started") == 3
    assert report.rows[0].attempts == 1
    of_split = report.rows[0].report
    assert of_split is not None
    assert of_split["seconds"]["total"] < 1000, "of all its ranges, not of their joining"


def test_a_range_whose_worker_dies_is_tried_again_and_then_left_to_the_joining(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    did: list[Task] = []
    lost = Died(0, "its process was ended by SIGKILL")
    broken = Outcome("broken", why="is gone")

    report = run(
        [clips / "b.mp4"],
        tmp_path / "out",
        how(config, split_longer_than_s=10, retries=1),
        _cutting(did, {_RANGES[0]: [lost], _RANGES[1]: [broken, broken]}),
        places=2,
    )

    assert report.done == 1
    spans = [task.span for task in did]
    assert [spans.count(span) for span in _RANGES] == [2, 2, 1]
    assert did[-1].notes == ("a range was not painted beside the others: is gone",)


def test_one_worker_alone_cuts_nothing(clips: Path, config: BatchConfig, tmp_path: Path) -> None:
    did: list[Task] = []
    run([clips], tmp_path / "out", how(config, split_longer_than_s=10), _cutting(did, {}))
    assert len(did) == 4
    assert not any(task.may_split for task in did)


def test_a_timeout_ends_all_ranges_of_a_file(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    did: list[Task] = []
    cutting = _cutting(did, {})

    def slow(task: Task) -> Event | Outcome:
        if task.span is None:
            return cutting(task)
        did.append(task)
        time.sleep(0.3)
        return Died(9, "of another place, which is no news")

    report = run(
        [clips / "b.mp4"],
        tmp_path / "out",
        how(config, split_longer_than_s=10, timeout_s=0.25),
        slow,
        places=2,
    )

    assert len(did) == 2, "the others are not begun"
    assert "took longer than --timeout" in (report.rows[0].error or "")


def test_an_interruption_between_ranges_gives_the_file_back(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    did: list[Task] = []
    cutting = _cutting(did, {})

    def interrupted(task: Task) -> Event | Outcome:
        if task.span == _RANGES[1]:
            raise KeyboardInterrupt
        return cutting(task)

    settings = how(config, split_longer_than_s=10)
    with pytest.raises(KeyboardInterrupt):
        run([clips / "b.mp4"], tmp_path / "out", settings, interrupted, places=2)
    [row] = read_ledger(tmp_path / "out")
    assert row.state == "planned"
    assert run([clips / "b.mp4"], tmp_path / "out", settings, cutting, places=2).done == 1


def test_progress_of_a_split_file_rises(clips: Path, config: BatchConfig, tmp_path: Path) -> None:
    [row] = run([clips / "b.mp4"], tmp_path / "out", config).rows
    split = SplitFile(row, 0.0, 900, 3)
    seen = [split.frames_done(at_work=0, joined=None), split.frames_done(at_work=100, joined=None)]
    split.painted = 900
    seen += [split.frames_done(at_work=0, joined=0), split.frames_done(at_work=0, joined=900)]
    assert seen == [405, 450, 810, 900]
