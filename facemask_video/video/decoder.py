"""Decode a stream to its end, whatever is wrong in the middle."""

import contextlib
import heapq
import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import cast

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from facemask_video.core.errors import VideoReadError
from facemask_video.core.standard_streams import shown_source
from facemask_video.video.continuous_clock import ContinuousClock
from facemask_video.video.probe import (
    clock_may_jump,
    describe_error,
    main_video,
    open_source,
)

# 0 lets FFmpeg take as many as there are processors.
DECODER_THREADS = 0
# A demuxer that fails this often without one packet in between will not find its way back.
_DEMUX_FAILURES_IN_A_ROW = 64
NUMBERED = {"avi"}
"""Containers that number packets instead of timing them."""

# Packets kept while the group of pictures that holds a time is looked for. A codec that has but one
# key picture in a file is decoded from there.
_MOST_PACKETS_KEPT = 2000


class Decoder:
    """The pictures of one stream of an open file; damaged packets are counted and passed over.

    Times go on where the file's own clock starts anew (`ContinuousClock`). A container that numbers
    packets instead of timing them (AVI) holds no presentation times, and what FFmpeg makes of the
    numbers is late or not in order: the n-th picture shown takes the place of the n-th packet.

    Attributes:
        counts_packets: Pictures take their times from their place, so decoding must begin with the
            first.
        packets: Packets so far.
        damaged: Pictures so far that were decoded with damage.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, path: Path) -> None:
        self.counts_packets = container.format.name in NUMBERED and bool(
            stream.codec_context.reorder_depth
        )
        # The default, SLICE, leaves most codecs on one core.
        stream.codec_context.thread_type = "AUTO"
        # Without times the pictures that threads hold back at an error could not be told apart.
        stream.codec_context.thread_count = 1 if self.counts_packets else DECODER_THREADS
        self._container = container
        self._stream = stream
        self._path, self._name = path, shown_source(path)
        self._clock = _clock_of(container, stream, path)
        self._places: list[int] = []
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

    @property
    def jumps(self) -> int:
        """How often the file's clock has jumped so far."""
        return self._clock.jumps

    def pictures(self, *, from_tick: int | None = None) -> Iterator[av.VideoFrame]:
        """Decode every packet; a damaged one is counted and passed over.

        Args:
            from_tick: Pass over the groups of pictures that end before this time without decoding
                them, where packets are timed. Pictures before it may still come, or none where
                times are not in order.
        """
        packets = self._packets(self._container, self._stream, self._clock)
        if from_tick is not None and not self.counts_packets:
            packets = _from_group_of(from_tick, packets)
        # More than any decoder holds back, by reordering and by threads together.
        sent: deque[int] = deque(maxlen=128)
        delivered = -math.inf
        for packet in packets:
            if packet.size:
                self.packets += 1
                self._flagged += packet.is_corrupt
                if packet.pts is not None and not packet.is_discard:
                    sent.append(packet.pts)
                if self.counts_packets and packet.dts is not None:
                    heapq.heappush(self._places, packet.dts)
            for picture in self._decode(packet):
                if self.counts_packets:
                    picture.pts = heapq.heappop(self._places) if self._places else None
                delivered = max(delivered, delivered if picture.pts is None else picture.pts)
                self._delivered += 1
                yield picture
        if not self.counts_packets and any(pts > delivered for pts in sent):
            yield from self._tail(delivered)

    def _decode(self, packet: "Packet[VideoStream]") -> list[av.VideoFrame]:
        try:
            pictures = packet.decode()
        except av.error.InvalidDataError:
            # What a flush refuses is found again, and counted, by `_tail`.
            self._refused += packet.size > 0
            if packet.dts in self._places:
                self._places.remove(packet.dts)
                heapq.heapify(self._places)
            return []
        except (av.error.FFmpegError, ValueError) as exc:
            raise VideoReadError(
                f"{self._name}: decoding stopped after {self._delivered} frames "
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
            stream.codec_context.options = self._stream.codec_context.options
            stream.codec_context.thread_count = 1
            clock = _clock_of(container, stream, self._path)
            packets: Iterable[Packet[VideoStream]] = self._packets(container, stream, clock)
            if math.isfinite(delivered):
                # What comes from a pipe has no place to go back to.
                if clock_may_jump(container) or container.file is not None:
                    packets = _from_group_of(int(delivered), packets)
                else:
                    with contextlib.suppress(av.error.FFmpegError):
                        container.seek(int(delivered), stream=stream, backward=True)
            refused, damaged = self._refused, self.damaged
            for packet in packets:
                pictures = self._decode(packet)
                if packet.pts is not None and packet.pts <= delivered:
                    # The first pass has counted this one.
                    self._refused, self.damaged = refused, damaged
                refused, damaged = self._refused, self.damaged
                for picture in pictures:
                    if picture.pts is not None and picture.pts > delivered:
                        yield picture

    def _packets(
        self, container: InputContainer, stream: VideoStream, clock: ContinuousClock
    ) -> "Iterator[Packet[VideoStream]]":
        failures = 0
        while True:
            try:
                for packet in _demuxed(container, stream, clock):
                    failures = 0
                    yield packet
                return
            except av.error.InvalidDataError as exc:
                failures += 1
                self._refused += 1
                if failures >= _DEMUX_FAILURES_IN_A_ROW:
                    raise VideoReadError(
                        f"{self._name}: unreadable after {self._delivered} frames "
                        f"({describe_error(exc)}); repair it with a remultiplexing program."
                    ) from exc
            except (av.error.FFmpegError, OSError) as exc:
                raise VideoReadError(
                    f"{self._name}: reading failed after {self._delivered} frames "
                    f"({describe_error(exc)}); check the disk."
                ) from exc


def _clock_of(container: InputContainer, stream: VideoStream, path: Path) -> ContinuousClock:
    if not clock_may_jump(container):
        # No other stream is looked at.
        return ContinuousClock(video_index=stream.index, closes_pauses=False)
    # By one stream for all: that of the packets which are copied.
    return ContinuousClock(video_index=main_video(container, path).index, closes_pauses=True)


def _demuxed(
    container: InputContainer, stream: VideoStream, clock: ContinuousClock
) -> "Iterator[Packet[VideoStream]]":
    """Yield a stream's packets on one clock, and an empty one at the end."""
    # Where the clock may jump all streams are looked at, so that all move alike.
    wanted = list(container.streams) if clock_may_jump(container) else [stream]
    in_place = container.format.name in NUMBERED and not stream.codec_context.reorder_depth
    for packet in clock.mend(container.demux(wanted)):
        if packet.stream.index == stream.index:
            if in_place and packet.dts is not None:
                packet.pts = packet.dts
            yield cast("Packet[VideoStream]", packet)


def _from_group_of(
    tick: int, packets: "Iterable[Packet[VideoStream]]"
) -> "Iterator[Packet[VideoStream]]":
    """Pass over packets up to the last key picture that is shown no later than a time.

    Yields none where times fall before it: pictures are then counted on from where they fell.
    """
    packets = iter(packets)
    kept: list[Packet[VideoStream]] = []
    last_dts = -math.inf
    for packet in packets:
        if packet.dts is not None:
            if packet.dts <= last_dts:
                return iter(())
            last_dts = packet.dts
        if packet.is_keyframe and packet.pts is not None and packet.pts <= tick:
            kept.clear()
        kept.append(packet)
        beyond = packet.dts is not None and packet.dts > tick
        if packet.pts is None or beyond or len(kept) > _MOST_PACKETS_KEPT:
            break
    return chain(kept, packets)
