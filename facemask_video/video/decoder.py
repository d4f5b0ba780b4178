"""Decode a stream to its end, whatever is wrong in the middle."""

import contextlib
import math
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from facemask_video.core.errors import VideoReadError
from facemask_video.video.probe import describe_error, open_source

# 0 lets FFmpeg take as many as there are processors.
DECODER_THREADS = 0
# A demuxer that fails this often without one packet in between will not find its way back.
_DEMUX_FAILURES_IN_A_ROW = 64


class Decoder:
    """The pictures of one stream of an open file; damaged packets are counted and passed over.

    Attributes:
        packets: Packets so far.
        damaged: Pictures so far that were decoded with damage.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, path: Path) -> None:
        # The default, SLICE, leaves most codecs on one core.
        stream.codec_context.thread_type = "AUTO"
        stream.codec_context.thread_count = DECODER_THREADS
        self._container = container
        self._stream = stream
        self._path = path
        self.packets = 0
        self.damaged = 0
        self._flagged = 0
        self._refused = 0
        self._delivered = 0

    @property
    def corrupt_packets(self) -> int:
        """Packets so far that the decoder refused or could only mend.

        A packet that the demuxer flagged ends as one or the other, so it is not counted twice.
        """
        return max(self._flagged, self._refused + self.damaged)

    def pictures(self) -> Iterator[av.VideoFrame]:
        """Decode every packet; a damaged one is counted and passed over."""
        # More than any decoder holds back, by reordering and by threads together.
        sent: deque[int] = deque(maxlen=128)
        delivered = -math.inf
        for packet in self._packets():
            if packet.size:
                self.packets += 1
                self._flagged += packet.is_corrupt
                if packet.pts is not None and not packet.is_discard:
                    sent.append(packet.pts)
            for picture in self._decode(packet):
                delivered = max(delivered, delivered if picture.pts is None else picture.pts)
                self._delivered += 1
                yield picture
        if any(pts > delivered for pts in sent):
            yield from self._tail(delivered)

    def _decode(self, packet: "Packet[VideoStream]") -> list[av.VideoFrame]:
        try:
            pictures = packet.decode()
        except av.error.InvalidDataError:
            # What a flush refuses is found again, and counted, by `_tail`.
            self._refused += packet.size > 0
            return []
        except (av.error.FFmpegError, ValueError) as exc:
            raise VideoReadError(
                f"{self._path}: decoding stopped after {self._delivered} frames "
                f"({describe_error(exc)}); the rest cannot be read."
            ) from exc
        self.damaged += sum(picture.is_corrupt for picture in pictures)
        return pictures

    def _tail(self, delivered: float) -> Iterator[av.VideoFrame]:
        """Decode what a damaged packet near the end kept a threaded decoder from handing out.

        PyAV stops flushing a decoder at the first error, and the good frames that its other threads
        hold are gone with it. One thread holds none back.
        """
        with contextlib.closing(open_source(self._path)) as container:
            stream = container.streams[self._stream.index]
            assert isinstance(stream, VideoStream), "the stream that the first pass read"
            stream.codec_context.thread_count = 1
            if math.isfinite(delivered):
                with contextlib.suppress(av.error.FFmpegError):
                    container.seek(int(delivered), stream=stream, backward=True)
            for packet in container.demux(stream):
                refused, damaged = self._refused, self.damaged
                pictures = self._decode(packet)
                if packet.pts is not None and packet.pts <= delivered:
                    # The first pass has counted this one.
                    self._refused, self.damaged = refused, damaged
                for picture in pictures:
                    if picture.pts is not None and picture.pts > delivered:
                        yield picture

    def _packets(self) -> "Iterator[Packet[VideoStream]]":
        failures = 0
        while True:
            try:
                for packet in self._container.demux(self._stream):
                    failures = 0
                    yield packet
                return
            except av.error.InvalidDataError as exc:
                failures += 1
                self._refused += 1
                if failures >= _DEMUX_FAILURES_IN_A_ROW:
                    raise VideoReadError(
                        f"{self._path}: unreadable after {self._delivered} frames "
                        f"({describe_error(exc)}); repair it with a remultiplexing program."
                    ) from exc
            except (av.error.FFmpegError, OSError) as exc:
                raise VideoReadError(
                    f"{self._path}: reading failed after {self._delivered} frames "
                    f"({describe_error(exc)}); check the disk."
                ) from exc
