"""What looks into files for the page, in a process of its own.

Files come from anywhere, and what decodes them is C: a file that brings it down ends this process,
not the page. Nor does the page wait while networks are loaded here.
"""

import os
import signal
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from facemask_video.batch.end_with_parent import end_with_parent
from facemask_video.config import GeneratorConfig, PreviewConfig, TracksConfig
from facemask_video.ui.failures import why_it_failed

if TYPE_CHECKING:
    from facemask_video.core.frame import Frame, ImageU8, VideoInfo
    from facemask_video.pipeline.load_networks import Networks

OnProgress = Callable[[int, int | None], None]

_JPEG_QUALITY = 93
_THUMBNAIL_PX = 112
# Of a face, so that hair and chin are seen.
_FACE_FACTOR = 1.7
_MOST_PEOPLE = 60
_NETWORKS_KEPT = 3


@dataclass(frozen=True, slots=True)
class Describe:
    """Say what a file is."""

    path: Path


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """Say when a video's frames are shown."""

    path: Path


@dataclass(frozen=True, slots=True)
class FrameAt:
    """Show the frame of a moment, or a picture, as JPEG."""

    path: Path
    at_s: float


@dataclass(frozen=True, slots=True)
class ShowMoment:
    """Show what a conversion makes of a moment."""

    path: Path
    config: PreviewConfig


@dataclass(frozen=True, slots=True)
class FindPeople:
    """Follow all faces of a clip, write them as a tracks file, and show each person."""

    path: Path
    config: TracksConfig
    target: Path


@dataclass(frozen=True, slots=True)
class WarmUp:
    """Load the networks that a first preview needs."""

    config: GeneratorConfig


Request = Describe | FrameTimes | FrameAt | ShowMoment | FindPeople | WarmUp


@dataclass(frozen=True, slots=True)
class Progress:
    """Frames done, and expected where known."""

    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked for, as plain data; or why there is none, in one line."""

    content: Any = None
    why: str | None = None


def look(connection: Connection) -> None:
    """Answer requests until the connection closes; the target of a process.

    Args:
        connection: Requests come here, answers go there.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    end_with_parent()
    # Libraries say on stderr what the page says itself, or what nobody can use.
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - a device
        os.dup2(nothing.fileno(), sys.stderr.fileno())
    viewer = _Viewer()
    while True:
        try:
            request: Request = connection.recv()
        except EOFError:
            return

        def on_progress(done: int, total: int | None) -> None:
            connection.send(Progress(done, total))

        connection.send(viewer.answer(request, on_progress))


class _Viewer:
    def __init__(self) -> None:
        self._networks: OrderedDict[tuple[object, ...], Networks] = OrderedDict()

    def answer(self, request: Request, on_progress: OnProgress) -> Answer:
        try:
            return Answer(self._content(request, on_progress))
        except Exception as exc:  # noqa: BLE001 - logged where it is told
            return Answer(why=why_it_failed(exc, what="file", request=request))

    def _content(self, request: Request, on_progress: OnProgress) -> Any:
        match request:
            case Describe(path):
                return _describe(path)
            case FrameTimes(path):
                from facemask_video.video.frame_times import frame_times_s

                return frame_times_s(path)
            case FrameAt(path, at_s):
                frame = _frame_at(path, at_s)
                return _jpeg(_whole(frame))
            case ShowMoment(path, config):
                return _show(path, config, self._of(config))
            case FindPeople(path, config, target):
                return _find_people(path, config, target, on_progress)
            case WarmUp(config):
                self._of(config)
                return None

    def _of(self, config: GeneratorConfig) -> "Networks":
        key = (config.direction, config.translate)
        if key not in self._networks:
            from facemask_video.pipeline.load_networks import load_networks

            while len(self._networks) >= _NETWORKS_KEPT:
                self._networks.popitem(last=False)
            self._networks[key] = load_networks(config)
        self._networks.move_to_end(key)
        return self._networks[key]


def _describe(path: Path) -> dict[str, Any]:
    from facemask_video import provenance
    from facemask_video.core.pictures import is_picture
    from facemask_video.pipeline.plan import picture_text

    info: VideoInfo
    if is_picture(path):
        from facemask_video.stills.probe import probe_picture

        info = probe_picture(path)
    else:
        from facemask_video.video import probe

        info = probe(path)
    made = provenance.read(info.metadata)
    return {
        "is_picture": info.is_picture,
        "width_px": info.width_px,
        "height_px": info.height_px,
        "duration_s": None if info.duration_s is None else float(info.duration_s),
        "fps": None if info.frame_rate is None else float(info.frame_rate),
        "frames": info.frame_count_from_header,
        "picture_text": picture_text(info),
        "container": info.container,
        "size": path.stat().st_size,
        "streams": [
            " ".join(filter(None, (stream.kind, stream.codec, stream.language)))
            for stream in info.streams
        ],
        "is_synthetic": made is not None and made.is_synthetic,
        "direction": None if made is None else made.direction,
    }


def _frame_at(path: Path, at_s: float) -> "Frame":
    from facemask_video.core.pictures import is_picture, read_picture

    if is_picture(path):
        from facemask_video.core.array_frame import ArrayFrame

        return ArrayFrame(read_picture(path))
    from facemask_video.core.errors import VideoReadError
    from facemask_video.video import VideoReader

    # Half a millisecond earlier, as times were rounded on their way to the page and back.
    start_s = max(0.0, at_s - 5e-4)
    with VideoReader(path, start_s=start_s or None) as reader:
        frame = next(iter(reader), None)
    if frame is None:
        raise VideoReadError(f"{path}: has no frame at {at_s:g} s.")
    return frame


def _whole(frame: "Frame") -> "ImageU8":
    from facemask_video.core.geometry import Box

    return frame.read_region(Box(0, 0, frame.width_px, frame.height_px))


def _jpeg(image: "ImageU8", quality: int = _JPEG_QUALITY) -> bytes:
    from facemask_video.core.pictures import encode_picture

    return encode_picture(image, ".jpg", quality=quality)


def _show(path: Path, config: PreviewConfig, networks: "Networks") -> dict[str, Any]:
    import numpy as np

    from facemask_video.pipeline.preview import preview

    seen = preview(path, config, networks)
    grey = np.rint(seen.alpha * 255).astype(np.uint8)
    return {
        "before": _jpeg(seen.before),
        "after": _jpeg(seen.after),
        "alpha": _jpeg(np.repeat(grey[:, :, None], 3, axis=2)),
        "time_s": seen.time_s,
        "faces": len(seen.faces),
        "faces_changed": seen.faces_changed,
        "line": seen.closing_line(),
        "seconds": seen.seconds,
        "notes": list(seen.notes),
    }


def _find_people(
    path: Path, config: TracksConfig, target: Path, on_progress: OnProgress
) -> list[dict[str, Any]]:
    from facemask_video.pipeline.track import track_video
    from facemask_video.track import Sidecar, SidecarFace

    target.parent.mkdir(parents=True, exist_ok=True)
    track_video(path, target, config, on_progress=on_progress)
    frames: dict[int, int] = {}
    best: dict[int, tuple[float, int, SidecarFace]] = {}
    for line in Sidecar(target):
        for entry in line.faces:
            number = entry.face.track_id.number
            frames[number] = frames.get(number, 0) + 1
            worth = entry.face.score * entry.face.box.area_px2 * (1.0 if entry.face.observed else 0)
            if number not in best or worth > best[number][0]:
                best[number] = (worth, line.pts, entry)
    shown = sorted(best, key=lambda number: -frames[number])[:_MOST_PEOPLE]
    pictures = _faces_of(path, {number: best[number][1:] for number in shown}, config)
    return [
        {
            "track": number,
            "frames": frames[number],
            "domain": best[number][2].domain,
            "height_px": round(best[number][2].face.box.height_px),
            "picture": pictures.get(number),
        }
        for number in sorted(shown)
    ]


def _faces_of(
    path: Path, wanted: "dict[int, tuple[int, Any]]", config: TracksConfig
) -> dict[int, bytes]:
    """Return a small JPEG of each track's face, in one pass through the clip."""
    from facemask_video.core.pictures import is_picture
    from facemask_video.video import VideoReader

    if is_picture(path):
        frame = _frame_at(path, 0.0)
        return {number: _face(frame, entry.face.box) for number, (_, entry) in wanted.items()}
    at: dict[int, list[int]] = {}
    for number, (pts, _) in wanted.items():
        at.setdefault(pts, []).append(number)
    pictures: dict[int, bytes] = {}
    with VideoReader(path, start_s=config.video.start_s, end_s=config.video.end_s) as reader:
        for picture in reader:
            for number in at.pop(picture.pts, ()):
                pictures[number] = _face(picture, wanted[number][1].face.box)
            if not at:
                break
    return pictures


def _face(frame: "Frame", box: Any) -> bytes:
    from facemask_video.core.array_frame import ArrayFrame
    from facemask_video.core.geometry import Box

    largest = min(frame.width_px, frame.height_px) / 2
    half = min(largest, max(8.0, max(box.width_px, box.height_px) * _FACE_FACTOR / 2))
    # Moved rather than cut where it would leave the frame.
    x = min(max(box.center[0], half), frame.width_px - half)
    y = min(max(box.center[1], half), frame.height_px - half)
    square = Box(round(x - half), round(y - half), round(x + half), round(y + half))
    small, _ = ArrayFrame(frame.read_region(square)).thumbnail(_THUMBNAIL_PX)
    return _jpeg(small, 85)


def _leave(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)
