"""Everything of a file but its main video stream, carried into the output as it is.

Audio, subtitle, data, attachment and further video streams travel as packets, never decoded, with
their times; tags, chapters and dispositions go with them. The source is opened a second time for
this, so that the frames' way through the program and the packets' need not wait for each other.
"""

import contextlib
import heapq
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from fractions import Fraction
from pathlib import Path
from typing import Protocol, cast

import av
import av.error
from av.container import InputContainer, OutputContainer
from av.format import Flags
from av.packet import Packet
from av.rational import AVRational
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from facemask_video.core.errors import VideoReadError, VideoWriteError
from facemask_video.core.standard_streams import shown_source
from facemask_video.core.wording import counted
from facemask_video.video.avi import SoundClock
from facemask_video.video.continuous_clock import ContinuousClock
from facemask_video.video.held_streams import add_like, why_not_held
from facemask_video.video.matroska import set_pixel_aspect
from facemask_video.video.probe import (
    clock_may_jump,
    codec_name,
    describe_error,
    fraction,
    is_chapter_track,
    is_indexed,
    is_timecode_track,
    main_video,
    open_source,
    stream_time_base,
)

# Written afresh by every muxer; the source's would describe another file.
_MUXERS_OWN_TAGS = {
    *("major_brand", "minor_version", "compatible_brands", "encoder", "software", "duration"),
    *("number_of_frames", "number_of_bytes", "bps"),
}
_COVERS = {
    "mjpeg": ("image/jpeg", ".jpg"),
    "png": ("image/png", ".png"),
    "gif": ("image/gif", ".gif"),
    "bmp": ("image/bmp", ".bmp"),
    "webp": ("image/webp", ".webp"),
}
_UNKNOWN_COVER_ART = ("image/unknown", ".bin")
# A demuxer hands packets out in rough time order; none seen strays this far past the range's end,
# or before its beginning.
_STRAY_S = 10
# Containers whose muxer writes a timecode track from the video stream's tag.
_WRITES_TIMECODE = {"mp4", "mov"}
# Containers that keep a stream's tags, the timecode among them.
_KEEPS_TAGS = {"matroska", "webm"}
_MAY_STAND_STILL = cast(int, Flags.ts_nonstrict.value)


def kept_tags(tags: dict[str, str]) -> dict[str, str]:
    """Return the tags that still hold for a rewritten file or stream.

    >>> kept_tags({"TITLE": "a", "ENCODER": "Lavf", "_STATISTICS_TAGS": "BPS"})
    {'TITLE': 'a'}
    """
    return {
        key: value
        for key, value in tags.items()
        if key.lower().partition("-")[0] not in _MUXERS_OWN_TAGS
        and not key.lower().startswith("_statistics")
    }


def join_tags(source: dict[str, str], ours: dict[str, str]) -> dict[str, str]:
    """Return the source's tags with ours added; where both have a tag, the texts are joined.

    Names are compared without case, as Matroska writes them in capitals.

    >>> join_tags({"COMMENT": "mine"}, {"comment": "yours", "tool": "x"})
    {'COMMENT': 'mine | yours', 'tool': 'x'}
    """
    joined = dict(source)
    names = {key.lower(): key for key in source}
    for key, value in ours.items():
        name = names.get(key.lower())
        if name is None:
            joined[key] = value
        elif value not in joined[name]:
            joined[name] = f"{joined[name]} | {value}" if joined[name] else value
    return joined


class ConvertedStream(Protocol):
    """A further video stream that was encoded anew, on the source's clock."""

    sample_aspect: Fraction | None

    def add_to(self, output: OutputContainer, source: Stream) -> VideoStream:
        """Give the output the stream, with the tags of the source's."""

    def packets(self) -> "Iterator[Packet[VideoStream]]":
        """Yield its packets."""


Converted = ConvertedStream | bytes
"""What a further video stream is replaced by: another stream, or the bytes of a cover picture."""


class Passthrough:
    """The other streams of a source on their way into an output.

    Times are kept; for a range each stream is cut at packet precision (a packet belongs to the
    range that its presentation time lies in) and shifted with the video.

    Attributes:
        notes: Which streams the output's container cannot hold, and why.
    """

    def __init__(
        self,
        path: Path,
        *,
        video_index: int | None,
        audio: bool,
        strict: bool,
        converted: Mapping[int, Converted] | None = None,
    ) -> None:
        """Open a source once more.

        Args:
            path: The source.
            video_index: The stream that is encoded, not carried; None carries all.
            audio: False leaves audio streams out.
            strict: Raise instead of noting a stream that cannot be held.
            converted: What video streams are replaced by, by their indices in the source; None
                where that was not asked for, so that the others are noted.
        """
        self._says_kept = converted is None
        self._converted = converted or {}
        self.notes: list[str] = []
        self._path, self._name = path, shown_source(path)
        self._video_index = video_index
        self._audio = audio
        self._strict = strict
        self._container: InputContainer = open_source(path)
        self._targets: dict[int, Stream] = {}
        self._copied: AbstractSet[int] = frozenset()
        self._last_dts: dict[int, int] = {}
        self._muxed_dts: dict[int, int] = {}
        self._delayed: dict[int, int] = {}
        self._may_stand_still = False
        self._is_matroska = self._is_avi = False
        self._clocks: dict[int, SoundClock] = {}
        self._pending: tuple[int, Packet[Stream]] | None = None
        self._packets: Iterator[tuple[int, Packet[Stream]]] = iter(())
        self._shift_s = Fraction(0)
        self._first_s: Fraction | None = None
        self._end_s: Fraction | None = None

    def close(self) -> None:
        """Close the source."""
        self._container.close()

    @property
    def streams(self) -> list[Stream]:
        """Every stream of the source, the main video stream too."""
        return list(self._container.streams)

    def plan(self, format_name: str) -> list[int]:
        """Return the indices of the streams that a container of this format can hold.

        Raises:
            VideoWriteError: One cannot be held, or shows faces of its own, and ``strict`` was
                asked for.
        """
        held: list[int] = []
        main_index = main_video(self._container, self._path).index
        for stream in self._container.streams:
            if stream.index == self._video_index or (stream.type == "audio" and not self._audio):
                continue
            if is_chapter_track(stream):
                continue
            if is_timecode_track(stream) and format_name in _WRITES_TIMECODE | _KEEPS_TAGS:
                # Its one packet says what the tag does, which the video stream has as well.
                continue
            converted = self._converted.get(stream.index)
            encoded = converted is not None and not isinstance(converted, bytes)
            # What is encoded was tried before.
            reason = None if encoded else why_not_held(stream, format_name, self._path)
            name = codec_name(stream) or getattr(stream, "name", None) or "no codec"
            text = f"{stream.type} stream {stream.index} ({name})"
            if reason is None:
                held.append(stream.index)
                if stream.type == "video" and stream.index != main_index and self._says_kept:
                    self._say_not_converted(stream, text)
                continue
            if self._strict:
                raise VideoWriteError(
                    f"{self._name}: {text} cannot be kept: {reason}; choose another container "
                    "(.mkv holds most), or leave --strict-streams out."
                )
            self.notes.append(f"{text} is left out: {reason}")
        return held

    def _say_not_converted(self, stream: Stream, text: str) -> None:
        """Say that a stream shows faces as they are in the source.

        Raises:
            VideoWriteError: ``strict`` was asked for.
        """
        cover = stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)
        kind = ", a cover picture," if cover else ""
        if self._strict:
            raise VideoWriteError(
                f"{self._name}: {text}{kind} would be kept as it is, any faces in it too; pass "
                "--all-video, take it out of the source, or leave --strict-streams out."
            )
        self.notes.append(
            f"{text}{kind} is kept as it is: faces in it are not converted (--all-video does)"
        )

    def holds_cover_art(self, indices: list[int]) -> bool:
        """Return whether one of these streams is a cover picture."""
        streams = self._container.streams
        return any(streams[index].disposition & Disposition.attached_pic for index in indices)

    def add(self, output: OutputContainer, index: int) -> None:
        """Give the output a stream like one of the source."""
        stream = self._container.streams[index]
        converted = self._converted.get(index)
        self._is_matroska = output.format.name in ("matroska", "webm")
        if converted is not None and not isinstance(converted, bytes):
            self._targets[index] = converted.add_to(output, stream)
            return
        if output.format.name == "matroska" and stream.disposition & Disposition.attached_pic:
            # Matroska keeps a cover as an attached file; a track would play as a second video.
            mimetype, suffix = _COVERS.get(codec_name(stream) or "", _UNKNOWN_COVER_ART)
            name = stream.metadata.get("filename", f"cover{suffix}")
            picture = converted or read_cover_art(self._path, index)[1]
            cover = output.add_attachment(name, mimetype, picture)
            cover.metadata.update(kept_tags(dict(stream.metadata)))
            return
        self._may_stand_still = bool(output.format.flags & _MAY_STAND_STILL)
        self._is_avi = output.format.name == "avi"
        target = add_like(output, stream)
        target.metadata.update(kept_tags(dict(stream.metadata)))
        target.disposition = stream.disposition
        if stream.type != "attachment":
            self._targets[index] = target

    def set_aspects(self, part: Path) -> None:
        """Write the pixel aspect of converted streams where PyAV cannot have the muxer do it."""
        for index, target in self._targets.items():
            converted = self._converted.get(index)
            if converted is None or isinstance(converted, bytes):
                continue
            aspect = converted.sample_aspect
            if self._is_matroska and aspect not in (None, 1):
                set_pixel_aspect(part, aspect, track=1 + target.index)

    def start(self, *, shift_s: Fraction, first_s: Fraction | None, end_s: Fraction | None) -> None:
        """Begin to read packets.

        Args:
            shift_s: Taken off every time.
            first_s: Where the range begins on the source's clock, or None.
            end_s: Where it ends, or None.
        """
        self._shift_s, self._first_s, self._end_s = shift_s, first_s, end_s
        if not self._targets:
            return
        encoded = {
            index: converted
            for index, converted in self._converted.items()
            if index in self._targets and not isinstance(converted, bytes)
        }
        self._copied = self._targets.keys() - encoded.keys()
        if first_s is not None and is_indexed(self._container):
            # Where it fails, reading from the start finds the same packets, only later.
            with contextlib.suppress(av.error.FFmpegError):
                self._container.seek(max(0, int(first_s - _STRAY_S) * av.time_base))
        if not clock_may_jump(self._container):
            for stream in self._container.streams:
                if stream.index not in self._copied:
                    # Most demuxers then skip its bytes, which are nearly all of the file.
                    stream.discard = Discard.all
        # In rough order of time, as those of a file are.
        self._packets = heapq.merge(
            self._read(),
            *(self._encoded(index, converted) for index, converted in encoded.items()),
            key=lambda each: _due_s(each[1]),
        )

    def until(self, time_s: Fraction | None) -> "Iterator[Packet[Stream]]":
        """Yield the packets due up to a time on the output's clock; all that remain for None."""
        while True:
            if self._pending is None:
                self._pending = next(self._packets, None)
            if self._pending is None:
                return
            index, packet = self._pending
            if time_s is not None and _due_s(packet) > time_s:
                return
            self._pending = None
            packet.stream = self._targets[index]
            self._raise_time(packet, index)
            if self._is_avi and packet.stream.type == "audio":
                stream = self._container.streams[index]
                self._clocks.setdefault(index, SoundClock()).count(stream, packet)
            yield packet

    def _raise_time(self, packet: "Packet[Stream]", index: int) -> None:
        """Move a packet behind the one before it in its stream, which a muxer insists on."""
        target = self._targets[index]
        base = stream_time_base(target)
        packet.rescale_ts(AVRational(base.numerator, base.denominator))
        assert packet.dts is not None, "_timed gives every packet a dts"
        assert packet.pts is not None, "_timed gives every packet a pts"
        steady = target.type in ("video", "audio") and not self._may_stand_still
        last = self._muxed_dts.get(index)
        earliest = packet.dts if last is None else last + int(steady)
        if packet.dts < earliest:
            packet.dts = earliest
            packet.pts = max(packet.pts, packet.dts)
            self._delayed[index] = self._delayed.get(index, 0) + 1
        self._muxed_dts[index] = packet.dts

    def sound_clocks(self) -> dict[int, SoundClock]:
        """Return what makes up the times of sound in AVI, by stream of the output."""
        return {self._targets[index].index: clock for index, clock in self._clocks.items()}

    def late_notes(self) -> Iterator[str]:
        """Say which packets were moved, complete after the last."""
        for index, count in self._delayed.items():
            if index in self._clocks and self._clocks[index].byte_s is not None:
                # The clock that the muxer gives it is mended.
                continue
            stream = self._container.streams[index]
            yield (
                f"{counted(count, 'packet')} of {stream.type} stream {index}: due no later than "
                "the one before, so it follows that by a tick"
            )

    def _encoded(
        self, index: int, converted: ConvertedStream
    ) -> "Iterator[tuple[int, Packet[Stream]]]":
        for packet in converted.packets():
            moved = cast("Packet[Stream]", packet)
            self._shift(moved)
            yield index, moved

    def _demuxed(self) -> "Iterator[Packet[Stream]]":
        if not self._copied:
            return
        if not clock_may_jump(self._container):
            yield from self._container.demux(
                [self._container.streams[index] for index in sorted(self._copied)]
            )
            return
        # All streams are looked at, so that these move as the video does.
        main = main_video(self._container, self._path)
        clock = ContinuousClock(video_index=main.index, closes_pauses=True)
        for packet in clock.mend(self._container.demux()):
            if packet.stream.index in self._copied:
                yield packet

    def _read(self) -> "Iterator[tuple[int, Packet[Stream]]]":
        try:
            for packet in self._demuxed():
                if packet.size == 0 and packet.pts is None:
                    continue
                time_s = self._timed(packet)
                if self._first_s is not None and time_s < self._first_s:
                    continue
                if self._end_s is not None and time_s >= self._end_s:
                    if time_s > self._end_s + _STRAY_S:
                        return
                    continue
                self._shift(packet)
                yield packet.stream.index, self._with_own_picture(packet)
        except (av.error.FFmpegError, OSError) as exc:
            raise VideoReadError(
                f"{self._name}: an audio or subtitle stream cannot be read on "
                f"({describe_error(exc)}); repair the file, or leave those streams out."
            ) from exc

    def _with_own_picture(self, packet: "Packet[Stream]") -> "Packet[Stream]":
        """Return a packet, or one like it that holds the cover picture which was converted."""
        picture = self._converted.get(packet.stream.index)
        if not isinstance(picture, bytes):
            return packet
        replaced = Packet(picture)
        replaced.pts, replaced.dts = packet.pts, packet.dts
        replaced.time_base, replaced.is_keyframe = packet.time_base, packet.is_keyframe
        return replaced

    def _timed(self, packet: "Packet[Stream]") -> Fraction:
        """Give a packet the times it lacks and return its presentation time in seconds."""
        index = packet.stream.index
        if packet.dts is None:
            previous = self._last_dts.get(index)
            packet.dts = packet.pts if packet.pts is not None else (previous or 0)
        if packet.pts is None:
            packet.pts = packet.dts
        self._last_dts[index] = packet.dts + (packet.duration or 0)
        return packet.pts * stream_time_base(packet.stream)

    def _shift(self, packet: "Packet[Stream]") -> None:
        if self._shift_s:
            ticks = round(self._shift_s / _base_of(packet))
            assert packet.pts is not None, "_timed ran first"
            assert packet.dts is not None, "_timed ran first"
            packet.pts -= ticks
            packet.dts -= ticks

    def carry_chapters(self, output: OutputContainer) -> None:
        """Give the output the source's chapters, cut to the range."""
        chapters = []
        for chapter in self._container.chapters():
            unit = fraction(chapter["time_base"])
            if unit is None:
                continue
            start_s, end_s = chapter["start"] * unit, chapter["end"] * unit
            if self._first_s is not None:
                start_s = max(start_s, self._first_s)
            if self._end_s is not None:
                end_s = min(end_s, self._end_s)
            if end_s <= start_s and chapter["end"] > chapter["start"]:
                continue
            moved = dict(chapter)
            moved["start"] = round((start_s - self._shift_s) / unit)
            moved["end"] = round((end_s - self._shift_s) / unit)
            chapters.append(moved)
        if chapters:
            output.set_chapters(chapters)  # type: ignore[arg-type]


def _base_of(packet: "Packet[Stream]") -> Fraction:
    return fraction(packet.time_base) or stream_time_base(packet.stream)


def _due_s(packet: "Packet[Stream]") -> Fraction:
    assert packet.dts is not None, "_timed gives every packet a dts"
    return packet.dts * _base_of(packet)


def read_cover_art(path: Path, index: int) -> tuple[str, bytes]:
    """Return the picture of a cover stream and the suffix of its kind.

    Raises:
        VideoReadError: The file cannot be read.
    """
    with contextlib.closing(open_source(path)) as container:
        stream = container.streams[index]
        _, suffix = _COVERS.get(codec_name(stream) or "", _UNKNOWN_COVER_ART)
        # Demuxers hand it out before all else.
        return suffix, next((bytes(packet) for packet in container.demux(stream)), b"")
