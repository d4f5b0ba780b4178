"""A live run: the stages of a conversion, fed by a source that waits for nobody."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from facemask_video import __version__, provenance
from facemask_video.config import LiveConfig
from facemask_video.core.frame import Frame
from facemask_video.core.wording import clock, counted
from facemask_video.live.front import Front
from facemask_video.live.outputs import Outputs, check_names
from facemask_video.live.window import WindowClosed
from facemask_video.pipeline.labelling import label_stage
from facemask_video.pipeline.load_networks import Networks, load_finder, load_networks
from facemask_video.pipeline.pace import LivePace, live_pace
from facemask_video.pipeline.painting import paint_faces
from facemask_video.pipeline.prefetch import prefetch
from facemask_video.pipeline.report import Tally, peak_rss_mb
from facemask_video.pipeline.threads import shared_cores
from facemask_video.pipeline.timing import StageStack
from facemask_video.pipeline.track_source import track_faces
from facemask_video.translate.device import pick_device
from facemask_video.video import parse_source

OnLive = Callable[["LiveReport"], None]
"""Called about once a second, with what was done so far."""

OnFrame = Callable[[Frame], None]
"""Called with each frame that goes out."""

_SAID_EVERY_S = 1.0

_USUAL_RATE = Fraction(25)
# Ages kept for the figures: some three minutes at 25 frames a second.
_AGES_KEPT = 5000


@dataclass(slots=True)
class LiveReport:
    """What a live run did, or has done so far.

    Attributes:
        frames_read: Frames that came from the source.
        frames_written: Those that went out.
        dropped: Those that were dropped as they came, since the stages were busy.
        faces_changed: Faces translated, counted once a frame.
        tracks: Different persons followed.
        reconnections: How often the source was taken up again.
        held_frames: Frames held back on purpose (`--latency`).
        latency_s: Median, 95th percentile and largest of the time from a frame's coming to its
            being handed to the outputs, of the last `_AGES_KEPT`; empty before the first.
        seconds: How long it ran.
        cpu_seconds: Processor time of the process meanwhile.
        peak_rss_mb: Largest memory so far.
        notes: What could not be kept, and why.
    """

    frames_read: int = 0
    frames_written: int = 0
    dropped: int = 0
    faces_changed: int = 0
    tracks: int = 0
    reconnections: int = 0
    held_frames: int = 0
    latency_s: tuple[float, ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_rss_mb: float | None = None
    notes: tuple[str, ...] = field(default=())

    def line(self) -> str:
        """Say in one line what was done."""
        rate = self.frames_written / max(self.seconds, 1e-9)
        clauses = [
            f"{clock(self.seconds)}: {counted(self.frames_written, 'frame')} ({rate:.1f} fps)",
            f"{self.dropped} dropped",
            f"{counted(self.faces_changed, 'face')} translated",
        ]
        if self.latency_s:
            median, most, worst = self.latency_s
            clauses.append(f"latency {median:.2f} s, 95 % under {most:.2f}, largest {worst:.2f}")
        if self.reconnections:
            clauses.append(counted(self.reconnections, "reconnection"))
        per_frame = 1000 * self.cpu_seconds / max(1, self.frames_written)
        clauses.append(f"{per_frame:.0f} ms of processor a frame")
        return ", ".join(clauses)


def run_live(
    source: str,
    outputs: Sequence[str],
    config: LiveConfig,
    *,
    networks: Networks | None = None,
    on_status: OnLive | None = None,
    on_start: Callable[[Callable[[], None]], None] | None = None,
    on_frame: OnFrame | None = None,
) -> LiveReport:
    """Translate faces as they come, until the source ends or somebody stops it.

    Args:
        source: See `parse_source`.
        outputs: Files, addresses, ``window``, devices, ``-``; none where ``on_frame`` is all.
        config: Everything else.
        networks: Used in place of those that the configuration names.
        on_status: Called about once a second.
        on_start: Called once with a function that ends the run, from any thread.
        on_frame: Called with each frame that goes out, in the thread that writes it.

    Returns:
        What was done.

    Raises:
        ConfigError: The source or an output is none.
        VideoReadError: The source cannot be opened, or was lost and is not taken up again.
        VideoWriteError: An output cannot be opened or completed; what is complete stays.
    """
    check_names(outputs)
    read, options = config.source, config.source.source_options
    address = parse_source(
        source, realtime=read.realtime, size=read.size, rate=read.rate, options=options
    )
    networks = networks or load_networks(config)
    front = Front(
        address,
        timeout_s=read.timeout_s,
        max_pixels=read.max_pixels,
        reconnect=read.reconnect,
        duration_s=read.duration_s,
    )
    with StageStack() as stages:
        stages.enter_context(shared_cores())
        stages.enter_context(front)
        if on_start is not None:
            on_start(front.stop)
        own = networks.for_source(source)
        return _run(front, outputs, config, own, stages, on_status, on_frame)


def _run(
    front: Front,
    names: Sequence[str],
    config: LiveConfig,
    networks: Networks,
    stages: StageStack,
    on_status: OnLive | None,
    on_frame: OnFrame | None,
) -> LiveReport:
    info = front.form.info
    rate = info.frame_rate if info.frame_rate and info.frame_rate <= 240 else _USUAL_RATE
    live = live_pace(
        config.output.latency_s, float(rate), classifies=networks.classifier is not None
    )
    settings = config.conversion(look_ahead=live.look_ahead)
    label = label_stage(settings, info)
    finder = networks.finder
    if finder is None:
        finder = load_finder(config.detect, info, pick_device(networks.device["device"]))
    weights = str(networks.weights.get("sha256", ""))
    metadata = provenance.describe(config.direction, __version__, weights)
    audio = front.source.audio if config.output.audio else None
    sinks = Outputs(names, config, front.form, rate, audio, metadata)
    stages.callback(sinks.discard)

    tracked = track_faces(front.frames(), settings, stages, finder, pace=live.pace)
    blended = paint_faces(tracked, settings, networks, stages, pace=live.pace)
    if label is not None:
        blended = stages.run("label", label(blended))
    finished = prefetch(blended, depth=1, name="pictures")
    stages.enter_context(closing(finished))
    # First of all where the run ends early: no stage can be closed that waits for frames.
    stages.callback(front.stop)

    book = _Book(front, live)
    try:
        for result in finished:
            sound = front.sound_until(result.frame.pts) if audio is not None else []
            sinks.write(result.frame, sound)
            if on_frame is not None:
                on_frame(result.frame)
            book.add(front.age_s(result.source.pts))
            book.tally.add_blended(result)
            if on_status is not None and book.is_due():
                on_status(book.report())
    except WindowClosed:
        front.stop()
    sinks.finish()
    notes = [*sinks.notes, *networks.translator.notes]
    if front.changed:
        notes.append(f"{counted(front.changed, 'frame')} brought into the first one's form")
    if front.corrupt_packets:
        notes.append(counted(front.corrupt_packets, "corrupt video packet"))
    return dataclasses.replace(book.report(), notes=tuple(notes))


class _Book:
    """What is counted on the way; holds the ages of some minutes of frames."""

    def __init__(self, front: Front, live: LivePace) -> None:
        self.tally = Tally()
        self._front, self._live = front, live
        self._started, self._cpu = time.monotonic(), time.process_time()
        self._ages: list[float] = []
        self._said = self._started

    def is_due(self) -> bool:
        now = time.monotonic()
        due = now - self._said >= _SAID_EVERY_S
        if due:
            self._said = now
        return due

    def add(self, age_s: float) -> None:
        if len(self._ages) >= _AGES_KEPT:
            del self._ages[: _AGES_KEPT // 10]
        self._ages.append(age_s)

    def report(self) -> LiveReport:
        ages = np.percentile(self._ages, (50, 95, 100)) if self._ages else ()
        return LiveReport(
            frames_read=self._front.frames_read,
            frames_written=self.tally.frames,
            dropped=self._front.dropped,
            faces_changed=self.tally.faces_changed,
            tracks=len(self.tally.track_ids),
            reconnections=self._front.reconnections,
            held_frames=self._live.held,
            latency_s=tuple(float(age) for age in ages),
            seconds=time.monotonic() - self._started,
            cpu_seconds=time.process_time() - self._cpu,
            peak_rss_mb=peak_rss_mb(),
        )
