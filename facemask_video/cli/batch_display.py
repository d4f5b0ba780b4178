"""Show how far a batch is, on stderr."""

import dataclasses
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from facemask_video.cli.progress import write_json_line
from facemask_video.core.wording import shown

if TYPE_CHECKING:
    from facemask_video.batch.run import BatchEvent, OnEvent


@contextmanager
def show_batch(mode: str, *, quiet: bool = False) -> Iterator["OnEvent"]:
    """Yield what is to be called for all that happens; the display ends with the block.

    Args:
        mode: ``bar``, ``json``, ``none``, or ``auto``.
        quiet: Shows nothing where the mode is ``auto``, but for failures.
    """
    if mode == "json":
        yield lambda event: write_json_line(dataclasses.asdict(event))
    elif mode == "none" or quiet:
        yield _say_failures
    else:
        yield _say_lines


def _say_failures(event: "BatchEvent") -> None:
    if event.event == "failed":
        sys.stderr.write(f"Error: {event.why}\n")
        sys.stderr.flush()


def _say_lines(event: "BatchEvent") -> None:
    if event.event in ("failed", "retry"):
        word = "Error" if event.event == "failed" else "Once more"
        line = f"{word}: {event.why}"
    elif event.event in ("done", "skipped"):
        line = f"{event.ended} of {event.total}: {shown(event.output)}"
    else:
        return
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
