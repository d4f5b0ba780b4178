"""Damage small videos in many ways, convert each, and say of each whether that went as promised.

Serves a few files in CI and thousands by `scripts/fuzz_files`. Networks are stand-ins: what is
looked at is reading, writing, and all that is said.
"""

import dataclasses
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from facemask_video.config import ConvertConfig, OutputConfig, VideoConfig
from facemask_video.core.direction import Direction
from facemask_video.core.errors import FacemaskVideoError
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.output_paths import default_target
from facemask_video.verify import verify
from facemask_video.video import VideoReader, probe
from tests.fakes import ScriptedDetector, detection_at, fake_networks
from tests.synthetic import encode_clip, moving_square_frames

WIDTH_PX, HEIGHT_PX = 96, 72
MAX_PIXELS = 1 << 22
# Headers lie at the ends of a file, and what they claim does more harm than samples do.
_HEAD_BYTES = 1500
_WORDS = (b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1", b"\xff" * 8)

SOURCES: dict[str, dict[str, object]] = {
    "h264.mp4": {"audio": True, "b_frames": 2, "chapters": [(0.0, 0.2, "one")]},
    "turned.mov": {"rotation_deg": 90, "audio": True, "metadata": {"title": "a"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "mjpeg.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "vp9.mkv": {"codec": "libvpx-vp9", "audio": True, "subtitles": [(0.1, 0.3, "hello")]},
    "vp8.webm": {"codec": "libvpx", "audio": True},
    "wide.mkv": {"sample_aspect": Fraction(4, 3), "attachment": b"abc", "b_frames": 2},
    "vfr.mkv": {"pts": [n * n for n in range(10)], "time_base": Fraction(1, 1000)},
    "ffv1.mkv": {"codec": "ffv1", "pix_fmt": "yuv422p10le"},
    "mpeg4.avi": {"codec": "mpeg4", "audio": True},
    "h264.ts": {"audio": True, "b_frames": 1},
    "mpeg2.ts": {"codec": "mpeg2video", "audio": True},
    "mpeg1.mpg": {"codec": "mpeg1video"},
    "h264.flv": {"audio": True},
    "wmv2.wmv": {"codec": "wmv2"},
    "mpeg2.mxf": {"codec": "mpeg2video"},
    "h264.nut": {},
    "raw.264": {},
    "raw.265": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "vp8.ivf": {"codec": "libvpx"},
    "turning.gif": {"codec": "gif", "pix_fmt": "rgb8"},
    "plain.y4m": {"codec": "wrapped_avframe"},
}
"""What `encode_clip` makes, by the file's name."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: ``right``, ``refused`` or a ``FAULT``, and what was said."""

    result: str
    said: str


def make_source(name: str, folder: Path) -> Path:
    """Encode one of `SOURCES`, a clip of ten frames."""
    frames = moving_square_frames(10, width_px=WIDTH_PX, height_px=HEIGHT_PX)
    if SOURCES[name].get("rotation_deg"):
        frames = [np.ascontiguousarray(frame[:, :HEIGHT_PX]) for frame in frames]
    return encode_clip(folder / name, frames, **SOURCES[name])  # type: ignore[arg-type]


def mutated(intact: bytes, seed: int) -> bytes:
    """Return bytes with one to eight pieces of damage, always the same for a seed."""
    chance, data = random.Random(seed), bytearray(intact)
    kinds: list[Callable[[random.Random, bytearray, int], None]] = [
        *(_flip, _flip, _overwrite, _overwrite, _claim, _claim),
        *(_take_out, _insert, _repeat, _truncate, _wipe),
    ]
    for _ in range(chance.choice([1, 1, 2, 4, 8])):
        if len(data) < 16:
            break
        chance.choice(kinds)(chance, data, _place(chance, data))
    return bytes(data)


def _place(chance: random.Random, data: bytearray) -> int:
    where = chance.choice(["head", "anywhere", "tail"])
    if where == "head":
        return chance.randrange(min(len(data), _HEAD_BYTES))
    if where == "tail":
        return len(data) - 1 - chance.randrange(min(len(data), _HEAD_BYTES))
    return chance.randrange(len(data))


def _flip(chance: random.Random, data: bytearray, place: int) -> None:
    data[place] ^= 1 << chance.randrange(8)


def _overwrite(chance: random.Random, data: bytearray, place: int) -> None:
    piece = chance.randbytes(chance.choice([1, 4, 64]))
    data[place : place + len(piece)] = piece


def _claim(chance: random.Random, data: bytearray, place: int) -> None:
    word = chance.choice(_WORDS)
    data[place : place + len(word)] = word


def _take_out(chance: random.Random, data: bytearray, place: int) -> None:
    del data[place : place + chance.choice([1, 4, 100, 1000])]


def _insert(chance: random.Random, data: bytearray, place: int) -> None:
    data[place:place] = chance.randbytes(chance.choice([1, 4, 100]))


def _repeat(chance: random.Random, data: bytearray, place: int) -> None:
    data[place:place] = data[place : place + chance.choice([8, 188, 1000])]


def _truncate(_chance: random.Random, data: bytearray, place: int) -> None:
    del data[place + 1 :]


def _wipe(chance: random.Random, data: bytearray, place: int) -> None:
    length = min(chance.choice([8, 188, 2000]), len(data) - place)
    data[place : place + length] = bytes(length)


def convert_or_refuse(source: Path) -> Outcome:
    """Probe and convert a file that lies in a folder of its own.

    It may be refused in one line that names it, with nothing left in the folder, or come out with
    as many frames as the report counts, at their times; whatever else differs must be in the notes.
    """
    config = ConvertConfig(
        Direction.MASK, video=VideoConfig(max_pixels=MAX_PIXELS), output=OutputConfig()
    )
    target = default_target(source, config)
    if target.suffix in (".mp4", ".mov", ".mkv", ".avi", ".ts"):
        video = dataclasses.replace(config.video, preset="ultrafast")
        config = dataclasses.replace(config, video=video)
    detector = ScriptedDetector([detection_at(40, 36, 36)], frame_width_px=WIDTH_PX)
    try:
        probe(source, max_pixels=MAX_PIXELS)
        report = convert(source, target, config, networks=fake_networks(detector))
    except FacemaskVideoError as exc:
        return _refused(source, str(exc))
    except Exception as exc:  # noqa: BLE001 - what is looked for
        return Outcome("FAULT", f"traceback: {type(exc).__name__}: {exc}")
    left = sorted(path.name for path in source.parent.iterdir())
    if left != sorted([source.name, target.name]):
        return Outcome("FAULT", f"the folder holds {', '.join(left)}")
    wrong = list(_what_is_wrong(source, target, report.frames, said=bool(report.notes)))
    return Outcome("FAULT" if wrong else "right", "; ".join(wrong or report.notes))


def _refused(source: Path, said: str) -> Outcome:
    left = sorted(path.name for path in source.parent.iterdir())
    if left != [source.name]:
        return Outcome("FAULT", f"refused ({said}), but the folder holds {', '.join(left)}")
    named = str(source.parent) in said
    return Outcome(
        "refused" if named and "\n" not in said and said.isprintable() else "FAULT", said
    )


def _what_is_wrong(source: Path, target: Path, frames: int, *, said: bool) -> Iterator[str]:
    try:
        with VideoReader(target) as reader:
            found = sum(1 for _ in reader)
    except FacemaskVideoError as exc:
        yield f"the output cannot be read: {exc}"
        return
    if found != frames:
        yield f"{frames} frames by the report, {found} in the output"
    if not said:
        rows = verify(source, target).rows
        yield from (f"{r.name}: {r.expected}, not {r.found}" for r in rows if not r.ok)
