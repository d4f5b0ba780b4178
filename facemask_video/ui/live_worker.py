"""What translates a stream for the page, in a process of its own."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import parent_process
from typing import TYPE_CHECKING, Any

from facemask_video.config import LiveConfig
from facemask_video.ui.failures import why_it_failed

if TYPE_CHECKING:
    from facemask_video.core.frame import Frame
    from facemask_video.live.run import LiveReport

_SEEN_EVERY_S = 0.3
_SEEN_SIDE_PX = 960
_JPEG_QUALITY = 80
# How long outputs may take to be completed once the page has ended.
_GRACE_S = 20.0


@dataclass(frozen=True, slots=True)
class LiveTask:
    """What is to be translated.

    Attributes:
        source: See `facemask_video.live.run.run_live`.
        outputs: Likewise; none where it is only seen.
        config: Everything else.
    """

    source: str
    outputs: tuple[str, ...]
    config: LiveConfig


@dataclass(frozen=True, slots=True)
class Status:
    """What was done so far, as plain data: a report would bring the libraries of networks along."""

    figures: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame as it went out, as JPEG."""

    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the log: a connection that was lost, an output that was left out."""

    line: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over; ``why`` in one line where it failed."""

    why: str | None = None
    notes: tuple[str, ...] = ()


Message = Status | Seen | Said | Ended


def translate_live(connection: Connection, task: LiveTask) -> None:
    """Translate a stream until it ends or the connection brings something; the target of a process.

    Args:
        connection: Messages go there. Whatever comes from there, its end too, ends the run.
        task: What to do.
    """
    # Ctrl-C is the page's, which ends this properly.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = _Worker(connection)
    threading.Thread(target=worker.wait_for_stop, name="stop", daemon=True).start()
    logging.getLogger("facemask_video").addHandler(_ToPage(worker.tell))
    worker.tell(worker.translate(task))


@dataclass(slots=True)
class _Worker:
    connection: Connection
    stopped: threading.Event = field(default_factory=threading.Event)
    stop: Callable[[], None] | None = None
    sending: threading.Lock = field(default_factory=threading.Lock)
    seen_at_s: float = 0.0

    def translate(self, task: LiveTask) -> Ended:
        try:
            from facemask_video.live.run import run_live

            report = run_live(
                task.source,
                task.outputs,
                task.config,
                on_status=self.show_status,
                on_start=self.take_stop,
                on_frame=self.show,
            )
        except Exception as exc:  # noqa: BLE001 - logged where it is told
            return Ended(why_it_failed(exc, what="stream", request=task.outputs))
        self.show_status(report)
        return Ended(notes=tuple(report.notes))

    def wait_for_stop(self) -> None:
        parent = parent_process()
        assert parent is not None, "started by the page"
        wait([self.connection, parent.sentinel])
        self.stopped.set()
        if self.stop is not None:
            self.stop()
        wait([parent.sentinel])
        # Whoever waits in C code cannot be asked to unwind.
        time.sleep(_GRACE_S)
        os._exit(1)

    def take_stop(self, stop: Callable[[], None]) -> None:
        self.stop = stop
        if self.stopped.is_set():
            stop()

    def show_status(self, report: "LiveReport") -> None:
        latency = report.latency_s
        self.tell(
            Status(
                {
                    "read": report.frames_read,
                    "written": report.frames_written,
                    "dropped": report.dropped,
                    "faces": report.faces_changed,
                    "people": report.tracks,
                    "reconnections": report.reconnections,
                    "seconds": report.seconds,
                    "latency_s": dict(zip(("median", "most", "worst"), latency, strict=False)),
                    "memory_mb": report.peak_rss_mb,
                    "cpu_ms": 1000 * report.cpu_seconds / max(1, report.frames_written),
                }
            )
        )

    def show(self, frame: "Frame") -> None:
        now = time.monotonic()
        if now - self.seen_at_s < _SEEN_EVERY_S:
            return
        self.seen_at_s = now
        from facemask_video.core.pictures import encode_picture

        image, _ = frame.thumbnail(_SEEN_SIDE_PX)
        self.tell(Seen(encode_picture(image, ".jpg", quality=_JPEG_QUALITY)))

    def tell(self, message: Message) -> None:
        with self.sending:
            try:
                self.connection.send(message)
            except OSError:
                # The page has ended; `wait_for_stop` sees it too.
                self.stopped.set()


class _ToPage(logging.Handler):
    def __init__(self, tell: Callable[[Message], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(Said(" ".join(record.getMessage().split())))
