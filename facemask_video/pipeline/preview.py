"""Show what a conversion makes of one moment, by the very stages of a conversion."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from facemask_video import __version__, provenance
from facemask_video.composite.stabilise import frames_remembered
from facemask_video.composite.stage import DrawFaces
from facemask_video.config import PreviewConfig
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError, VideoReadError, VideoWriteError
from facemask_video.core.faces import BlendedFrame, CroppedFrame, TrackedFace
from facemask_video.core.files import atomic_write
from facemask_video.core.frame import AlphaF32, Frame, ImageU8, VideoInfo
from facemask_video.core.geometry import Box
from facemask_video.core.pictures import WRITTEN_SUFFIXES, is_picture, kind_to_write
from facemask_video.core.wording import counted
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.labelling import label_stage
from facemask_video.pipeline.load_networks import Networks, load_finder, load_networks
from facemask_video.pipeline.output_layout import alpha_of
from facemask_video.pipeline.output_paths import check_targets
from facemask_video.pipeline.painting import classify_faces, paint_crops
from facemask_video.pipeline.picture import (
    check_faces,
    detector_of,
    faces_of_pages,
    paint_pages,
)
from facemask_video.pipeline.picture_options import check_options
from facemask_video.pipeline.report import ConversionReport, OnProgress
from facemask_video.pipeline.timing import StageStack
from facemask_video.pipeline.track_source import replay_faces, track_faces
from facemask_video.pipeline.tracks_file import Ranged, open_tracks
from facemask_video.stills.probe import probe_picture
from facemask_video.stills.read import read_stills
from facemask_video.stills.still import Still, rgb_or_grey
from facemask_video.stills.write import encode_stills
from facemask_video.track import Sidecar
from facemask_video.translate.device import pick_device
from facemask_video.translate.stage import stays_as_it_is
from facemask_video.video import VideoReader, probe
from facemask_video.video.target import check_outputs

AROUND_S = 1.0
"""Read before the moment, and after it at most."""

# Where pictures are far apart the one that is shown at a moment is looked for so far before it.
_LOOK_BACK_S = 20.0
_CLIP_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".ts", ".avi")
_INK, _PAPER = 30, 235


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """One frame as it was and as a conversion makes it.

    Attributes:
        source: The file.
        time_s: When a player shows the frame; None where the source is a picture.
        before: RGB, uint8, shape (height, width, 3).
        after: Likewise, with the boxes and the label that were asked for.
        alpha: How far each pixel was replaced, float32 in [0, 1], shape (height, width).
        faces: Those found in the frame, changed or not.
        faces_changed: How many of them were painted over.
        made: The tags that say how the faces were made; None where they are no generator's.
        seconds: Wall time; networks that were loaded for it are included.
        notes: What was odd about the source.
    """

    source: Path
    time_s: float | None
    before: ImageU8
    after: ImageU8
    alpha: AlphaF32
    faces: tuple[TrackedFace, ...]
    faces_changed: int
    made: dict[str, str] | None
    seconds: float
    notes: tuple[str, ...] = ()

    def sheet(self) -> ImageU8:
        """Return before, after and alpha side by side under their names, RGB."""
        grey = np.rint(self.alpha * 255).astype(np.uint8)
        when = "" if self.time_s is None else f" {self.time_s:.3f} s"
        panels = {
            f"before{when}": self.before,
            "after": self.after,
            "alpha": np.repeat(grey[:, :, None], 3, axis=2),
        }
        return np.hstack([np.vstack([_label(*panel), panel[1]]) for panel in panels.items()])

    def write(self, target: Path) -> None:
        """Write the sheet; what was there is replaced.

        Raises:
            VideoWriteError: It cannot be written.
        """
        components, pixel_format, _ = rgb_or_grey(self.sheet())
        still = Still(target, "bmp", components, pixel_format)
        encoded, _ = encode_stills(target, [still], [components], self.made)
        try:
            with atomic_write(target) as part:
                part.write_bytes(encoded)
        except OSError as exc:
            raise VideoWriteError(
                f"{target}: cannot be written ({exc.strerror}); check rights and the space left."
            ) from exc

    def closing_line(self) -> str:
        """Say in one line what is shown and what was found."""
        when = "the picture" if self.time_s is None else f"at {self.time_s:.3f} s"
        if not self.faces:
            return f"{when}: no face found, so after is as before; {self.seconds:.1f} s"
        persons = ", ".join(str(face.track_id) for face in self.faces)
        numbers = f" ({'track' if len(self.faces) == 1 else 'tracks'} {persons})"
        counts = counted(len(self.faces), "face") + ("" if self.time_s is None else numbers)
        refused = [f for f in self.faces if f.verdict is not None and f.verdict.translate is False]
        left = f", {len(refused)} left alone as {_why(refused)}" if refused else ""
        return f"{when}: {counts}, {self.faces_changed} translated{left}; {self.seconds:.1f} s"


def _why(refused: list[TrackedFace]) -> str:
    domains = {face.verdict.domain for face in refused if face.verdict is not None}
    said = " or ".join(sorted(domain for domain in domains if domain is not None))
    return f"{said} already" if said else "the tracks file says"


def is_clip(target: Path) -> bool:
    """Say whether a preview of this name is a video; a picture otherwise.

    Raises:
        VideoWriteError: The suffix names neither.
    """
    suffix = target.suffix.lower()
    if suffix in _CLIP_SUFFIXES:
        return True
    if suffix in WRITTEN_SUFFIXES:
        return False
    raise VideoWriteError(
        f"{target}: the suffix names no preview; use .png for the moment or .mp4 for the two "
        "seconds around it."
    )


def check_sheet(source: Path, target: Path, config: PreviewConfig) -> None:
    """Refuse, before anything is loaded, a picture that must not or cannot be written.

    Raises:
        VideoWriteError: It exists, is read as well, or its suffix names no format.
    """
    if is_clip(target):
        raise VideoWriteError(f"{target}: is called as a video; preview_clip writes that.")
    kind_to_write(target)
    inputs = [path for path in (source, config.replay.tracks) if path is not None]
    check_outputs([target], inputs=inputs, overwrite=config.overwrite)


def preview(source: Path, config: PreviewConfig, networks: Networks | None = None) -> Preview:
    """Show what a conversion makes of one moment of a video, or of a picture.

    Args:
        source: Video or picture to read; of several pages the first.
        config: The moment, and everything else.
        networks: Used in place of those that the configuration names.

    Raises:
        FacemaskVideoError: It cannot be done.
    """
    started = time.perf_counter()
    _refuse_folder(source)
    show = _show_picture if is_picture(source) else _show_moment
    shown, info, time_s, notes, weights = show(source, config, networks)
    drawn = shown
    if config.boxes:
        (drawn,) = DrawFaces()([shown])
    label = label_stage(config.conversion(), info)
    if label is not None:
        (drawn,) = label([drawn])
    made = _made_before(info)
    if shown.pasted:
        made = provenance.describe(config.direction, __version__, weights)
    return Preview(
        source=source,
        time_s=time_s,
        before=_rgb(shown.source),
        after=_rgb(drawn.frame),
        alpha=alpha_of(shown),
        faces=shown.faces,
        faces_changed=len(shown.pasted),
        made=made,
        seconds=round(time.perf_counter() - started, 4),
        notes=tuple(dict.fromkeys(notes)),
    )


def preview_clip(
    source: Path,
    target: Path,
    config: PreviewConfig,
    *,
    on_progress: OnProgress | None = None,
    networks: Networks | None = None,
) -> ConversionReport:
    """Convert the two seconds around a moment, with the source and the alpha beside the result.

    Args:
        source: Video to read.
        target: Video to write.
        config: The moment, and everything else.
        on_progress: Called after each frame written.
        networks: Used in place of those that the configuration names.

    Raises:
        FacemaskVideoError: It cannot be done; no file is left behind.
    """
    _refuse_folder(source)
    if not is_clip(target):
        raise VideoWriteError(f"{target}: is called as a picture; preview_video writes that.")
    if is_picture(source):
        raise ConfigError(f"{target}: a picture has no seconds to show; name a .png.")
    info = probe(source)
    start_s, end_s = _window(_moment(info, config.at_s), config)
    around = config.conversion(start_s=start_s or None, end_s=end_s)
    check_targets(source, target, around)
    return convert(source, target, around, on_progress=on_progress, networks=networks)


def _made_before(info: VideoInfo) -> dict[str, str] | None:
    found = provenance.read(info.metadata)
    if found is None or not found.is_synthetic:
        return None
    weights = found.weights_sha256 or ""
    return provenance.describe(Direction(found.direction), found.version, weights)


def _refuse_folder(source: Path) -> None:
    if source.is_dir():
        raise ConfigError(f"{source}: is a folder; name a video, or one of the pictures in it.")


def _show_picture(
    source: Path, config: PreviewConfig, networks: Networks | None
) -> tuple[BlendedFrame, VideoInfo, None, list[str], str]:
    info, conversion = probe_picture(source), config.conversion()
    check_options(conversion)
    check_faces(conversion)
    tracks = open_tracks(Ranged(source, info, None, None), conversion)
    networks = (networks or load_networks(conversion)).for_source(source.name)
    stills = read_stills(source, as_rgb=True)
    detector = None if tracks is not None else detector_of(conversion, networks)
    painted = paint_pages(
        faces_of_pages(stills, conversion, detector, tracks), conversion, networks
    )
    notes = list(stills[0].notes)
    if len(stills) > 1:
        notes.append(f"the first of {len(stills)} pages is shown")
    if config.at_s is not None:
        notes.append("a picture is shown whole, whatever --at says")
    return next(painted), info, None, notes, str(networks.weights.get("sha256", ""))


def _show_moment(
    source: Path, config: PreviewConfig, networks: Networks | None
) -> tuple[BlendedFrame, VideoInfo, float, list[str], str]:
    info = probe(source)
    at_s = _moment(info, config.at_s)
    with StageStack() as stages:
        reader, frames = _around(source, at_s, config, stages)
        conversion = config.conversion(start_s=reader.start_s, end_s=reader.end_s)
        tracks = open_tracks(reader, conversion)
        networks = (networks or load_networks(conversion)).for_source(source.name)
        if tracks is not None:
            tracked = replay_faces(frames, conversion, stages, tracks, partial=True)
        else:
            finder = networks.finder or load_finder(
                config.detect, info, pick_device(networks.device["device"])
            )
            tracked = track_faces(frames, conversion, stages, finder)
        tick = reader.tick_at(at_s)
        cropped = _without_far_past(
            classify_faces(tracked, conversion, networks, stages),
            tick,
            kept=frames_remembered(conversion.composite.temporal),
        )
        blended = paint_crops(cropped, conversion, networks, stages)
        shown = _shown_at(tick, blended)
        time_s = float(shown.source.pts * shown.source.time_base - reader.zero_s)
        return shown, info, time_s, list(reader.notes), str(networks.weights.get("sha256", ""))


def _moment(info: VideoInfo, at_s: float | None) -> float:
    length_s = None if info.duration_s is None else float(info.duration_s)
    if at_s is None:
        return (length_s or 0.0) / 2
    if length_s is not None and at_s >= length_s:
        raise ConfigError(
            f"at_s: got {at_s:g}, the clip lasts {length_s:.3f} s; give --at a time before its end."
        )
    return at_s


def _window(at_s: float, config: PreviewConfig) -> tuple[float, float]:
    start_s, end_s = max(0.0, at_s - AROUND_S), at_s + AROUND_S
    if config.replay.tracks is not None:
        # Tracks of a part of the clip show what lies in it.
        of_tracks = Sidecar(config.replay.tracks).source
        begin, end = of_tracks.get("start_s"), of_tracks.get("end_s")
        if begin is not None and float(begin) <= at_s:
            start_s = max(start_s, float(begin))
        if end is not None and float(end) > at_s:
            end_s = min(end_s, float(end))
    return start_s, end_s


def _around(
    source: Path, at_s: float, config: PreviewConfig, stages: StageStack
) -> tuple[VideoReader, Iterator[Frame]]:
    """Open a video around a moment: the reader, and its frames from one that is no later."""
    start_s, end_s = _window(at_s, config)
    for is_last in (start_s == 0, True):
        reader = stages.enter_context(VideoReader(source, start_s=start_s or None, end_s=end_s))
        frames = iter(reader)
        try:
            first = next(frames)
        except VideoReadError:
            if is_last:
                raise
        else:
            if is_last or first.pts <= reader.tick_at(at_s):
                return reader, chain([first], frames)
        # A millisecond earlier, as times are rounded to the ticks of the stream.
        start_s = max(0.0, _last_shown_s(source, at_s) - 1e-3)
    raise AssertionError("the last way returns or raises")


def _last_shown_s(source: Path, at_s: float) -> float:
    """Return when the frame began to be shown that a player shows at a moment."""
    for start_s in dict.fromkeys((max(0.0, at_s - _LOOK_BACK_S), 0.0)):
        with VideoReader(source, start_s=start_s or None, end_s=at_s + 1e-3) as reader:
            try:
                *_, last = (frame.pts * frame.time_base for frame in reader)
            except VideoReadError:
                if start_s == 0:
                    raise
            else:
                return float(last - reader.zero_s)
    raise AssertionError("the last way returns or raises")


def _without_far_past(
    cropped: Iterator[CroppedFrame], tick: int, *, kept: int
) -> Iterator[CroppedFrame]:
    """Yield frames up to a time, and before the last ones no face that would be translated.

    Bare faces that stay as they are, are kept: a later face may be shown by them.
    """
    near: deque[CroppedFrame] = deque()
    for item in cropped:
        near.append(item)
        if len(near) > kept + 1:
            early = near.popleft()
            yield replace(early, crops=tuple(filter(stays_as_it_is, early.crops)))
        if item.frame.pts >= tick:
            break
    yield from near


def _shown_at(tick: int, blended: Iterable[BlendedFrame]) -> BlendedFrame:
    """Return the frame that a player shows at a time: the last one that is no later."""
    shown: BlendedFrame | None = None
    for result in blended:
        if shown is None or result.source.pts <= tick:
            shown = result
        if result.source.pts >= tick:
            break
    assert shown is not None, "a reader without frames raises"
    return shown


def _rgb(frame: Frame) -> ImageU8:
    return frame.read_region(Box(0, 0, frame.width_px, frame.height_px))


def _label(text: str, image: ImageU8) -> ImageU8:
    height, width = image.shape[:2]
    letter = max(0.5, height / 800)
    font = cv2.FONT_HERSHEY_SIMPLEX
    line_px = max(1, round(letter * 1.5))
    (text_width, text_height), _ = cv2.getTextSize(text, font, letter, line_px)
    fitting = min(1.0, (width - 8) / text_width)
    strip = np.full((2 * text_height + 4, width, 3), _PAPER, np.uint8)
    start = (4, text_height + text_height // 2 + 2)
    ink = (_INK, _INK, _INK)
    cv2.putText(strip, text, start, font, letter * fitting, ink, line_px, cv2.LINE_AA)
    return strip
