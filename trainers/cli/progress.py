"""Show how far a run is, on stderr: a line that renews itself, lines, or JSON objects."""

import json
import sys
import time
from collections.abc import Callable

from facemask_video.core.wording import clock

_RENEW = "\r\x1b[K"
"""Goes to the line's start and clears it."""

# Often enough to see that it moves; seldom enough for a log.
_RENEW_EVERY_S, _LINE_EVERY_S = 0.2, 10.0


def on_stats(mode: str, images: int) -> Callable[[dict[str, float]], None]:
    """Return what is to be called with each line of statistics.

    Args:
        mode: ``line``, ``json``, ``none``, or ``auto``: lines, renewed in place on a terminal.
        images: Of the whole run.
    """
    if mode == "none":
        return lambda stats: None
    if mode == "json":
        return lambda stats: write(json.dumps({**stats, "images": images}) + "\n")
    renew = mode == "auto" and sys.stderr.isatty()

    def show(stats: dict[str, float]) -> None:
        line = progress_line(stats, images)
        at_end = stats["images_seen"] >= images
        write((_RENEW if renew else "") + line + ("\n" if at_end or not renew else ""))

    return show


def progress_line(stats: dict[str, float], images: int) -> str:
    """Describe a line of statistics in words, losses grouped by direction.

    >>> losses = {"mask/l1": 0.25, "mask/gan": 0.5, "unmask/l1": 0.125}
    >>> line = progress_line({"images_seen": 800, "images_per_s": 10.0, **losses}, 4400)
    >>> line.partition("  mask:")[0]
    '800/4,400 images  18 %  10.0 images/s  0:06:00 left'
    >>> line.partition(" left  ")[2]
    'mask: l1 0.250 gan 0.500  unmask: l1 0.125'
    """
    seen, rate = int(stats["images_seen"]), stats["images_per_s"]
    left_s = round(max(0, images - seen) / max(rate, 1e-9))
    groups: dict[str, str] = {}
    for name, value in stats.items():
        group, _, loss = name.rpartition("/")
        if group:
            groups[group] = groups.get(group, f"{group}:") + f" {loss} {value:.3f}"
    losses = "  ".join(groups.values())
    return (
        f"{seen:,}/{images:,} images  {100 * seen // images} %  {rate:.1f} images/s  "
        f"{clock(left_s)} left  {losses}"
    )


class StepLines:
    """Shows steps, a line each, and below the one that goes on how far it is.

    On a terminal that renews itself; elsewhere it is a line every ten seconds.
    """

    def __init__(self) -> None:
        self._renew = sys.stderr.isatty()
        self._open = False
        self._began = self._shown = time.monotonic()
        self._done = 0

    def begin(self, step: str) -> None:
        """Show that a step begins."""
        self.end()
        write(step + "\n")
        self._start()

    def done(self, done: int, total: int) -> None:
        """Show how much of the step, or of a part of it, is done."""
        if done < self._done:
            self._start()
        self._done = done
        now = time.monotonic()
        if done >= total:
            self.end()
        elif done and now - self._shown >= (_RENEW_EVERY_S if self._renew else _LINE_EVERY_S):
            self._shown = now
            left_s = (now - self._began) / done * (total - done)
            line = f"  {done:,} of {total:,}  {100 * done // total} %  {clock(left_s)} left"
            write(_RENEW + line if self._renew else line + "\n")
            self._open = self._renew

    def end(self) -> None:
        """Clear the line that renews itself, where there is one."""
        if self._open:
            write(_RENEW)
            self._open = False

    def _start(self) -> None:
        self._began = self._shown = time.monotonic()
        self._done = 0


def cutting_line(name: str, done: int, total: int) -> None:
    """Show how far cutting crops is; on a terminal only, and at the end."""
    if done == total:
        write(f"{_RENEW if sys.stderr.isatty() else ''}{name}: {total:,} pictures looked at\n")
    elif sys.stderr.isatty() and done % 10 == 0:
        write(f"{_RENEW}{name}: {done:,}/{total:,} pictures")


def write(text: str) -> None:
    """Write to stderr at once."""
    sys.stderr.write(text)
    sys.stderr.flush()
