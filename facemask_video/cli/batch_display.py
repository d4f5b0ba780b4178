"""Show how far a batch is, on stderr, and at its end a table."""

import dataclasses
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from facemask_video.cli.progress import write_json_line
from facemask_video.core.wording import clock, shown

if TYPE_CHECKING:
    from facemask_video.batch.ledger import Row
    from facemask_video.batch.run import BatchEvent, BatchReport, OnEvent

# More rows scroll by unread; the report has them all.
_MOST_ROWS = 40
_NAME_WIDTH = 40


@contextmanager
def show_batch(mode: str, *, quiet: bool = False) -> Iterator["OnEvent"]:
    """Yield what is to be called for all that happens; the display ends with the block.

    Args:
        mode: ``json``: an object for each event; ``none``: failures alone; ``bar``: a line a file
            at work and a total; ``auto``: that where stderr is a terminal, elsewhere a line a file
            that ends.
        quiet: Shows failures alone where the mode is ``auto``.
    """
    if mode == "json":
        yield lambda event: write_json_line(dataclasses.asdict(event))
    elif mode == "none" or (mode == "auto" and quiet):
        yield _say_failure
    elif mode == "bar" or sys.stderr.isatty():
        with _bars() as on_event:
            yield on_event
    else:
        yield _say_lines


def _say_failure(event: "BatchEvent") -> None:
    if event.event == "failed":
        _write(f"Error: {event.why}")


def _say_lines(event: "BatchEvent") -> None:
    if event.event == "retry":
        _write(f"Once more: {shown(event.source)}: {event.why}")
    elif event.event in ("done", "skipped"):
        left = "" if event.eta_s is None else f"; about {clock(event.eta_s)} left"
        _write(f"{event.ended} of {event.total} {event.event}: {shown(event.output)}{left}")
    else:
        _say_failure(event)


def _write(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


@contextmanager
def _bars() -> Iterator["OnEvent"]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[about]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        all_files = progress.add_task("all files", total=None, about="")
        tasks: dict[str, Any] = {}

        def on_event(event: "BatchEvent") -> None:
            left = "" if event.eta_s is None else f", about {clock(event.eta_s)} left"
            progress.update(
                all_files,
                total=max(1, event.bytes_total),
                completed=event.bytes_done,
                about=f"{event.ended} of {event.total}{left}",
            )
            if event.event == "started":
                tasks[event.source] = progress.add_task(
                    _short(event.source), total=None, about="loading"
                )
            elif event.event == "frames" and event.source in tasks:
                progress.update(
                    tasks[event.source],
                    total=event.frames_total,
                    completed=event.frames or 0,
                    about=f"{event.frames} of {event.frames_total or '?'} frames",
                )
            elif event.source in tasks:
                progress.remove_task(tasks.pop(event.source))
            if event.event in ("failed", "retry"):
                word = "Error" if event.event == "failed" else f"Once more: {shown(event.source)}"
                console.print(f"{word}: {event.why}", markup=False, highlight=False, soft_wrap=True)

        yield on_event


def show_table(report: "BatchReport") -> None:
    """Write a row a file to stdout, what asks for attention last, where it is read."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    order = {"done": 0, "planned": 1, "running": 1, "skipped": 2, "failed": 3}
    rows = sorted(report.rows, key=lambda row: order[row.state])
    if len(rows) > _MOST_ROWS:
        rows = [row for row in rows if row.state == "failed"][-_MOST_ROWS:]
    if not rows:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("state")
    for name in ("frames", "faces", "tracks", "fps"):
        table.add_column(name, justify="right")
    for row in rows:
        style = {"failed": "red", "skipped": "yellow"}.get(row.state, "")
        table.add_row(Text(shown(row.target)), Text(row.state, style), *_figures(row))
    Console().print(table)


def _figures(row: "Row") -> tuple[str, ...]:
    plain = row.report
    if plain is None or "seconds" not in plain:
        return ("", "", "", "")
    fps = plain["frames"] / max(plain["seconds"]["total"], 1e-9)
    return (str(plain["frames"]), str(plain["faces"]), str(plain["tracks"]), f"{fps:.1f}")


def _short(source: str) -> str:
    name = shown(source)
    return name if len(name) <= _NAME_WIDTH else f"…{name[1 - _NAME_WIDTH :]}"
