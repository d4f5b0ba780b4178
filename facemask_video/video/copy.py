"""Copy a video whose pictures are not to change: every packet, the main video's too, as it is.

A copy is only put in place when it has been read back and shows the same: the same bytes in each
packet of the video, a packet for each picture that was decoded, at that picture's time, under the
same tags. Edit lists, packed B-frames, times that the container invents and damage fail in that.
"""

import contextlib
import errno
from array import array
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import av.error

from facemask_video.core.errors import VideoReadError, VideoWriteError
from facemask_video.core.frame import VideoInfo
from facemask_video.video.compare import StreamDigest, digest_streams
from facemask_video.video.lost_metadata import find_lost
from facemask_video.video.matroska import set_pixel_aspect
from facemask_video.video.passthrough import Passthrough, join_tags, kept_tags
from facemask_video.video.probe import describe_error, probe
from facemask_video.video.reader import VideoReader
from facemask_video.video.target import (
    begin_of_clock_s,
    check_outputs,
    container_options,
    header_tags,
    make_part,
    muxer_of,
    put_in_place,
)

# What `verify` compares of the pictures.
_PICTURE = (
    *("codec", "width_px", "height_px", "pixel_format", "rotation_deg", "mirrored"),
    *("matrix", "color_range", "primaries", "transfer", "interlaced"),
)
# Encoding instead would only need more space.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class NotCopied(Exception):
    """A copy would not show the same; the message, a clause, says why."""


def copy_video(
    path: Path,
    reader: VideoReader,
    times: "array[int]",
    *,
    audio: bool,
    strict: bool,
    overwrite: bool,
    metadata: Mapping[str, str],
) -> list[str]:
    """Write a source's packets into another file.

    Args:
        path: The target; its suffix names the container.
        reader: The source, read whole.
        times: The time of each of its frames, in ticks, as the reader gave them.
        audio: False leaves audio streams out.
        strict: Raise where a stream cannot be held.
        overwrite: Replace the target if it exists.
        metadata: Container tags added to the source's.

    Returns:
        What of the rest could not be kept, and why.

    Raises:
        NotCopied: The copy would show something else; nothing is left behind.
        VideoWriteError: The target cannot be written.
    """
    check_outputs([path], inputs=[reader.path], overwrite=overwrite)
    part = make_part(path)
    try:
        notes = _write(part, path, reader, audio=audio, strict=strict, metadata=metadata)
        written = _read_back(part, reader, times)
        put_in_place(part, path, overwrite=overwrite)
    finally:
        part.unlink(missing_ok=True)
    return [*notes, *find_lost(reader.info, written, muxer_of(path), streams_missing=0)]


def _write(
    part: Path,
    path: Path,
    reader: VideoReader,
    *,
    audio: bool,
    strict: bool,
    metadata: Mapping[str, str],
) -> list[str]:
    format_name, info = muxer_of(path), reader.info
    if begin_of_clock_s(format_name, reader.zero_s, clock_may_jump=reader.clock_may_jump):
        raise NotCopied(f"a {format_name} file begins at another time")
    carried = Passthrough(reader.path, video_index=None, audio=audio, strict=strict)
    with contextlib.closing(carried):
        held = carried.plan(format_name)
        if info.video_index not in held:
            raise NotCopied(f"a {format_name} file cannot hold its {info.codec} packets")
        options = container_options(
            format_name, info.time_base, cover_art=carried.holds_cover_art(held)
        )
        output = av.open(
            f"file:{part}",
            mode="w",
            format=format_name,
            container_options=options,
            metadata_errors="surrogateescape",
        )
        try:
            with output:
                for index in held:
                    carried.add(output, index)
                carried.start(shift_s=Fraction(0), first_s=None, end_s=None)
                carried.carry_chapters(output)
                tags = join_tags(kept_tags(dict(info.metadata)), dict(metadata))
                output.metadata.update(header_tags(format_name, tags))
                output.start_encoding()
                for packet in carried.until(None):
                    output.mux_one(packet)
                carried.notes.extend(carried.late_notes())
        except (av.error.FFmpegError, ValueError) as exc:
            if getattr(exc, "errno", None) in _DISK:
                raise VideoWriteError(
                    f"{path}: copying failed ({describe_error(exc)}); check the space left."
                ) from exc
            raise NotCopied(
                f"a {format_name} file does not take its packets ({describe_error(exc)})"
            ) from exc
    aspect = reader.first_picture_tags.sample_aspect
    if format_name in ("matroska", "webm") and aspect not in (None, 1):
        set_pixel_aspect(part, aspect, track=1 + held.index(info.video_index))
    return carried.notes


def _read_back(part: Path, reader: VideoReader, times: "array[int]") -> VideoInfo:
    """Describe the copy, or refuse it where it is not the source.

    Raises:
        NotCopied: It shows something else.
    """
    source = reader.info
    try:
        written = probe(part)
        found = _video_digest(part, written.video_index)
    except VideoReadError as exc:
        raise NotCopied("the copy cannot be read back") from exc
    for name in _PICTURE:
        if getattr(written, name) != getattr(source, name):
            raise NotCopied(f"the copy would lose its {name.removesuffix('_px').replace('_', ' ')}")
    if (written.sample_aspect or 1) != (source.sample_aspect or 1):
        raise NotCopied("the copy would lose its pixel aspect")
    if found.sha256 != _video_digest(reader.path, source.video_index).sha256:
        raise NotCopied("the container stores its packets in another way")
    if not _same_times(found, times, source.time_base):
        raise NotCopied("its packets' times are not those of its pictures")
    return written


def _video_digest(path: Path, index: int) -> StreamDigest:
    return next(digest for digest in digest_streams(path) if digest.index == index)


def _same_times(found: StreamDigest, times: "array[int]", time_base: Fraction) -> bool:
    """Tell whether there is one packet at each frame's time, to half of a tick of its clock."""
    if len(found.pts) != len(times):
        return False
    unit = Fraction(1, found.time_base.denominator * time_base.denominator)
    ours, theirs = int(found.time_base / unit), int(time_base / unit)
    pairs = zip(sorted(found.pts), sorted(times), strict=True)
    return all(2 * abs(a * ours - b * theirs) <= ours for a, b in pairs)
