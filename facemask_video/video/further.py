"""A further video stream of a source, encoded before the main one and kept on disk until then."""

import contextlib
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from facemask_video.config import VideoConfig
from facemask_video.core.errors import VideoWriteError
from facemask_video.core.frame import Frame
from facemask_video.video.native_frame import native
from facemask_video.video.picture_encoder import PictureEncoder
from facemask_video.video.probe import describe_error
from facemask_video.video.reader import VideoReader
from facemask_video.video.segments import SegmentedEncoder, SegmentStore

# Containers that hold one stream and no more.
_HOLDS_ONE = {"gif", "yuv4mpegpipe"}


class FurtherStream:
    """Encodes the frames of a further stream, on the source's clock, and hands out their packets.

    Attributes:
        index: Of the stream in the source.
        notes: What of it cannot be kept, and why, complete after `finish`.
    """

    def __init__(
        self,
        path: Path,
        reader: VideoReader,
        video: VideoConfig,
        format_name: str,
        store: SegmentStore,
        *,
        columns: int = 1,
    ) -> None:
        """Find an encoder, and try whether the container holds what it writes.

        Args:
            path: The target, for errors.
            reader: The source, open at this stream.
            video: How to encode.
            format_name: The target's muxer.
            store: Takes what is encoded; segments that are complete already are taken as they are.
            columns: Number of pictures side by side in each frame.

        Raises:
            VideoWriteError: It cannot be encoded, or not be held.
        """
        self._path = path
        self.index = reader.info.video_index
        self.sample_aspect = reader.first_picture_tags.sample_aspect
        self._pictures = PictureEncoder(path, reader, video, format_name, columns=columns)
        self.notes = list(self._pictures.notes)
        self._store = store
        try:
            if format_name in _HOLDS_ONE:
                raise ValueError
            # Its own way with headers is then known, too.
            with av.open(io.BytesIO(), mode="w", format=format_name) as scratch:
                self._pictures.add_to(scratch)
        except ValueError as exc:
            raise VideoWriteError(
                f"{path}: a {format_name} file cannot hold video stream {self.index} as well; take "
                ".mkv, or leave --all-video out."
            ) from exc
        self._segmented = SegmentedEncoder(store, self._pictures.make)

    def write(self, frame: Frame) -> None:
        """Encode a frame.

        Raises:
            VideoWriteError: It does not fit, or cannot be written.
        """
        picture = self._pictures.picture(native(frame), stored_base=None)
        with self._reporting():
            self._segmented.encode(picture)

    def pass_over(self, frame: Frame) -> None:
        """Take a frame's time, its picture being in a complete segment already."""
        self._pictures.tick_of(native(frame), stored_base=None)
        self._segmented.pass_over()

    def finish(self) -> None:
        """Complete what is encoded.

        Raises:
            VideoWriteError: It cannot be written.
        """
        with self._reporting():
            self._segmented.end_segment()
        self.notes.extend(self._pictures.clock_notes())
        if len(self._store.extradata()) > 1:
            raise VideoWriteError(
                f"{self._path}: encoder {self._pictures.plan.name} writes another header for each "
                "segment; convert without --resume, or choose another encoder."
            )

    def close(self) -> None:
        """Close the file of a segment that is not complete."""
        self._segmented.close()

    def add_to(self, output: OutputContainer, source: Stream) -> VideoStream:
        """Give the output the stream, with the tags of the source's."""
        added = self._pictures.add_to(output)
        self._pictures.tag(added, source)
        return added

    def packets(self) -> "Iterator[Packet[VideoStream]]":
        """Yield what was encoded."""
        for packet in self._store.packets():
            self._pictures.give_duration(packet)
            yield packet

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except (av.error.FFmpegError, OSError, ValueError) as exc:
            raise VideoWriteError(
                f"{self._path}: writing video stream {self.index} failed after "
                f"{self._pictures.frames} frames ({describe_error(exc)}); check free space and "
                "encoder options."
            ) from exc


def first_frame_s(reader: VideoReader) -> Fraction:
    """Return the time, on the file's clock, of the first frame in a reader's range.

    Raises:
        VideoReadError: There is none.
    """
    with VideoReader(
        reader.path, start_s=reader.start_s, end_s=reader.end_s, max_pixels=reader.max_pixels
    ) as again:
        frame = next(iter(again))
        return frame.pts * frame.time_base
