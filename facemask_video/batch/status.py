"""Say from its ledger how far a batch is, whether it runs or not."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from facemask_video.batch.ledger import Row, is_held, read_ledger
from facemask_video.core.wording import clock, counted, shown

_WORDS = {"planned": "to do", "running": "being done"}
_INTERRUPTED = "interrupted"


def describe_status(folder: Path) -> Iterator[str]:
    """Yield lines: what is being done, what failed and why, and how many files are in which state.

    Args:
        folder: Of the results.

    Raises:
        BatchError: It holds no ledger, or one that cannot be read.
    """
    rows = read_ledger(folder)
    states: Counter[str] = Counter()
    for row in rows:
        state = _WORDS.get(row.state, row.state)
        if row.state == "running" and not is_held(row, folder):
            state = _INTERRUPTED
        states[state] += 1
        if state == "being done":
            yield f"{state:<11}  {shown(row.target)}: {_far(row)}, by {row.host}, process {row.pid}"
        elif row.state == "failed":
            yield f"{state:<11}  {shown(row.target)}: {row.error}"
    order = ["done", "being done", "to do", _INTERRUPTED, "failed", "skipped"]
    counts = ", ".join(f"{states[state]} {state}" for state in order if states[state])
    yield f"{counted(len(rows), 'file')}: {counts or 'none'}"
    finished = [row for row in rows if row.state == "done" and row.report is not None]
    if finished:
        frames = sum(int(row.report["frames"]) for row in finished if row.report)
        taken_s = sum((row.finished_at or 0) - (row.started_at or 0) for row in finished)
        yield f"{counted(frames, 'frame')} in {clock(taken_s)} of workers' time"


def _far(row: Row) -> str:
    since = clock(time.time() - (row.started_at or time.time()))
    if row.frames_done is None:
        return f"begun {since} ago"
    of = "" if row.frames_total is None else f" of {row.frames_total}"
    return f"{row.frames_done}{of} frames in {since}"
