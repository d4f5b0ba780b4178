"""The live run of the page: one at a time, in a process of its own."""

import contextlib
import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from facemask_video.core.errors import ConfigError
from facemask_video.core.wording import shown, shown_address
from facemask_video.ui.folders import Folders, plain_name
from facemask_video.ui.live_worker import (
    Ended,
    LiveTask,
    Message,
    Said,
    Seen,
    Status,
    translate_live,
)
from facemask_video.ui.options import Given, live_config
from facemask_video.ui.viewer_process import FORKED

Standing = Literal["idle", "starting", "running", "stopping", "ended", "failed"]

_MOST_LINES = 20
_MOST_NAMES = 999
_MOST_FILES = 100
_GRACE_S = 20.0
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\\]+", re.IGNORECASE)
_CAMERA = re.compile(r"(?:camera:)?(\d{1,3})|(/dev/video\d{1,3})")


@dataclass(frozen=True, slots=True)
class LiveWish:
    """What the page asks for, as checked.

    Attributes:
        task: What is done.
        source: What the page calls its source; without a password.
        outputs: The same of where it goes.
        target: The file that is written, if any.
    """

    task: LiveTask
    source: str
    outputs: tuple[str, ...]
    target: Path | None


def read_wish(body: Mapping[str, Any], given: Given, folders: Folders) -> LiveWish:
    """Read what the page asks for.

    Args:
        body: With ``kind`` and ``source``, ``file`` and ``address``.
        given: Options.
        folders: Where a source may lie, and where its result goes.

    Raises:
        FacemaskVideoError: Something is none of those that the page takes.
    """
    kind, text = _text(body, "kind"), _text(body, "source")
    config = live_config(given, is_file=kind == "file")
    source = _source(kind, text, folders)
    name, address = _text(body, "file"), _text(body, "address")
    if address and not _ADDRESS.fullmatch(address):
        raise ConfigError(f"{address}: is no address to push to; such as rtsp://host/stream.")
    target = None
    if name:
        plain = plain_name(name)
        if not Path(plain).suffix:
            plain += ".mkv"
        target = _free(folders.results, plain, in_segments=config.output.segment_s is not None)
    outputs = tuple(str(each) for each in (target, address or None) if each is not None)
    return LiveWish(
        LiveTask(source, outputs, config),
        shown(Path(source).name) if kind == "file" else shown_address(source),
        tuple(
            each
            for each in (target and shown(target.name), address and shown_address(address))
            if each
        ),
        target,
    )


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or "\0" in value:
        raise ConfigError(f"{name}: expected a text.")
    return value.strip()


def _source(kind: str, text: str, folders: Folders) -> str:
    if kind == "screen":
        return "screen"
    if not text:
        raise ConfigError("no source is named.")
    if kind == "file":
        return str(folders.inside(Path(text)))
    if kind == "camera":
        camera = _CAMERA.fullmatch(text)
        if camera is None:
            raise ConfigError(f"{text}: is no camera; those are 0, 1 … or /dev/video0.")
        return camera[2] or f"camera:{camera[1]}"
    if kind == "address":
        if not _ADDRESS.fullmatch(text):
            raise ConfigError(f"{text}: is no address; such as rtsp://host/stream.")
        return text
    raise ConfigError(f"kind: got {kind!r}, expected file, address, camera or screen.")


def _free(folder: Path, name: str, *, in_segments: bool) -> Path:
    stem, suffix = Path(name).stem, Path(name).suffix
    for number in range(1, _MOST_NAMES):
        path = folder / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        first = path.with_name(f"{path.stem}-0001{suffix}") if in_segments else path
        if not path.exists() and not first.exists():
            return path
    raise ConfigError(f"{name}: has too many results already; take another name.")


@dataclass(slots=True, eq=False)
class _Run:
    """A run, and what is known of it."""

    wish: LiveWish
    process: Any
    connection: Connection
    standing: Standing = "starting"
    why: str | None = None
    figures: dict[str, Any] | None = None
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_LINES))
    jpeg: bytes | None = None
    n_seen: int = 0
    reader: threading.Thread | None = None

    @property
    def is_over(self) -> bool:
        return self.standing in ("ended", "failed")

    def hear(self, message: Message) -> None:
        match message:
            case Status(figures):
                self.figures = figures
            case Seen(jpeg):
                self.jpeg, self.n_seen = jpeg, self.n_seen + 1
            case Said(line):
                self.lines.append(line)
            case Ended(why, notes):
                self.lines.extend(notes)
                self.end(why)
                return
        if self.standing == "starting":
            self.standing = "running"

    def end(self, why: str | None) -> None:
        self.why = why
        self.standing = "ended" if why is None else "failed"


class LiveRuns:
    """The one live run that the page has, or had last. All methods may be called in any thread."""

    def __init__(self, folders: Folders) -> None:
        """Start nothing yet.

        Args:
            folders: Where files are read and written.
        """
        self._folders = folders
        self._lock = threading.Lock()
        self._run: _Run | None = None
        self._closed = False

    def start(self, wish: LiveWish) -> None:
        """Begin a run.

        Raises:
            ConfigError: One is going on, or the page ends.
        """
        with self._lock:
            if self._closed:
                raise ConfigError("the page was closed meanwhile.")
            if self._run is not None and not self._run.is_over:
                raise ConfigError("something is live already; stop it first.")
            self._folders.results.mkdir(parents=True, exist_ok=True)
            ours, theirs = FORKED.Pipe()
            process = FORKED.Process(
                target=translate_live, args=(theirs, wish.task), name="live", daemon=True
            )
            process.start()
            theirs.close()
            run = _Run(wish, process, ours)
            run.reader = threading.Thread(target=self._read, args=(run,), name="live")
            self._run = run
            run.reader.start()

    def stop(self) -> None:
        """Let the run end and complete its outputs; does nothing where there is none."""
        with self._lock:
            run = self._run
            if run is not None and not run.is_over:
                run.standing = "stopping"
                with contextlib.suppress(OSError):
                    run.connection.send("stop")

    def state(self) -> dict[str, Any]:
        """Return what the page shows, as JSON-ready data."""
        with self._lock:
            run = self._run
            if run is None:
                return {"standing": "idle"}
            return {
                "standing": run.standing,
                "source": run.wish.source,
                "outputs": list(run.wish.outputs),
                "why": run.why,
                "figures": run.figures,
                "lines": list(run.lines),
                "seen": run.n_seen,
                "files": self._files(run) if run.is_over else [],
            }

    def picture(self) -> bytes | None:
        """Return the last frame that went out, as JPEG."""
        run = self._run
        return None if run is None else run.jpeg

    def close(self) -> None:
        """Stop the run, and see its process end."""
        with self._lock:
            self._closed = True
        self.stop()
        run = self._run
        if run is None:
            return
        run.process.join(_GRACE_S)
        if run.process.is_alive():
            run.process.kill()
            run.process.join()
        if run.reader is not None:
            run.reader.join()

    def _read(self, run: _Run) -> None:
        while True:
            try:
                message: Message = run.connection.recv()
            except (EOFError, OSError):
                break
            with self._lock:
                run.hear(message)
        run.process.join()
        run.connection.close()
        with self._lock:
            if not run.is_over:
                run.end("the process that translated it ended; its memory may have been full.")

    def _files(self, run: _Run) -> list[dict[str, str]]:
        target = run.wish.target
        if target is None:
            return []
        numbered = re.compile(rf"{re.escape(target.stem)}(-\d+)?{re.escape(target.suffix)}")
        there = sorted(each for each in target.parent.iterdir() if numbered.fullmatch(each.name))
        if run.wish.task.config.output.segment_s is None:
            there = [each for each in there if each == target]
        return [
            {"name": shown(each.name), "key": self._folders.admit(each)}
            for each in there[:_MOST_FILES]
        ]
