"""Write a video: frames encoded at their own times, everything else carried over.

The output is written beside its target under a hidden name and renamed at the end, so that a
target is either whole or not there. Standard output gets each frame as it is finished.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import av.error
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from facemask_video.config import VideoConfig
from facemask_video.core.errors import VideoReadError, VideoWriteError
from facemask_video.core.files import Part
from facemask_video.core.frame import Frame
from facemask_video.core.limits import MAX_PIXELS
from facemask_video.core.standard_streams import is_standard, shown_target
from facemask_video.core.wording import counted
from facemask_video.video.avi import mend_sound
from facemask_video.video.codecs import codec_of
from facemask_video.video.gif import finish_gif, loop_count
from facemask_video.video.groups import Groups, Header
from facemask_video.video.lost_metadata import find_lost
from facemask_video.video.matroska import set_pixel_aspect
from facemask_video.video.native_frame import native
from facemask_video.video.passthrough import Converted, Passthrough, join_tags, kept_tags
from facemask_video.video.picture_encoder import PictureEncoder
from facemask_video.video.probe import describe_error, fraction, probe
from facemask_video.video.reader import VideoReader
from facemask_video.video.segments import SegmentedEncoder, SegmentStore
from facemask_video.video.standard_streams import OutputWriting, standard_output
from facemask_video.video.target import (
    UNTIMED,
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

logger = logging.getLogger(__name__)

# Codecs that leave the pixel aspect to the container.
_WITHOUT_ASPECT = ("vp8", "vp9", "av1")


class VideoWriter:
    """Encode frames into a file, at the times they carry.

    A context manager. Call `write` for each frame in display order, then `finish`. Leaving the
    ``with`` in any other way, Ctrl-C included, deletes what was written.

    Where the reader has a range, the output begins at 0: the first frame's time is taken off every
    frame, packet and chapter. Otherwise times are the source's own.

    Attributes:
        path: The target.
        metadata: Container tags added to the source's; they may be changed before the first frame.
        notes: What could not be kept and why, complete after `finish`.
    """

    def __init__(
        self,
        path: Path,
        reader: VideoReader,
        video: VideoConfig | None = None,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
        columns: int = 1,
        segments: SegmentStore | None = None,
        groups: Groups | None = None,
        stream_format: str | None = None,
        converted: Mapping[int, Converted] | None = None,
    ) -> None:
        """Check everything that can be checked before the first frame.

        Args:
            path: The target; its suffix names the container. ``-`` is standard output.
            reader: The open source, for its streams, tags and range.
            video: How to encode, and which streams to carry; its range is the reader's affair.
            overwrite: Replace the target if it exists.
            metadata: Container tags added to the source's.
            columns: Number of pictures side by side in each frame.
            segments: Keeps what is encoded until it is joined; those that are complete already are
                taken as they are.
            groups: Of the source's packets, some of which become segments; see `copy_group`.
            stream_format: Container on standard output, one of `STREAM_MUXERS`; Matroska where
                None.
            converted: See `Passthrough`.

        Raises:
            VideoWriteError: The target or the encoder cannot be used so.
        """
        video = video or VideoConfig()
        self.path = path
        self._reader = reader
        self._name = shown_target(path)
        self._format = muxer_of(path, stream_format)
        check_outputs([path], inputs=[reader.path], overwrite=overwrite)
        self._overwrite = overwrite
        self._strict_streams = video.strict_streams
        self.metadata = dict(metadata or {})
        self._pictures = PictureEncoder(path, reader, video, self._format, columns=columns)
        self._plan = self._pictures.plan
        self.notes = list(self._pictures.notes)
        self._begun = False
        self._frames_copied = 0
        self._finished = False
        self._part: Part | None = None
        self._stdout = standard_output() if is_standard(path) else None
        self._output: OutputContainer | None = None
        self._segments: SegmentStore | None = None
        self._segmented: SegmentedEncoder | None = None
        self._groups = groups
        self._passthrough = Passthrough(
            reader.path,
            video_index=reader.info.video_index,
            audio=video.audio,
            strict=video.strict_streams,
            converted=converted,
        )
        try:
            self._held = self._passthrough.plan(self._format)
            self.notes.extend(self._passthrough.notes)
            if self._stdout is None:
                # What a killed run leaves of it then goes with the segments.
                self._part = make_part(path if segments is None else segments.folder / path.name)
            self._output = self._open_output()
            self._stream = self._add_streams(self._output)
            self._segments = segments
            self._segmented = (
                None if segments is None else SegmentedEncoder(segments, self._pictures.make)
            )
        except BaseException:
            self.discard()
            raise

    def _open_output(self) -> OutputContainer:
        file: str | OutputWriting | None = self._stdout
        if self._part is not None:
            file = f"file:{self._part.path}"
        return av.open(
            file,
            mode="w",
            format=self._format,
            container_options=container_options(
                self._format,
                self._plan.time_base,
                cover_art=self._passthrough.holds_cover_art(self._held),
                loops=loop_count(self._reader.path) if self._reader.info.container == "gif" else 0,
            ),
            metadata_errors="surrogateescape",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()

    def write(self, frame: Frame) -> None:
        """Encode a frame at its own time.

        Raises:
            VideoWriteError: The frame does not fit this video, or it cannot be written.
        """
        if not self._begun:
            self._begin(frame)
        picture = self._pictures.picture(
            native(frame), stored_base=fraction(self._stream.time_base)
        )
        with self._reporting():
            if self._segmented is None:
                self._mux(self._stream.encode(picture))
            else:
                self._segmented.encode(picture)

    def pass_over(self, frame: Frame) -> None:
        """Take a frame's time, its picture being in a complete segment already.

        Raises:
            VideoWriteError: The header cannot be written.
        """
        assert self._segmented is not None, "there are segments"
        if not self._begun:
            self._begin(frame)
        self._pictures.tick_of(native(frame), stored_base=fraction(self._stream.time_base))
        self._segmented.pass_over()

    def go_on_after(self, times: Sequence[int]) -> None:
        """Take the times of all frames before the first one, whose pictures are written elsewhere.

        Args:
            times: In ticks of the source.
        """
        self._pictures.earlier = times

    def copy_group(self, group: int, *, frames: int) -> None:
        """Take a group of the source's packets in place of encoded frames.

        Args:
            group: Its number.
            frames: How many it shows.
        """
        assert self._groups is not None, "there are groups"
        assert self._segments is not None, "groups lie in segments"
        if not self._begun:
            self._begin(None)
        self._frames_copied += frames
        self._segments.copy(self._groups.span(group), frames=frames)

    @property
    def _frames(self) -> int:
        return self._pictures.frames + self._frames_copied

    @property
    def frames_copied(self) -> int:
        """Frames of groups that were copied."""
        return 0 if self._segments is None else self._segments.frames_copied

    def end_segment(self) -> None:
        """End the segment that is being encoded."""
        assert self._segmented is not None, "there are segments"
        with self._reporting():
            self._segmented.end_segment()

    def finish(self, *, seal: Seal | None = None) -> None:
        """Write what is still buffered and the rest of the other streams, then rename.

        Args:
            seal: Called with the complete file before it is renamed; not for standard output.

        Raises:
            VideoWriteError: It cannot be completed; nothing is left behind.
        """
        output = self._output
        assert output is not None, "finish after finish or discard"
        try:
            if self._frames == 0:
                raise VideoWriteError(f"{self._name}: no frame was written; nothing to finish.")
            with self._reporting():
                if self._segmented is None:
                    self._mux(self._stream.encode(None))
                else:
                    self._join_segments(self._segmented)
                for packet in self._passthrough.until(None):
                    output.mux_one(packet)
                self.notes.extend(self._passthrough.late_notes())
                output.close()
            if self._part is None:
                self.notes.extend(self._lost_in_stream())
            else:
                self._finish_file(self._part.path, seal)
            self._finished = True
            self.notes.extend(self._pictures.clock_notes())
        finally:
            self.discard()

    def _finish_file(self, part: Path, seal: Seal | None) -> None:
        """Write into a file what its muxer could not, read it back, and put it in place."""
        with self._reporting():
            self._set_aspect(part)
            if self._format == "avi":
                mend_sound(part, self._passthrough.sound_clocks())
            if self._format == "gif":
                finish_gif(
                    part,
                    comment=self.metadata.get("comment", ""),
                    last_delay_cs=self._pictures.last_delay_cs,
                )
        self.notes.extend(self._lost_metadata(part))
        if seal is not None:
            seal(part)
        put_in_place(part, self.path, overwrite=self._overwrite)

    @property
    def bytes_written(self) -> int:
        """Bytes of the finished file, or those that went to standard output."""
        return self.path.stat().st_size if self._stdout is None else self._stdout.bytes_written

    def _join_segments(self, segmented: SegmentedEncoder) -> None:
        assert self._segments is not None, "what is segmented lies in them"
        segmented.end_segment()
        headers = self._segments.extradata()
        if len(headers) > 1:
            raise VideoWriteError(
                f"{self.path}: encoder {self._plan.name} writes another header for each segment; "
                "convert without --resume, or choose another encoder."
            )
        for packet in self._segments.packets(self._groups):
            packet.stream = self._stream
            self._mux([packet])

    def _set_aspect(self, part: Path) -> None:
        """Write the pixel aspect where PyAV cannot have the muxer do it."""
        aspect = self._reader.first_picture_tags.sample_aspect
        if self._format in ("matroska", "webm") and aspect not in (None, 1):
            set_pixel_aspect(part, aspect, track=1 + self._stream.index)
        self._passthrough.set_aspects(part)

    def _lost_metadata(self, part: Path) -> list[str]:
        """Read the written header back and say what did not come through.

        Raises:
            VideoWriteError: A stream did not, and ``strict_streams`` was asked for.
        """
        try:
            own_px = self._pictures.width_px * self._pictures.height_px
            written = probe(part, max_pixels=max(MAX_PIXELS, own_px))
        except VideoReadError as exc:
            raise VideoWriteError(
                f"{self.path}: what was written cannot be read back ({exc}); choose another "
                "encoder or container."
            ) from exc
        missing = 1 + len(self._held) - len(written.streams)
        if missing > 0 and self._strict_streams:
            raise VideoWriteError(
                f"{self.path}: a {self._format} file did not take {missing} of the streams; "
                "choose another container (.mkv holds most)."
            )
        lost = find_lost(self._reader.info, written, self._format, streams_missing=missing)
        comment = self.metadata.get("comment", "")
        if comment and not any(comment in value for value in written.metadata.values()):
            lost.append(
                f"provenance: a {self._format} file holds no comment, so this one does not say how "
                "it was made; keep its report (--report) beside it"
            )
        return lost

    def _lost_in_stream(self) -> Iterator[str]:
        """Say what cannot be held by a stream, which nobody can read back."""
        aspect = self._reader.first_picture_tags.sample_aspect
        unheld = self._format == "matroska" and codec_of(self._plan.name) in _WITHOUT_ASPECT
        if unheld and aspect not in (None, 1):
            yield f"the pixel aspect {aspect} cannot be written into a stream of this codec"
        gaps = self._pictures.clock.gaps
        if self._format in UNTIMED and gaps:
            yield (
                f"y4m holds no times: {counted(gaps, 'frame')} follow at the nominal rate, "
                "although due later; take --format matroska"
            )
        if self._format in UNTIMED:
            yield (
                "provenance: y4m holds no comment, so this stream does not say how it was made; "
                "keep its report (--report)"
            )

    def discard(self) -> None:
        """Close everything and delete an unfinished part; a second call does nothing."""
        self._passthrough.close()
        if self._segmented is not None:
            self._segmented.close()
        output, self._output = self._output, None
        if output is not None and not self._finished:
            if self._stdout is not None:
                self._stdout.abandon()
            # The part is thrown away; that its end cannot be written is no news.
            with contextlib.suppress(av.error.FFmpegError, ValueError, OSError):
                output.close()
        part, self._part = self._part, None
        if part is not None:
            part.close()

    def _add_streams(self, output: OutputContainer) -> VideoStream:
        reader, plan = self._reader, self._plan
        video: VideoStream | None = None
        try:
            for source in self._passthrough.streams:
                if source.index == reader.info.video_index:
                    video = self._add_video(output, source)
                    self._pictures.tag(video, source)
                elif source.index in self._held:
                    self._passthrough.add(output, source.index)
        except ValueError as exc:
            raise VideoWriteError(
                f"{self._name}: a {self._format} file cannot hold video from encoder {plan.name}; "
                "choose another --encoder or suffix (.mkv holds all)."
            ) from exc
        assert video is not None, "the source's main stream is among its streams"
        return video

    def _add_video(self, output: OutputContainer, source: Stream) -> VideoStream:
        if self._groups is None:
            return self._pictures.add_to(output)
        added = output.add_stream_from_template(source, opaque=True)
        assert isinstance(added, VideoStream), "the source's main stream"
        encoder = self._pictures.make()
        encoder.open()
        ours = Header.parse(bytes(encoder.extradata or b""))
        added.codec_context.extradata = self._groups.header.joined(ours)
        return added

    def _begin(self, frame: Frame | None) -> None:
        """Write the header, now that the first frame's time is known, or is the source's."""
        reader, output = self._reader, self._output
        assert output is not None, "write after finish or discard"
        self._begun = True
        # Groups are only copied where clocks begin alike.
        shift_s = Fraction(0) if frame is None else self._begin_s(frame)
        self._pictures.clock.begin_at(shift_s)
        end_tick = reader.end_tick
        self._passthrough.start(
            shift_s=shift_s,
            first_s=None if reader.start_s is None else shift_s,
            end_s=None if end_tick is None else end_tick * reader.info.time_base,
        )
        self._passthrough.carry_chapters(output)
        tags = join_tags(kept_tags(dict(reader.info.metadata)), self.metadata)
        output.metadata.update(header_tags(self._format, tags))
        with self._reporting():
            output.start_encoding()

    def _begin_s(self, frame: Frame) -> Fraction:
        """Return the time of the source's clock that the output's begins with."""
        reader = self._reader
        if reader.start_s is not None or reader.end_s is not None:
            return frame.pts * frame.time_base
        begin_s = begin_of_clock_s(
            self._format, reader.zero_s, clock_may_jump=reader.clock_may_jump
        )
        if begin_s:
            self.notes.append(begins_at_zero(begin_s))
        return begin_s

    def _mux(self, packets: "list[Packet[VideoStream]]") -> None:
        output = self._output
        assert output is not None, "mux after discard"
        for packet in packets:
            due_s = self._pictures.time_s(packet)
            if due_s is not None:
                for other in self._passthrough.until(due_s):
                    output.mux_one(other)
            self._pictures.give_duration(packet)
            output.mux_one(packet)

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except (av.error.FFmpegError, OSError, ValueError) as exc:
            if self._stdout is not None and isinstance(exc, BrokenPipeError):
                raise VideoWriteError(
                    f"standard output: nobody reads it any more, after {self._frames} frames."
                ) from exc
            raise VideoWriteError(
                f"{self._name}: writing failed after {self._frames} frames "
                f"({describe_error(exc)}); check free space and encoder options."
            ) from exc
