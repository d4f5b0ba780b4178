"""Copy a video whose pictures are not to change: every packet, the main video's too, as it is.

A copy is only put in place when it has been read back and shows the same: the same bytes in each
packet of the video (framed in the container's way), a packet for each picture that was decoded, at
that picture's time, under the same tags. Edit lists, packed B-frames, times that the container
invents and damage fail in that.
"""

import contextlib
import errno
import itertools
import math
from array import array
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import av.error

from facemask_video.core.errors import VideoReadError, VideoWriteError
from facemask_video.core.frame import VideoInfo
from facemask_video.video.avi import mend_sound
from facemask_video.video.compare import StreamDigest, digest_streams
from facemask_video.video.lost_metadata import find_lost
from facemask_video.video.matroska import set_pixel_aspect
from facemask_video.video.nal_units import framing_of, is_parameter_set, units_of
from facemask_video.video.passthrough import Converted, Passthrough, join_tags, kept_tags
from facemask_video.video.probe import describe_error, open_source, probe
from facemask_video.video.reader import VideoReader
from facemask_video.video.target import (
    Seal,
    begin_of_clock_s,
    begins_at_zero,
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
    seal: Seal | None = None,
    converted: Mapping[int, Converted] | None = None,
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
        seal: Called with the complete file before it is renamed.
        converted: See `Passthrough`.

    Returns:
        What of the rest could not be kept, and why.

    Raises:
        NotCopied: The copy would show something else; nothing is left behind.
        VideoWriteError: The target cannot be written.
    """
    check_outputs([path], inputs=[reader.path], overwrite=overwrite)
    shift_s = begin_of_clock_s(muxer_of(path), reader.zero_s, clock_may_jump=reader.clock_may_jump)
    growing = make_part(path)
    part = growing.path
    try:
        carried = Passthrough(
            reader.path, video_index=None, audio=audio, strict=strict, converted=converted
        )
        held, notes = _write(part, path, reader, carried, metadata=metadata, shift_s=shift_s)
        written = _read_back(part, reader, times, shift_s)
        if seal is not None:
            seal(part)
        put_in_place(part, path, overwrite=overwrite)
    finally:
        growing.close()
    if shift_s:
        notes.append(begins_at_zero(shift_s))
    # A stream without one packet, of a damaged file, say, is in no header.
    missing = held - len(written.streams)
    return [*notes, *find_lost(reader.info, written, muxer_of(path), streams_missing=missing)]


def _write(
    part: Path,
    path: Path,
    reader: VideoReader,
    carried: Passthrough,
    *,
    metadata: Mapping[str, str],
    shift_s: Fraction,
) -> tuple[int, list[str]]:
    format_name, info = muxer_of(path), reader.info
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
                carried.start(shift_s=shift_s, first_s=None, end_s=None)
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
    if format_name == "avi":
        mend_sound(part, carried.sound_clocks())
    aspect = reader.first_picture_tags.sample_aspect
    if format_name in ("matroska", "webm") and aspect not in (None, 1):
        set_pixel_aspect(part, aspect, track=1 + held.index(info.video_index))
    carried.set_aspects(part)
    return len(held), carried.notes


def _read_back(
    part: Path, reader: VideoReader, times: "array[int]", shift_s: Fraction
) -> VideoInfo:
    """Describe the copy, or refuse it where it is not the source.

    Raises:
        NotCopied: It shows something else.
    """
    source = reader.info
    try:
        written = probe(part, max_pixels=reader.max_pixels)
        found = _video_digest(part, written.video_index)
    except VideoReadError as exc:
        raise NotCopied("the copy cannot be read back") from exc
    for name in _PICTURE:
        if getattr(written, name) != getattr(source, name):
            raise NotCopied(f"the copy would lose its {name.removesuffix('_px').replace('_', ' ')}")
    if (written.sample_aspect or 1) != (source.sample_aspect or 1):
        raise NotCopied("the copy would lose its pixel aspect")
    given = _video_digest(reader.path, source.video_index)
    if found.sha256 != given.sha256 and not _same_units(part, written, source):
        raise NotCopied("the container stores its packets in another way")
    exact = _same_times(found, times, source.time_base, shift_s)
    if exact and _lacks_times(reader.path, source.video_index):
        # In what order they show says the decoder alone.
        with VideoReader(part, max_pixels=reader.max_pixels) as copy:
            found.pts = array("q", (frame.pts for frame in copy))
        exact = _same_times(found, times, source.time_base, shift_s, in_order=True)
    if not exact:
        raise NotCopied("its packets' times are not those of its pictures")
    return written


def _lacks_times(path: Path, index: int) -> bool:
    with contextlib.closing(open_source(path)) as container:
        packets = container.demux(container.streams[index])
        return any(packet.size and packet.pts is None for packet in packets)


def _video_digest(path: Path, index: int) -> StreamDigest:
    return next(digest for digest in digest_streams(path) if digest.index == index)


def _same_units(part: Path, written: VideoInfo, source: VideoInfo) -> bool:
    """Tell whether the packets of a copy hold the same units, framed otherwise.

    Parameter sets that the copy's header has may be left out of its packets; others have no place
    in these.
    """
    if source.codec not in ("h264", "hevc"):
        return False
    with (
        contextlib.closing(open_source(source.path)) as one,
        contextlib.closing(open_source(part)) as two,
    ):
        streams = one.streams[source.video_index], two.streams[written.video_index]
        headers = (bytes(each.codec_context.extradata or b"") for each in streams)
        try:
            (given_framing, _), (framing, sets) = (
                framing_of(header, source.codec) for header in headers
            )
            packets = [
                (bytes(packet) for packet in container.demux(stream) if packet.size)
                for container, stream in zip((one, two), streams, strict=True)
            ]
            return all(
                before is not None
                and after is not None
                and _pictures(before, given_framing, sets, source.codec)
                == _pictures(after, framing, sets, source.codec)
                for before, after in itertools.zip_longest(*packets)
            )
        except (av.error.FFmpegError, ValueError):
            return False


def _pictures(packet: bytes, length_bytes: int, sets: tuple[bytes, ...], codec: str) -> list[bytes]:
    """Return a packet's units but for parameter sets.

    Raises:
        ValueError: It has a set that is not among the header's.
    """
    units = [unit.rstrip(b"\x00") for unit in units_of(packet, length_bytes)]
    kept = [unit for unit in units if unit not in sets]
    if any(is_parameter_set(unit, codec) for unit in kept):
        raise ValueError("parameter sets change on the way")
    return kept


def _same_times(
    found: StreamDigest,
    times: "array[int]",
    time_base: Fraction,
    shift_s: Fraction,
    *,
    in_order: bool = False,
) -> bool:
    """Tell whether there is one packet at each frame's time, to half of a tick of its clock."""
    if len(found.pts) != len(times):
        return False
    unit = Fraction(
        1, math.lcm(found.time_base.denominator, time_base.denominator, shift_s.denominator)
    )
    ours, theirs, shift = (int(each / unit) for each in (found.time_base, time_base, shift_s))
    shown = found.pts if in_order else sorted(found.pts)
    pairs = zip(shown, times if in_order else sorted(times), strict=True)
    return all(2 * abs(a * ours - (b * theirs - shift)) <= ours for a, b in pairs)
