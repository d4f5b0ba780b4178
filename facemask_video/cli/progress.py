"""Show how far a run is, on stderr: a bar, or one JSON object a line, or nothing."""

import dataclasses
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from facemask_video.core.wording import counted

if TYPE_CHECKING:
    from facemask_video.live.run import LiveReport

OnProgress = Callable[[int, int | None], None]

# Often enough for a display, seldom enough for a log.
_JSON_EVERY_S = 0.5
_LINE_EVERY_S = 10.0
_LOADING_EVERY_S = 0.5


@contextmanager
def show_progress(mode: str, *, quiet: bool = False) -> Iterator[OnProgress]:
    """Yield what is to be called after each frame; the display ends with the block.

    Args:
        mode: ``bar``, ``json``, ``none``, or ``auto``: a bar where stderr is a terminal, elsewhere
            a line every ten seconds.
        quiet: Shows nothing where the mode is ``auto``.
    """
    if mode == "bar" or (mode == "auto" and not quiet and sys.stderr.isatty()):
        with _bar() as on_progress:
            yield on_progress
    elif mode == "json":
        lines = _JsonLines()
        try:
            yield lines
        finally:
            lines.finish()
    elif mode == "auto" and not quiet:
        yield _LogLines()
    else:
        yield lambda done, total: None


@contextmanager
def _bar() -> Iterator[OnProgress]:
    from tqdm import tqdm

    # No thread of tqdm's to watch the bar: it moves with the frames.
    tqdm.monitor_interval = 0
    bar: Any = tqdm(
        total=None,
        unit=" frames",
        file=sys.stderr,
        dynamic_ncols=True,
        bar_format="loading [{elapsed}]",
        leave=False,
    )
    loaded = threading.Event()

    def tick() -> None:
        while not loaded.wait(_LOADING_EVERY_S):
            bar.refresh()

    ticking = threading.Thread(target=tick, name="loading", daemon=True)
    ticking.start()

    def on_progress(done: int, total: int | None) -> None:
        if not loaded.is_set():
            # The clock starts with the first frame: loading is no part of the frame rate.
            loaded.set()
            ticking.join()
            bar.bar_format = None
            bar.reset(total=total)
        if bar.total is not None:
            # The header may promise too few frames.
            bar.total = max(bar.total, done)
        bar.update(done - bar.n)

    with bar:
        try:
            yield on_progress
        finally:
            loaded.set()
            ticking.join()


class _LogLines:
    """Writes a line every ten seconds, for logs; a run that is shorter gives none."""

    def __init__(self) -> None:
        self._started: float | None = None
        self._first = 0
        self._written = time.monotonic()

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if self._started is None:
            self._started, self._first = now, done
        if now - self._written < _LINE_EVERY_S:
            return
        self._written = now
        fps = (done - self._first) / max(now - self._started, 1e-9)
        line = counted(done, "frame") if total is None else f"{done} of {total} frames"
        line += f", {fps:.1f} fps" if fps > 0 else ""
        if fps > 0 and total is not None:
            left_s = round(max(0, total - done) / fps)
            line += f", {left_s // 60}:{left_s % 60:02d} min left"
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


class _JsonLines:
    """Writes one object a line: frame, frames, fps, eta_s; the first and the last frame always.

    The clock starts with the first frame: loading is no part of the frame rate.
    """

    def __init__(self) -> None:
        self._started = self._written = 0.0
        self._unwritten: tuple[int, int | None] | None = None

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if done == 1:
            self._started = now
        self._unwritten = done, total
        if done == 1 or now - self._written >= _JSON_EVERY_S:
            self._write(now)

    def finish(self) -> None:
        """Write the last frame if it was passed over."""
        self._write(time.monotonic())

    def _write(self, now: float) -> None:
        if self._unwritten is None:
            return
        (done, total), self._unwritten = self._unwritten, None
        self._written = now
        fps = (done - 1) / max(now - self._started, 1e-9)
        line: dict[str, object] = {"frame": done, "frames": total, "fps": None, "eta_s": None}
        if fps > 0:
            line["fps"] = round(fps, 2)
            if total is not None:
                line["eta_s"] = round(max(0, total - done) / fps, 1)
        write_json_line(line)


@contextmanager
def show_live(mode: str, *, quiet: bool = False) -> "Iterator[Callable[[LiveReport], None]]":
    """Yield what is to be called with what a live run has done so far.

    Args:
        mode: ``bar``, a line that is written over; ``json``; ``none``; or ``auto``: such a line on
            a terminal, elsewhere one every ten seconds.
        quiet: Shows nothing where the mode is ``auto``.
    """
    over = mode == "bar" or (mode == "auto" and sys.stderr.isatty())
    if mode == "none" or (mode == "auto" and quiet):
        yield lambda report: None
    elif mode == "json":
        yield lambda report: write_json_line(dataclasses.asdict(report))
    elif over:
        try:
            yield lambda report: _write_over(report.line())
        finally:
            sys.stderr.write("\n")
    else:
        yield _LiveLines()


def _write_over(line: str) -> None:
    sys.stderr.write(f"\r\x1b[K{line}")
    sys.stderr.flush()


class _LiveLines:
    def __init__(self) -> None:
        self._written = time.monotonic()

    def __call__(self, report: "LiveReport") -> None:
        if time.monotonic() - self._written >= _LINE_EVERY_S:
            self._written = time.monotonic()
            sys.stderr.write(report.line() + "\n")
            sys.stderr.flush()


def write_json_line(content: dict[str, object]) -> None:
    """Write one JSON object and a line's end to stderr."""
    sys.stderr.write(json.dumps(content) + "\n")
    sys.stderr.flush()


def say_notes(notes: Iterable[str], *, as_json: bool) -> None:
    """Write what could not be kept, or is odd, to stderr."""
    for note in notes:
        if as_json:
            write_json_line({"note": note})
        else:
            sys.stderr.write(f"Note: {note}\n")
