"""Live runs of the page in real processes, without a server."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from facemask_video.core.errors import ConfigError
from facemask_video.ui.folders import Folders
from facemask_video.ui.live import LiveRuns, read_wish
from facemask_video.video import VideoReader

SAMPLE = Path(__file__).parents[2] / "samples" / "astronaut.mp4"
# A machine at work takes its time.
_PATIENCE_S = 300


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders([SAMPLE.parent], tmp_path / "results")


@pytest.fixture
def runs(folders: Folders) -> Iterator[LiveRuns]:
    runs = LiveRuns(folders)
    yield runs
    runs.close()


def _wish(folders: Folders, **named: str) -> Any:
    options = {"direction": "mask", "quality": "fast", "preset": "ultrafast"}
    return read_wish({"kind": "file", **named}, options, folders)


def _wait(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_closing_the_page_completes_the_file_and_leaves_no_process(
    runs: LiveRuns, folders: Folders
) -> None:
    if not SAMPLE.is_file():
        pytest.skip(f"{SAMPLE.name} is not there; scripts/make_samples.py makes it")
    runs.start(_wish(folders, source=SAMPLE.name, file="out.mkv"))
    with pytest.raises(ConfigError, match="live already"):
        runs.start(_wish(folders, source=SAMPLE.name))
    _wait(lambda: runs.picture() is not None or runs.state()["standing"] == "failed")
    process = runs._run.process  # type: ignore[union-attr]

    runs.close()

    assert not process.is_alive()
    state = runs.state()
    assert (state["standing"], state["why"]) == ("ended", None)
    assert [each["name"] for each in state["files"]] == ["out.mkv"]
    assert runs.picture()[:2] == b"\xff\xd8"  # type: ignore[index]
    with VideoReader(folders.results / "out.mkv") as reader:
        assert sum(1 for _ in reader) == state["figures"]["written"] > 0


def test_a_source_that_is_not_there_is_one_line_and_another_run_may_follow(
    runs: LiveRuns, folders: Folders
) -> None:
    for _ in range(2):
        runs.start(_wish(folders, kind="address", source="tcp://me:secret@127.0.0.1:9"))
        _wait(lambda: runs.state()["standing"] == "failed")
        state = runs.state()
        assert "refuses the connection" in state["why"]
        assert "secret" not in str(state)
        assert state["files"] == []
