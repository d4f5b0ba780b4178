import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import facemask_video
from facemask_video.core.stage import Stage
from facemask_video.pipeline.prefetch import prefetch
from tests.fakes import ArrayFrame
from tests.stages import StageContract


def test_items_are_made_in_another_thread() -> None:
    def names() -> Iterator[str]:
        yield threading.current_thread().name

    assert list(prefetch(names(), depth=1, name="elsewhere")) == ["elsewhere"]


def test_no_thread_is_started_before_the_first_item_is_asked_for() -> None:
    before = threading.active_count()
    waiting = prefetch(iter([1, 2]), depth=1, name="late")

    assert threading.active_count() == before
    assert list(waiting) == [1, 2]


def test_items_before_an_error_are_delivered_and_then_the_error() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("broken")

    out = prefetch(failing(), depth=4, name="failing")

    assert [next(out), next(out)] == [1, 2]
    with pytest.raises(ValueError, match="broken"):
        next(out)


def test_closing_waits_for_a_worker_that_is_held_up_by_a_full_queue() -> None:
    closed_in = []

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed_in.append(threading.current_thread().name)

    out = prefetch(endless(), depth=1, name="full")
    next(out)
    time.sleep(0.02)
    out.close()

    assert closed_in == ["full"]
    assert "full" not in [thread.name for thread in threading.enumerate()]


def test_prefetches_nest() -> None:
    inner = prefetch(iter(range(100)), depth=2, name="inner")
    outer = prefetch(inner, depth=2, name="outer")

    assert [next(outer) for _ in range(10)] == list(range(10))
    outer.close()

    assert not {"inner", "outer"} & {thread.name for thread in threading.enumerate()}


def test_a_depth_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="depth=0, expected at least 1"):
        next(prefetch([1], depth=0, name="none"))


def test_no_other_file_of_the_pipeline_starts_a_thread() -> None:
    package = Path(facemask_video.__file__).parent
    starters = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"\bThread\(|ThreadPool|\bProcess\(|ProcessPool", path.read_text("utf-8"))
    ]

    # The progress bar's clock touches nothing but the bar; a batch has processes of its own, and in
    # each a thread that ends it with its parent; a live source and what it is pushed to go at
    # their own pace; the page answers while it works.
    elsewhere = {"batch", "live", "ui"}
    within = [path for path in starters if path.partition("/")[0] not in elsewhere]
    assert sorted(within) == ["cli/progress.py", "pipeline/prefetch.py"]


class TestPrefetch(StageContract):
    # Two in the queue, and one in the worker's hand.
    held_frames = 3

    def make_stage(self) -> Stage[Any, Any]:
        return lambda items, /: prefetch(iter(items), depth=2, name="test")

    def make_item(self, frame: ArrayFrame) -> ArrayFrame:
        return frame
