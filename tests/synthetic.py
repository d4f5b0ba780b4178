"""Draw small moving pictures and encode them into clips with a known truth.

Frames are given and drawn as displayed; a rotated clip stores them turned back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box

FRAME_COUNT = 20


def square_box(index: int, *, width_px: int = 64, height_px: int = 48, side_px: int = 16) -> Box:
    """Return where `moving_square_frames` draws its square in a frame."""
    x0 = 2 + index % max(1, width_px - side_px - 4)
    y0 = 3 + index // 2 % max(1, height_px - side_px - 4)
    return Box(x0, y0, x0 + side_px, y0 + side_px)


def moving_square_frames(
    count: int = FRAME_COUNT, *, width_px: int = 64, height_px: int = 48, side_px: int = 16
) -> list[ImageU8]:
    """Draw a bright square that moves right and down over a coloured gradient."""
    rows, columns = np.mgrid[0:height_px, 0:width_px]
    background = np.stack(
        [
            40 + 120 * columns / width_px,
            50 + 100 * rows / height_px,
            150 - 80 * columns / width_px,
        ],
        axis=2,
    )
    frames = []
    for index in range(count):
        frame = background.copy()
        box = square_box(index, width_px=width_px, height_px=height_px, side_px=side_px)
        frame[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = (220, 200, 60)
        frames.append(np.rint(frame).astype(np.uint8))
    return frames


def encode_clip(
    path: Path,
    frames: Sequence[ImageU8] | None = None,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rate: Fraction | int = 25,
    time_base: Fraction | None = None,
    pts: Sequence[int] | None = None,
    rotation_deg: int = 0,
    mirrored: bool = False,
    sample_aspect: Fraction | None = None,
    matrix: int = 2,
    color_range: int = 0,
    primaries: int = 2,
    transfer: int = 2,
    b_frames: int = 0,
    gop: int = 10,
    audio: bool = False,
    audio_start_s: float = 0.0,
    subtitles: Sequence[tuple[float, float, str]] = (),
    chapters: Sequence[tuple[float, float, str]] = (),
    attachment: bytes | None = None,
    metadata: Mapping[str, str] | None = None,
    language: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Path:
    """Encode frames into a file whose suffix names the container.

    Args:
        path: Where to write.
        frames: RGB as displayed; `moving_square_frames` if None.
        codec: FFmpeg's name of the encoder.
        pix_fmt: Pixel format of the encoder.
        rate: Nominal frame rate.
        time_base: Seconds a tick of ``pts``; one frame of ``rate`` if None.
        pts: Time of each frame in ticks; 0, 1, 2 ... if None.
        rotation_deg: Clockwise turn from storage to display.
        mirrored: After the turn the display flips the picture sideways.
        sample_aspect: Width to height of a stored pixel.
        matrix: Colour tags as H.273 numbers; the picture is encoded through matrix and range.
        color_range: 0 unspecified, 1 limited, 2 full.
        primaries: H.273 number.
        transfer: H.273 number.
        b_frames: Frames in a row that lean on a later one.
        gop: Largest distance of key frames.
        audio: Add a sine tone (AAC; Opus in WebM) as long as the video.
        audio_start_s: When it begins.
        subtitles: (start, end, text) of each line, as SubRip.
        chapters: (start, end, title) of each.
        attachment: Bytes of an attached file.
        metadata: Container tags.
        language: Language tag of the video and audio streams.
        options: Further encoder options.

    Returns:
        The path.
    """
    frames = moving_square_frames() if frames is None else frames
    time_base = time_base or 1 / Fraction(rate)
    pts = list(range(len(frames))) if pts is None else pts
    with av.open(str(path), "w") as output:
        output.metadata.update(metadata or {})
        video = output.add_stream(codec, rate=Fraction(rate), options=dict(options or {}))
        context = video.codec_context
        stored = [_to_storage(frame, rotation_deg, mirrored) for frame in frames]
        context.height, context.width = stored[0].shape[:2]
        context.pix_fmt, context.time_base, context.gop_size = pix_fmt, time_base, gop
        context.max_b_frames = b_frames
        context.color_range, context.colorspace = color_range, matrix
        context.color_primaries, context.color_trc = primaries, transfer
        video.time_base = time_base
        if sample_aspect is not None:
            context.sample_aspect_ratio = sample_aspect
        if rotation_deg or mirrored:
            video.set_display_rotation(-rotation_deg, hflip=mirrored)
        if language:
            video.metadata["language"] = language
        tone = _Tone(output, audio_start_s, language) if audio else None
        lines = output.add_mux_stream("subrip", time_base=Fraction(1, 1000)) if subtitles else None
        if attachment is not None:
            output.add_attachment("notes.txt", "text/plain", attachment)
        if chapters:
            output.set_chapters([_chapter(number, *each) for number, each in enumerate(chapters)])
        duration_s = float((pts[-1] + pts[1] - pts[0] if len(pts) > 1 else 1) * time_base)
        for image, tick in zip(stored, pts, strict=True):
            picture = _picture(image, pix_fmt, matrix, color_range)
            picture.pts, picture.time_base = tick, time_base
            output.mux(video.encode(picture))
            if tone is not None:
                tone.write_until(float(tick * time_base))
        output.mux(video.encode(None))
        if tone is not None:
            tone.write_until(duration_s, last=True)
        for start_s, end_s, text in subtitles:
            assert lines is not None
            packet = av.Packet(text.encode())
            packet.stream, packet.time_base = lines, Fraction(1, 1000)
            packet.pts = packet.dts = round(start_s * 1000)
            packet.duration = round((end_s - start_s) * 1000)
            output.mux(packet)
    return path


class _Tone:
    """A 440 Hz tone, encoded piece by piece so that it interleaves with the video."""

    def __init__(self, output: av.container.OutputContainer, start_s: float, language: str | None):
        name = "libopus" if output.format.name == "webm" else "aac"
        self._output = output
        self._stream = output.add_stream(name, rate=48000)
        if language:
            self._stream.metadata["language"] = language
        self._next = self._first = round(start_s * 48000)

    def write_until(self, time_s: float, *, last: bool = False) -> None:
        while self._next < time_s * 48000:
            phase = (np.arange(1024) + self._next - self._first) * (2 * np.pi * 440 / 48000)
            wave = np.tile((0.2 * np.sin(phase)).astype(np.float32), (2, 1))
            frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="stereo")
            if self._stream.name == "libopus":
                packed = np.ascontiguousarray(wave.T).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(packed, format="flt", layout="stereo")
            frame.sample_rate, frame.pts = 48000, self._next
            frame.time_base = Fraction(1, 48000)
            self._output.mux(self._stream.encode(frame))
            self._next += 1024
        if last:
            self._output.mux(self._stream.encode(None))


def _chapter(number: int, start_s: float, end_s: float, title: str) -> Any:
    return {
        "id": number + 1,
        "start": round(start_s * 1000),
        "end": round(end_s * 1000),
        "time_base": Fraction(1, 1000),
        "metadata": {"title": title},
    }


def _to_storage(frame: ImageU8, rotation_deg: int, mirrored: bool) -> ImageU8:
    flat = frame[:, ::-1] if mirrored else frame
    # Counter-clockwise, which undoes the display's turn.
    return np.ascontiguousarray(np.rot90(flat, rotation_deg // 90))


def _picture(image: ImageU8, pix_fmt: str, matrix: int, color_range: int) -> av.VideoFrame:
    rgb = av.VideoFrame.from_ndarray(image, format="rgb24")
    full = color_range == 2 or pix_fmt.startswith("yuvj")
    picture = rgb.reformat(
        format=pix_fmt,
        dst_colorspace={1: "ITU709", 9: "BT2020"}.get(matrix, "SMPTE170M"),
        src_color_range="JPEG",
        dst_color_range="JPEG" if full else "MPEG",
    )
    picture.colorspace, picture.color_range = matrix, color_range
    return picture


def join_videos(path: Path, main: Path, second: Path | None, cover: Path | None = None) -> Path:
    """Write the streams of a clip, the video of another, and a picture as cover, into one file."""
    with contextlib.ExitStack() as stack:
        given = [stack.enter_context(av.open(str(each))) for each in (main, second, cover) if each]
        output = stack.enter_context(av.open(str(path), "w"))
        packets = []
        for number, container in enumerate(given):
            streams = container.streams if number == 0 else container.streams.video[:1]
            added = {s.index: output.add_stream_from_template(s, opaque=True) for s in streams}
            is_cover_art = cover is not None and number == len(given) - 1
            if is_cover_art:
                added[0].disposition = Disposition.attached_pic
            for packet in container.demux():
                if packet.dts is not None and packet.stream.index in added:
                    due_s = -1.0 if is_cover_art else float(packet.dts * packet.time_base)
                    packet.stream = added[packet.stream.index]
                    packets.append((due_s, packet))
        for _, packet in sorted(packets, key=lambda each: each[0]):
            output.mux(packet)
    return path


def truncate(path: Path, target: Path, *, keep: float) -> Path:
    """Copy the first part of a file; ``keep`` is a ratio of its bytes."""
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * keep)])
    return target


def move_index_to_front(path: Path, target: Path) -> Path:
    """Copy an mp4 with its index before its data, as a cut-off download has it."""
    with (
        av.open(str(path)) as source,
        av.open(str(target), "w", options={"movflags": "faststart"}) as output,
    ):
        streams = {s.index: output.add_stream_from_template(s, opaque=True) for s in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    return target


def corrupt(path: Path, target: Path, *, packet_index: int, keep_bytes: int = 0) -> Path:
    """Copy a file with the bytes of one video packet, past the first few, overwritten by zeros."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as source:
        packets = [packet for packet in source.demux(video=0) if packet.size]
    chosen = packets[packet_index]
    # Some demuxers give the place of a header before the packet's own bytes.
    start = data.index(bytes(chosen), chosen.pos or 0)
    data[start + keep_bytes : start + chosen.size] = bytes(chosen.size - keep_bytes)
    target.write_bytes(bytes(data))
    return target
