"""``facemask-video live``: translate faces as they come."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import click

from facemask_video.api import live_video
from facemask_video.cli.options import configured_command
from facemask_video.cli.progress import say_notes, show_live
from facemask_video.config import LiveConfig

if TYPE_CHECKING:
    from facemask_video.live.run import LiveReport


@configured_command(LiveConfig)
@click.argument("source", metavar="SOURCE")
@click.argument("outputs", metavar="[OUT...]", nargs=-1)
def live(config: LiveConfig, source: str, outputs: tuple[str, ...], quiet: bool) -> None:
    """Translate faces as they come, from SOURCE into each OUT, until Ctrl-C.

    SOURCE is camera:N or /dev/videoN, screen, an address (rtsp, http, udp, srt, rtmp), or with
    --realtime a file. OUT is a file, an address that is pushed to (rtsp, rtmp, udp, srt), window, -
    for standard output, or a v4l2loopback device as /dev/videoN or device:NAME; without one a
    window. A machine that is too slow drops frames as they come in and says how many.

    \b
    facemask-video live camera:0 -d mask --quality fast
    facemask-video live rtsp://host/in rtsp://host/out -d mask --latency 0.3s
    facemask-video live camera:0 day.mkv device:Masked -d mask --segment 10m
    facemask-video live in.mp4 - -d unmask --realtime | ffplay -
    """
    with _stopped_by_signals() as on_start, show_live(config.output.progress, quiet=quiet) as show:
        report = live_video(
            source, outputs or ("window",), config=config, progress=show, on_start=on_start
        )
    if not quiet:
        say_notes(report.notes, as_json=config.output.progress == "json")
        click.echo(_closing(report), err="-" in outputs)


def _closing(report: "LiveReport") -> str:
    memory = "" if report.peak_rss_mb is None else f", {report.peak_rss_mb:.0f} MB"
    return f"{report.line()}{memory}"


@contextmanager
def _stopped_by_signals() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Let Ctrl-C and SIGTERM end the run with all files complete, and a second one at once."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}

    def on_start(stop: Callable[[], None]) -> None:
        def end(signum: int, frame: FrameType | None) -> None:
            for each, handler in before.items():
                signal.signal(each, handler)
            stop()

        for each in before:
            signal.signal(each, end)

    try:
        yield on_start
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
