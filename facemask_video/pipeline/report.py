"""What a conversion did: counts, timings and the options it ran with."""

import dataclasses
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facemask_video.config import ConvertConfig
from facemask_video.config.settings import as_plain
from facemask_video.core.direction import Direction
from facemask_video.core.errors import VideoWriteError
from facemask_video.core.faces import BlendedFrame, TrackedFace, TrackId
from facemask_video.core.files import atomic_write
from facemask_video.core.frame import VideoInfo, time_s
from facemask_video.core.standard_streams import is_standard
from facemask_video.core.wording import counted
from facemask_video.pipeline.load_networks import Networks

TRACKS_FILE = "tracks file"
"""Why faces are left alone that a tracks file says are not to be worked on."""

OnProgress = Callable[[int, int | None], None]
"""Called with frames done, and frames in all where that is known."""

# By what became of the pictures in which no face was changed.
_UNCHANGED = {
    "encoded": ", so the pictures are the source's, encoded anew",
    "copied": ", so all packets are the source's",
    "nothing": ", so nothing was written (--no-face skip)",
}
# Of the aligned crop. On the clips looked at 0.17 to 0.34 of it is painted; at less than this the
# generator did not make out what it was to change, or hardly any of it.
_SMALLEST_SHARE = 0.04

# Stages named in the closing line; the rest is in the report.
_STAGES_NAMED = 4


@dataclass(slots=True)
class Tally:
    """Counts taken while the frames pass."""

    frames: int = 0
    faces: int = 0
    frames_with_faces: int = 0
    faces_changed: int = 0
    faces_refused: int = 0
    faces_without_change: int = 0
    frames_without_change: int = 0
    track_ids: set[TrackId] = field(default_factory=set)
    refused_ids: set[TrackId] = field(default_factory=set)
    domains: dict[TrackId, str] = field(default_factory=dict)
    most_changed: int = 0
    most_changed_s: float | None = None

    def add_blended(self, result: BlendedFrame) -> None:
        """Count one finished frame of a conversion."""
        self.add(result.faces)
        if len(result.pasted) > self.most_changed:
            self.most_changed = len(result.pasted)
            self.most_changed_s = time_s(result.source)
        self.faces_changed += len(result.pasted)
        refused = [face.track_id for face in result.unchanged if _is_refused(face)]
        self.refused_ids.update(refused)
        self.faces_refused += len(refused)
        without_change = len(result.unchanged) - len(refused)
        without_change += sum(face.painted_share < _SMALLEST_SHARE for face in result.pasted)
        self.faces_without_change += without_change
        self.frames_without_change += bool(without_change)

    def left_alone(self, config: ConvertConfig) -> dict[str, int]:
        """Return the faces that were not to be worked on, by the reason; see `ConversionReport`."""
        if not self.faces_refused:
            return {}
        already = "bare" if config.direction is Direction.UNMASK else "masked"
        reason = TRACKS_FILE if config.replay.tracks is not None else f"{already} already"
        return {reason: self.faces_refused}

    def add(self, faces: Sequence[TrackedFace]) -> None:
        """Count one finished frame and its faces."""
        self.frames += 1
        self.faces += len(faces)
        self.frames_with_faces += bool(faces)
        self.track_ids.update(face.track_id for face in faces)
        self.domains.update(
            (face.track_id, face.verdict.domain)
            for face in faces
            if face.verdict is not None and face.verdict.domain is not None
        )


def _is_refused(face: TrackedFace) -> bool:
    return face.verdict is not None and face.verdict.translate is False


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """What was converted, into what, how long it took and with which options.

    Attributes:
        input: The source file as it was probed.
        output: Path, encoder and size of the file written; ``pictures`` says whether they were
            ``encoded``, ``copied`` as packets, or ``nothing`` was written.
        frames: Frames written, as many as were read.
        faces: Faces followed, counted once a frame.
        tracks: Different persons followed.
        frames_with_faces: Frames with at least one face.
        faces_changed: Faces whose pixels changed, counted once a frame.
        faces_left_alone: Faces that were not to be worked on, counted once a frame, by the reason:
            ``bare already`` or ``masked already`` (the mask classifier's verdict), or
            ``tracks file``.
        faces_without_change: Faces that were to be worked on and show no change, or hardly any,
            counted once a frame: the generator did not make out what it was to change.
        frames_without_change: Frames with such a face.
        tracks_refused: Persons left alone in some frame: by the mask classifier, or because a
            tracks sidecar says so.
        corrupt_packets: Packets of the source that could not be decoded.
        seconds: Wall time in all, and of each stage without the stages before it. Stages overlap.
        peak_rss_mb: Largest memory the process held, where the system tells.
        device: Where the networks ran, and in which precision.
        weights: The generator's file and card.
        options: The configuration, resolved.
        notes: What could not be kept, and why.
        most_changed_s: Time of the first frame in which the most faces were changed; None where
            none were.
        further: Of each further video stream (``all_video``) its index and codec, whether its
            pictures were ``encoded`` or ``copied`` or ``nothing`` was written, and such counts of
            its own.
    """

    input: dict[str, Any]
    output: dict[str, Any]
    frames: int
    faces: int
    tracks: int
    frames_with_faces: int
    faces_changed: int
    faces_left_alone: dict[str, int]
    faces_without_change: int
    frames_without_change: int
    tracks_refused: int
    corrupt_packets: int
    seconds: dict[str, float]
    peak_rss_mb: float | None
    device: dict[str, str]
    weights: dict[str, Any]
    options: dict[str, Any]
    notes: tuple[str, ...] = ()
    most_changed_s: float | None = None
    further: tuple[dict[str, Any], ...] = ()

    @property
    def frames_per_s(self) -> float:
        """Frames written a second of the whole run, loading included."""
        return self.frames / max(self.seconds["total"], 1e-9)

    def write(self, path: Path) -> None:
        """Write the report as JSON.

        Raises:
            VideoWriteError: The file cannot be written.
        """
        try:
            with atomic_write(path) as part:
                part.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", "utf-8")
        except OSError as exc:
            raise VideoWriteError(
                f"{path}: the report cannot be written ({exc.strerror}); the video is complete."
            ) from exc

    def closing_line(self) -> str:
        """Say in one line what was done and where the time went."""
        if self.input["is_picture"]:
            return (
                f"{counted(self.frames, 'picture')}, {self._faces()}; {_time(self.seconds, None)}"
            )
        return (
            f"{counted(self.frames, 'frame')}, {self._faces()}; {_time(self.seconds, self.frames)}"
        )

    def _faces(self) -> str:
        output = self.options["output"]
        labelled = bool(output["label"]) and output["label_on"] == "all"
        drawn_on = (output["debug_overlay"] and self.faces > 0) or (
            labelled and self.output["pictures"] == "encoded"
        )
        if self.input["is_picture"] and self.output["pictures"] == "copied":
            return f"{self._faces_left()}, so the file is a copy of the source"
        if self.faces_changed == 0 and any(each["faces_changed"] for each in self.further):
            return f"{self._faces_left()} in the main video stream"
        if self.faces_changed == 0 and not drawn_on:
            return f"{self._faces_left()}{_UNCHANGED[self.output['pictures']]}"
        return self._faces_left()

    def _faces_left(self) -> str:
        if self.faces == 0:
            chosen = self.options["select"]["faces"]
            if chosen.startswith("track:"):
                return f"no face of --faces {chosen}"
            sought = self.options["replay"]["tracks"] is None
            return _none_found(self.options["detect"]["min_face_px"]) if sought else "no face found"
        counts = _faces_counted(self.faces, self.tracks, self.frames_with_faces)
        if self.input["is_picture"]:
            counts = counted(self.faces, "face")
        if self.faces_changed == 0 and self.tracks_refused < self.tracks:
            return f"{counts}, none of which the generator changed"
        refused = sum(self.faces_left_alone.values())
        translated = self.faces - refused - self.faces_without_change
        clauses = [counts, f"{'all' if translated == self.faces else translated} translated"]
        for reason in self.faces_left_alone:
            left_alone = f"{refused} left alone ({counted(self.tracks_refused, 'track')})"
            if reason == TRACKS_FILE:
                clauses.append(f"{left_alone} as the tracks file says")
            else:
                clauses.append(f"{left_alone} as {reason} (--classifier off works on all)")
        if self.faces_without_change:
            frames = counted(self.frames_without_change, "frame")
            clauses.append(f"{self.faces_without_change} without a change to see, in {frames}")
        return ", ".join(clauses)


@dataclass(frozen=True, slots=True)
class TrackingReport:
    """What was tracked, into which file, and how long it took.

    Attributes:
        target: The file.
        frames: Frames read.
        faces: Faces followed, counted once a frame.
        tracks: Different persons followed.
        frames_with_faces: Frames with at least one face.
        domains: Persons by domain, where the mask classifier was asked.
        seconds: Wall time in all, and of each stage without the stages before it.
        min_face_px: Smallest face that was looked for.
        notes: What was odd about the source.
    """

    target: Path
    frames: int
    faces: int
    tracks: int
    frames_with_faces: int
    domains: dict[str, int]
    seconds: dict[str, float]
    min_face_px: float
    notes: tuple[str, ...] = ()

    def closing_line(self) -> str:
        """Say in one line what was found and where the time went."""
        found = _none_found(self.min_face_px)
        if self.faces:
            found = _faces_counted(self.faces, self.tracks, self.frames_with_faces)
        found += "".join(f", {count} {domain}" for domain, count in sorted(self.domains.items()))
        return f"{counted(self.frames, 'frame')}, {found}; {_time(self.seconds, self.frames)}"


def _none_found(min_face_px: float) -> str:
    """Say that nothing was found, and what was too small to be looked for."""
    return f"no face found (--min-face {min_face_px:g})"


def _faces_counted(faces: int, tracks: int, frames: int) -> str:
    return f"{counted(faces, 'face')} ({counted(tracks, 'track')}, in {counted(frames, 'frame')})"


def _time(seconds: Mapping[str, float], frames: int | None) -> str:
    total_s = seconds["total"]
    stages = {name: s for name, s in seconds.items() if name not in ("total", "wait", "idle")}
    longest = sorted(stages, key=lambda name: -stages[name])[:_STAGES_NAMED]
    where = ", ".join(f"{name.replace('_', ' ')} {stages[name]:.1f} s" for name in longest)
    speed = "" if frames is None else f", {frames / max(total_s, 1e-9):.1f} fps"
    return f"{total_s:.1f} s{speed} ({where})"


def peak_rss_mb() -> float | None:
    """Return the largest resident memory of this process so far, or None where unknown."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, KiB elsewhere.
    return round(peak / 2**20 if sys.platform == "darwin" else peak / 2**10, 1)


def describe_input(info: VideoInfo) -> dict[str, object]:
    """Return what a report says of the source, as plain data."""
    return {
        "path": str(info.path),
        "container": info.container,
        "codec": info.codec,
        "width_px": info.width_px,
        "height_px": info.height_px,
        "pixel_format": info.pixel_format,
        "frame_rate": None if info.frame_rate is None else str(info.frame_rate),
        "duration_s": None if info.duration_s is None else float(info.duration_s),
        "rotation_deg": info.rotation_deg,
        "streams": [f"{stream.kind}:{stream.codec}" for stream in info.streams],
        "bytes": None if is_standard(info.path) else info.path.stat().st_size,
        "is_picture": info.is_picture,
    }


def finish_report(
    tally: Tally,
    config: ConvertConfig,
    networks: Networks,
    *,
    input: dict[str, Any],
    output: dict[str, Any],
    seconds: Mapping[str, float],
    notes: tuple[str, ...],
    corrupt_packets: int = 0,
    most_changed_s: float | None = None,
    further: tuple[dict[str, Any], ...] = (),
) -> ConversionReport:
    """Make the report of a conversion that is done, and write it where one was asked for.

    Args:
        tally: Of its frames.
        config: It ran with.
        networks: It ran with.
        input: See `ConversionReport`, as the rest.
        output: Path, encoder and size.
        seconds: In all, and of each stage; not rounded.
        notes: What could not be kept.
        corrupt_packets: Of the source.
        most_changed_s: When the most faces were changed.
        further: Of each further video stream.

    Raises:
        VideoWriteError: It cannot be written.
    """
    report = ConversionReport(
        input=input,
        output=output,
        frames=tally.frames,
        faces=tally.faces,
        tracks=len(tally.track_ids),
        frames_with_faces=tally.frames_with_faces,
        faces_changed=tally.faces_changed,
        faces_left_alone=tally.left_alone(config),
        faces_without_change=tally.faces_without_change,
        frames_without_change=tally.frames_without_change,
        tracks_refused=len(tally.refused_ids),
        corrupt_packets=corrupt_packets,
        seconds={name: round(value, 4) for name, value in seconds.items()},
        peak_rss_mb=peak_rss_mb(),
        device=networks.device,
        weights=networks.weights,
        options=as_plain(config),
        notes=notes,
        most_changed_s=most_changed_s,
        further=further,
    )
    if config.output.report is not None:
        report.write(config.output.report)
    return report
