"""Which streams a container can hold as they are, and how an output is given one.

PyAV asks a list of codecs that a container is meant for. Muxers hold more, and some say so of
sound that they then write at another speed, so a small file is written and looked at.
"""

import contextlib
import io
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.stream import Stream

from facemask_video.video.probe import (
    codec_name,
    describe_error,
    open_source,
    stream_time_base,
)

# Any codec that a muxer accepts, in whose place a copied stream's own parameters are put.
_PLACEHOLDERS = {
    "video": ("h264", "vp9"),
    "audio": ("aac", "opus", "mp3"),
    "subtitle": ("mov_text", "ass", "webvtt"),
}
# It writes what it does not know as private data, which nothing can tell what it is.
_TAKES_ANYTHING = {"mpegts"}
# Box of 16 bytes: its size and name, version and flags, one entry.
_EMPTY_SAMPLE_DESCRIPTION = b"\0\0\0\x10stsd\0\0\0\0\0\0\0\1"
# Sound in blocks: packets hold a number of them, each of the same size and length.
_BLOCKS = ("adpcm_", "gsm", "truespeech")
# Containers that tell a packet's length by the number of its samples.
_COUNTS_SAMPLES = {"mov", "mp4"}
_PACKETS_TRIED = 3
# How the tag ends that AVI and Matroska know sound by, a number of two bytes.
_NO_LETTERS = "\0\0"


def can_hold(path: Path, index: int, format_name: str) -> bool:
    """Return whether a container of a format takes the packets of a file's stream.

    Raises:
        VideoReadError: The file cannot be read.
    """
    with contextlib.closing(open_source(path)) as container:
        return why_not_held(container.streams[index], format_name, path) is None


def add_like(output: OutputContainer, stream: Stream) -> Stream:
    """Give an output a stream for the packets of one of a source.

    Raises:
        ValueError: Its container is known not to hold them. What else it does not, writing tells.
    """
    try:
        # opaque: the decoder's own parameters, as there need be no encoder for a copied stream.
        return output.add_stream_from_template(stream, opaque=True)
    except ValueError:
        if stream.type not in _PLACEHOLDERS or output.format.name in _TAKES_ANYTHING:
            raise
    # PyAV asks a list of codecs that a container is meant for, and knows no stream without a
    # decoder. Muxers hold more (Matroska whatever AVI holds); whether this one, writing tells.
    for placeholder in _PLACEHOLDERS[stream.type]:
        with contextlib.suppress(ValueError):
            added = output.add_mux_stream(placeholder)
            # "null" hands packets on as they are; what it is for is the parameters.
            with _with_known_tag(stream, output.format.name) as tagged:
                BitStreamFilterContext("null", in_stream=tagged, out_stream=added)
            added.time_base = stream.time_base
            return added
    raise ValueError(f"{output.format.name} format does not support {stream.type}")


@contextlib.contextmanager
def _with_known_tag(stream: Stream, format_name: str) -> Iterator[Stream]:
    """Give a stream the tag that Matroska knows its sound by, where it has that of QuickTime."""
    letters = stream.codec_context is not None and not stream.codec_tag.endswith(_NO_LETTERS)
    if format_name != "matroska" or stream.type != "audio" or not letters:
        yield stream
        return
    # PyAV lets nobody set the tag of copied parameters; AVI's muxer does, and has Matroska's tags.
    memory = io.BytesIO()
    try:
        with av.open(memory, mode="w", format="avi") as avi:
            avi.add_stream_from_template(stream, opaque=True)
            avi.start_encoding()
    except (av.error.FFmpegError, ValueError):
        yield stream
        return
    memory.seek(0)
    with av.open(memory, mode="r", format="avi") as read:
        yield read.streams[0]


def why_not_held(stream: Stream, format_name: str, path: Path | None = None) -> str | None:
    """Return why a container format cannot hold a stream, or None where it can.

    A file with this one stream is written into memory: no table of ours could know what a muxer
    knows.

    Args:
        stream: The stream of a source.
        format_name: FFmpeg's name of the muxer.
        path: Where its packets are read from, if some are to be tried.
    """
    memory = io.BytesIO()
    options = {"movflags": "empty_moov"} if format_name in ("mp4", "mov") else {}
    scratch = av.open(memory, mode="w", format=format_name, container_options=options)
    reason = None
    try:
        add_like(scratch, stream)
        scratch.start_encoding()
    except (av.error.FFmpegError, ValueError) as exc:
        named = isinstance(exc, av.error.FFmpegError) or "does not support" in str(exc)
        unknown = "no codec context" in str(exc)
        reason = f"a {format_name} file cannot hold it" if named or unknown else describe_error(exc)
    with contextlib.suppress(av.error.FFmpegError, ValueError):
        scratch.close()
    if reason is None and _EMPTY_SAMPLE_DESCRIPTION in memory.getvalue():
        # The muxer says that there is one and writes none; such a track plays nowhere.
        reason = f"a {format_name} file would hold it without its sample description"
    if reason is None and path is not None and format_name in _COUNTS_SAMPLES and is_block(stream):
        reason = _why_not_played(path, stream.index, format_name)
    return reason


def is_block(stream: Stream) -> bool:
    """Return whether a stream is sound in blocks, each of the same size and length."""
    return stream.type == "audio" and (codec_name(stream) or "").startswith(_BLOCKS)


def _why_not_played(path: Path, index: int, format_name: str) -> str | None:
    """Write the first packets of a stream; return what is wrong with them when read again."""
    memory = io.BytesIO()
    try:
        with (
            contextlib.closing(open_source(path)) as source,
            av.open(memory, mode="w", format=format_name) as scratch,
        ):
            stream = source.streams[index]
            target = add_like(scratch, stream)
            before_s = []
            for packet in itertools.islice(source.demux(stream), _PACKETS_TRIED):
                if packet.dts is None or packet.pts is None:
                    break
                before_s.append(packet.pts * stream_time_base(stream))
                packet.stream = target
                scratch.mux(packet)
    except av.error.FFmpegError:
        return f"a {format_name} file cannot hold it"
    memory.seek(0)
    with av.open(memory, mode="r", format=format_name) as written:
        stream = written.streams[0]
        after_s = [
            packet.pts * stream_time_base(stream)
            for packet in written.demux(stream)
            if packet.pts is not None
        ]
    if not after_s or not before_s:
        return None
    wide_s = Fraction(len(before_s), 1000)  # a tick of the coarsest clock for each
    if abs(after_s[-1] - after_s[0] - (before_s[-1] - before_s[0])) > wide_s:
        return f"a {format_name} file would play it at another speed"
    return None
