"""Open a file safely and describe it.

Only local files are opened: the ``file`` protocol alone, and only demuxers that read the one file
they are given. Playlists, concat lists, image sequences and session descriptions name other files
or hosts, so they are refused, whatever a file is called.
"""

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.error
from av.container import InputContainer
from av.format import Flags
from av.stream import DataStream, Discard, Disposition, Stream
from av.video.stream import VideoStream

from facemask_video.core.errors import VideoReadError
from facemask_video.core.frame import ChapterInfo, StreamInfo, VideoInfo
from facemask_video.core.limits import MAX_PIXELS
from facemask_video.core.standard_streams import is_standard, shown_source
from facemask_video.video.colour import (
    MATRIX_NAMES,
    PRIMARIES_NAMES,
    RANGE_NAMES,
    TRANSFER_NAMES,
)
from facemask_video.video.container_crop import Crop, Cropper
from facemask_video.video.header_dump import SITINGS, HeaderDump, dump_header, silence_decoders
from facemask_video.video.orientation import UPRIGHT, Orientation, display_matrix_of
from facemask_video.video.plane_layout import nearest_layout
from facemask_video.video.standard_streams import InputReading, standard_input

# Demuxers that read one file and nothing else. The audio ones are here so that an audio file is
# called that, and not unreadable.
_DEMUXERS = (
    "3gp,aac,ac3,aiff,apng,asf,av1,avi,caf,dv,flac,flv,gif,gxf,h264,hevc,ivf,m4v,matroska,mjpeg,"
    "mov,mp3,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,rm,vc1,w64,wav,wtv,yuv4mpegpipe"
)
SAFE_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _DEMUXERS}

_ENCRYPTED = "is encrypted; take a copy without copy protection."

# What describes the display that HDR material was graded on.
_MASTERING = {
    *("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "DOVI_METADATA"),
    *("DYNAMIC_HDR_PLUS", "DYNAMIC_HDR_VIVID", "AMBIENT_VIEWING_ENVIRONMENT"),
}

# The values are ints in truth, which their stub does not say.
_CLOCK_MAY_JUMP = cast(int, Flags.ts_discont.value)
_NO_INDEX = (
    _CLOCK_MAY_JUMP | cast(int, Flags.no_timestamps.value) | cast(int, Flags.generic_index.value)
)

# Faster than cameras whose files are played as they are.
_BELIEVABLE_FPS = 5000

_TIME_BASE_OF_CONTAINER = Fraction(1, 1_000_000)


def local_url(path: Path) -> str:
    """Return a path in the form that FFmpeg cannot take for another protocol.

    >>> local_url(Path("/videos/a:b.mp4"))
    'file:/videos/a:b.mp4'
    """
    return f"file:{os.path.abspath(path)}"  # noqa: PTH100 - resolve() would follow links


def open_source(path: Path, *, max_pixels: int = MAX_PIXELS) -> InputContainer:
    """Open a local media file, or standard input.

    Args:
        path: The file; ``-`` is standard input.
        max_pixels: Most px of a picture that is decoded.

    Raises:
        VideoReadError: It is missing, no file, empty, or no media file of a kind that is read here.
    """
    if is_standard(path):
        return _open_standard_input(max_pixels)
    if not path.exists():
        address = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", str(path))
        if address is not None:
            # A path holds no two slashes in a row.
            raise VideoReadError(
                f"{address[1]}://{address[2]}: network addresses are not read; download it first."
            )
        raise VideoReadError(f"{path}: no such file; check the path.")
    if path.is_dir():
        raise VideoReadError(f"{path}: is a directory; name a video file.")
    if not path.is_file():
        raise VideoReadError(
            f"{path}: is not a regular file; name a video file, or - for standard input."
        )
    if not os.access(path, os.R_OK):
        raise VideoReadError(f"{path}: cannot be read; check its permissions.")
    if path.stat().st_size == 0:
        raise VideoReadError(f"{path}: is empty; name a video file.")
    try:
        container = _open_safely(local_url(path), max_pixels)
    except (av.error.FFmpegError, ValueError, OSError) as exc:
        why = _other_kind(path) or _why_not_opened(exc)
        raise VideoReadError(f"{path}: {why}") from exc
    return container


def _open_safely(file: str | InputReading, max_pixels: int) -> InputContainer:
    silence_decoders()
    # Tags in another encoding than UTF-8 pass through byte for byte.
    return av.open(
        file,
        mode="r",
        container_options=dict(SAFE_OPTIONS),
        options=decoder_limit(max_pixels),
        metadata_errors="surrogateescape",
    )


def _open_standard_input(max_pixels: int) -> InputContainer:
    source = standard_input()
    try:
        # Where its pictures lie, an MP4 or MOV may say at its end alone; others are read as they
        # come.
        whole = source.read_at(4, 4) in _INDEXED_AT_END
        file = local_url(source.complete()) if whole else InputReading(source)
        return _open_safely(file, max_pixels)
    except InterruptedError as exc:
        raise VideoReadError("standard input: the run was stopped before it came.") from exc
    except av.error.EOFError as exc:
        raise VideoReadError("standard input: is empty, or ends within its header.") from exc
    except (av.error.FFmpegError, ValueError, OSError) as exc:
        raise VideoReadError(
            f"standard input: cannot be read as a video ({describe_error(exc)}); pipe Matroska, "
            "MPEG-TS or Y4M into it, as ffmpeg -f matroska - writes."
        ) from exc


# Types of the first box of an MP4 or MOV.
_INDEXED_AT_END = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")

# What is often found under a video's name, by how it begins.
_OTHER_KINDS = {
    b"<!doctype html": "a web page; the download may need a login",
    b"<html": "a web page; the download may need a login",
    b"<?xml": "an XML file",
    b"%pdf": "a PDF file",
    b"pk\x03\x04": "a ZIP archive; unpack it first",
    b"rar!": "a RAR archive; unpack it first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it first",
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"version https://git-lfs": "a pointer of Git LFS; fetch the file itself (git lfs pull)",
}


def _other_kind(path: Path) -> str | None:
    """Say what a file is that is no video, by its first bytes; None where they tell nothing."""
    try:
        with path.open("rb") as file:
            head = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    except OSError:
        return None
    kind = next((kind for begin, kind in _OTHER_KINDS.items() if head.startswith(begin)), None)
    return None if kind is None else f"is no video but {kind}."


def _why_not_opened(exc: Exception) -> str:
    code = getattr(exc, "errno", None)
    if code == errno.EINVAL:
        return (
            "is not a kind of file that is read here (playlists, image sequences and text are "
            "refused); name a video file."
        )
    if isinstance(exc, av.error.InvalidDataError):
        return "is not a video file, or is cut off before its index; check that it plays elsewhere."
    if isinstance(exc, av.error.EOFError):
        return "holds no frames, or ends within its header; check that it was copied whole."
    return f"cannot be opened ({describe_error(exc)}); check that it plays elsewhere."


def describe_error(exc: BaseException) -> str:
    """Return the short reason of a foreign error, on one line."""
    text = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
    return " ".join(str(text).split())


def main_video(
    container: InputContainer,
    path: Path,
    video_index: int | None = None,
    *,
    max_pixels: int | None = None,
) -> VideoStream:
    """Return the stream to convert: FFmpeg's best one, cover art never, or the one that is named.

    Args:
        container: The open file.
        path: Named in errors.
        video_index: The stream to take; None for the best.
        max_pixels: Most px of its pictures; None where none is decoded.

    Raises:
        VideoReadError: The file has no video, or its codec is unknown here.
    """
    name = shown_source(path)
    candidates = [
        stream
        for stream in container.streams.video
        if not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)
    ]
    if not candidates:
        kinds = sorted({stream.type for stream in container.streams})
        found = f"only {' and '.join(kinds)}" if kinds else "no stream at all"
        raise VideoReadError(f"{name}: holds no video stream ({found}); name a video file.")
    best = container.streams.best("video")
    if video_index is None and best is not None:
        video_index = best.index
    stream = next((s for s in container.streams.video if s.index == video_index), candidates[0])
    if stream not in candidates and best is not None and stream.index == best.index:
        stream = candidates[0]
    if stream.codec_context is None:
        raise VideoReadError(
            f"{name}: stream {stream.index} has a video codec that this build of FFmpeg cannot "
            "decode; convert it with a program that can."
        )
    context = stream.codec_context
    if max_pixels is None:
        return stream
    if context.width * context.height > max_pixels:
        raise VideoReadError(
            f"{name}: its header names pictures of {context.width}x{context.height}, more than "
            f"{max_pixels} px (--max-pixels); check that it plays elsewhere."
        )
    # Before anything is allocated, where the size changes on the way or the header lies.
    context.options = {**context.options, **decoder_limit(max_pixels)}
    return stream


def decoder_limit(max_pixels: int) -> dict[str, str]:
    """Return the option of a decoder that refuses larger pictures before it allocates anything."""
    # Decoders count the whole blocks that they allocate, up to 64 px wide, and FFmpeg an int.
    return {"max_pixels": str(min(2 * max_pixels + 64 * 64, 2**31 - 1))}


def fraction(value: Any) -> Fraction | None:
    """Turn PyAV's rational into a Fraction; None where it is unset."""
    if value is None or not value.denominator or not value.numerator:
        return None
    return Fraction(value.numerator, value.denominator)


def clock_may_jump(container: InputContainer) -> bool:
    """Return whether the times of a container may begin anew on the way, as FFmpeg knows it.

    Such a file may begin at any time, too, and its own is where a player starts.
    """
    return bool(container.format.flags & _CLOCK_MAY_JUMP)


def is_indexed(container: InputContainer) -> bool:
    """Return whether a container says where its key pictures lie, so that seeking is sound."""
    return container.file is None and not container.format.flags & _NO_INDEX


def stream_time_base(stream: Stream) -> Fraction:
    """Return a stream's seconds a tick; a microsecond where the demuxer sets none."""
    return fraction(stream.time_base) or _TIME_BASE_OF_CONTAINER


def sample_aspect_of(stream: VideoStream) -> Fraction | None:
    """Return width to height of a stored pixel: the container's word, or else the codec's.

    The codec's is known only once a picture has been decoded.
    """
    context = stream.codec_context
    return fraction(stream.sample_aspect_ratio) or fraction(context.sample_aspect_ratio)


def _orientation_of(picture: av.VideoFrame) -> tuple[Orientation, tuple[int, ...] | None]:
    """Return how a decoded picture is displayed, and its display matrix where it has one.

    A matrix that is no multiple of a quarter turn is kept for the output, but the picture is worked
    on as stored.
    """
    blocks: Any = picture.side_data  # a mapping in truth; its stub lists motion vectors only
    block = blocks.get("DISPLAYMATRIX")
    matrix = None if block is None else display_matrix_of(bytes(block))
    if matrix is None:
        return UPRIGHT, None
    return Orientation.from_matrix(matrix) or UPRIGHT, matrix


def describe_picture(
    container: InputContainer,
    stream: VideoStream,
    picture: av.VideoFrame,
    orientation: Orientation,
    dump: HeaderDump,
    path: Path,
) -> VideoInfo:
    """Describe an open file whose first picture has been decoded."""
    width_px, height_px = orientation.display_size(picture.width, picture.height)
    sample_aspect = sample_aspect_of(stream)
    if sample_aspect is not None and orientation.transpose:
        sample_aspect = 1 / sample_aspect
    time_base = stream_time_base(stream)
    if stream.duration is not None:
        duration_s: Fraction | None = stream.duration * time_base
    elif container.duration is not None:
        duration_s = container.duration * _TIME_BASE_OF_CONTAINER
    else:
        duration_s = None
    return VideoInfo(
        path=path,
        container=container.format.name,
        width_px=width_px,
        height_px=height_px,
        frame_rate=_frame_rate(stream, picture),
        frame_count_from_header=stream.frames or None,
        duration_s=duration_s,
        start_s=(container.start_time or 0) * _TIME_BASE_OF_CONTAINER,
        time_base=time_base,
        pixel_format=picture.format.name,
        bit_depth=nearest_layout(picture.format.name).bits,
        codec=stream.codec_context.name,
        rotation_deg=orientation.rotation_deg,
        mirrored=orientation.mirrored,
        sample_aspect=sample_aspect,
        matrix=_name(MATRIX_NAMES, picture.colorspace),
        color_range=_name(RANGE_NAMES, picture.color_range),
        primaries=_name(PRIMARIES_NAMES, picture.color_primaries),
        transfer=_name(TRANSFER_NAMES, picture.color_trc),
        video_index=stream.index,
        streams=tuple(
            describe_stream(other) for other in container.streams if not is_chapter_track(other)
        ),
        metadata=dict(container.metadata) | dump.service,
        chapters=tuple(_describe_chapters(container)),
        interlaced=picture.interlaced_frame,
        side_data=tuple(_side_data(stream, picture)),
        chroma_siting=_chroma_siting(stream, picture, dump),
    )


def _frame_rate(stream: VideoStream, picture: av.VideoFrame) -> Fraction | None:
    """Return the average rate, or where a header gives its clock's for it, the first picture's."""
    rate = fraction(stream.average_rate)
    if rate is None or rate < _BELIEVABLE_FPS:
        return rate
    own = fraction(stream.codec_context.framerate)
    if own is not None and own < _BELIEVABLE_FPS:
        return own
    ticks = Fraction(picture.duration or 0)
    return 1 / (ticks * stream_time_base(stream)) if ticks else rate


def _side_data(stream: VideoStream, picture: av.VideoFrame) -> Iterator[str]:
    blocks: Any = picture.side_data  # its stub lists motion vectors only
    yield from dict.fromkeys(block.type.name for block in blocks)
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    # FFmpeg's own decoders of VP8 and VP9 leave it out.
    if tags.get("alpha_mode") == "1" and not has_alpha(picture.format.name):
        yield "ALPHA"


def _chroma_siting(stream: VideoStream, picture: av.VideoFrame, dump: HeaderDump) -> str:
    # Headers name one of the six where chroma is halved in both directions alone.
    halved = picture.format.chroma_height(2) == 1
    return dump.chroma_siting.get(stream.index, SITINGS[0]) if halved else SITINGS[0]


def has_alpha(format_name: str) -> bool:
    """Return whether pictures of a pixel format may be transparent.

    >>> has_alpha("bgra"), has_alpha("yuv420p")
    (True, False)
    """
    return any(component.is_alpha for component in av.VideoFormat(format_name).components)


def is_chapter_track(stream: Stream) -> bool:
    """Return whether a stream is mp4's second home of the chapters, which the demuxer hides."""
    return stream.type == "data" and stream.discard == Discard.all


def is_timecode_track(stream: Stream) -> bool:
    """Return whether a stream is mp4's track of the first picture's timecode."""
    return stream.type == "data" and codec_name(stream) is None and "timecode" in stream.metadata


def describe_stream(stream: Stream) -> StreamInfo:
    """Describe one stream from its header."""
    tags = dict(stream.metadata)
    lowered = {key.lower(): value for key, value in tags.items()}
    return StreamInfo(
        index=stream.index,
        kind=stream.type,
        codec=codec_name(stream),
        language=lowered.get("language"),
        title=lowered.get("title") or lowered.get("filename"),
        dispositions=tuple(flag.name or "" for flag in Disposition if flag & stream.disposition),
        time_base=fraction(stream.time_base),
        metadata=tags,
    )


def codec_name(stream: Stream) -> str | None:
    """Return FFmpeg's name of a stream's codec, or None where it has none."""
    context: Any = stream.codec_context  # None without a decoder, which its stub does not say
    if context is not None:
        return str(context.codec.canonical_name)
    # An attachment's name is its file name. Without a decoder the others have none.
    return stream.name if isinstance(stream, DataStream) else None


def _describe_chapters(container: InputContainer) -> Iterator[ChapterInfo]:
    for chapter in container.chapters():
        tick = fraction(chapter["time_base"])
        if tick is not None:
            yield ChapterInfo(
                chapter["start"] * tick, chapter["end"] * tick, dict(chapter["metadata"])
            )


def _name(names: dict[int, str], value: int) -> str:
    return names.get(int(value), f"reserved-{int(value)}")


@dataclass(frozen=True, slots=True)
class PictureTags:
    """Tags of the stored picture, as FFmpeg numbers them (ITU-T H.273)."""

    width_px: int
    height_px: int
    sample_aspect: Fraction | None
    matrix: int
    color_range: int
    primaries: int
    transfer: int


def picture_tags(stream: VideoStream, picture: av.VideoFrame) -> PictureTags:
    """Return the tags of a decoded picture."""
    return PictureTags(
        picture.width,
        picture.height,
        sample_aspect_of(stream),
        int(picture.colorspace),
        int(picture.color_range),
        int(picture.color_primaries),
        int(picture.color_trc),
    )


@dataclass(frozen=True, slots=True)
class ProbedVideo:
    """A file's header, and what only its first picture tells.

    Attributes:
        info: The header and the picture, for everybody.
        orientation: How the stored picture is displayed.
        display_matrix: The container's nine numbers of rotation and flip, or None.
        tags: Colour and aspect of the picture as stored.
        mastering_data: FFmpeg's names of the HDR mastering data that the picture carries.
        crop: What the container has a player cut off, or None.
    """

    info: VideoInfo
    orientation: Orientation
    display_matrix: tuple[int, ...] | None
    tags: PictureTags
    mastering_data: tuple[str, ...]
    crop: Crop | None


def probe(path: Path, *, max_pixels: int = MAX_PIXELS) -> VideoInfo:
    """Describe a video file from its header and its first picture.

    Args:
        path: The file.
        max_pixels: Most px of a picture; a header that claims more is refused.

    Raises:
        VideoReadError: It cannot be opened, holds no video, or not one picture can be decoded.
    """
    return probe_first_picture(path, max_pixels=max_pixels).info


def probe_stream(path: Path, index: int, *, max_pixels: int = MAX_PIXELS) -> VideoInfo:
    """Describe a video file by another stream than its main one.

    Raises:
        VideoReadError: It cannot be opened, or not one picture of the stream can be decoded.
    """
    return probe_first_picture(path, index, max_pixels=max_pixels).info


def probe_first_picture(
    path: Path, video_index: int | None = None, *, max_pixels: int = MAX_PIXELS
) -> ProbedVideo:
    """Read a video file's header and decode its first picture.

    Raises:
        VideoReadError: It cannot be opened, holds no video, or not one picture can be decoded.
    """
    container, stream = open_main_video(path, video_index, max_pixels=max_pixels)
    with contextlib.closing(container):
        # Before a decoder's threads run, which may log: see there.
        dump = dump_header(container)
        picture = _first_picture(container, stream, path)
        crop = Crop.parse(dump.side_data.get(stream.index, {}).get("Frame Cropping", ""))
        if crop is not None:
            picture = Cropper(crop)(picture)
        orientation, display_matrix = _orientation_of(picture)
        tags = picture_tags(stream, picture)
        info = describe_picture(container, stream, picture, orientation, dump, path)
        mastering_data = tuple(name for name in info.side_data if name in _MASTERING)
    return ProbedVideo(info, orientation, display_matrix, tags, mastering_data, crop)


def open_main_video(
    path: Path, video_index: int | None = None, *, max_pixels: int = MAX_PIXELS
) -> tuple[InputContainer, VideoStream]:
    """Open a file at its main video stream, or the one named; closing it is the caller's.

    Raises:
        VideoReadError: It cannot be opened, or holds no video.
    """
    container = open_source(path, max_pixels=max_pixels)
    try:
        return container, main_video(container, path, video_index, max_pixels=max_pixels)
    except VideoReadError:
        container.close()
        raise


def _first_picture(container: InputContainer, stream: VideoStream, path: Path) -> av.VideoFrame:
    """Decode the first picture that can be decoded.

    Raises:
        VideoReadError: There is none.
    """
    name = shown_source(path)
    try:
        for packet in container.demux(stream):
            # A decoder makes pictures of noise now and then, as the key is not there.
            if packet.has_sidedata("encryption_info"):
                raise VideoReadError(f"{name}: {_ENCRYPTED}")
            with contextlib.suppress(av.error.InvalidDataError):
                for picture in packet.decode():
                    return picture
    except (av.error.FFmpegError, ValueError) as exc:
        raise VideoReadError(
            f"{name}: cannot be decoded ({describe_error(exc)}); check that it plays elsewhere."
        ) from exc
    raise VideoReadError(
        f"{name}: holds no frames that can be decoded; check that it plays elsewhere."
    )
