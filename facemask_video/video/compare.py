"""Compare two files: packets of copied streams, samples of frames."""

import contextlib
import hashlib
from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av.error
import cv2
import numpy as np
from av.codec import Codec
from av.container import InputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Stream

from facemask_video.core.errors import VideoReadError
from facemask_video.core.geometry import Box
from facemask_video.video.continuous_clock import ContinuousClock
from facemask_video.video.native_frame import NativeFrame
from facemask_video.video.probe import (
    clock_may_jump,
    codec_name,
    describe_error,
    is_chapter_track,
    main_video,
    open_source,
    stream_time_base,
)


@dataclass(slots=True, eq=False)
class StreamDigest:
    """The packets of one stream: times in ticks and one hash over all their bytes.

    Attributes:
        index: Position in the file.
        kind: ``audio``, ``subtitle`` and so on.
        codec: FFmpeg's name of the codec, or None.
        time_base: Seconds a tick.
        pts: Presentation time of each packet; the decoding time where it has none.
        sha256: Hash over the packets in order, in hexadecimal.
    """

    index: int
    kind: str
    codec: str | None
    time_base: Fraction
    pts: "array[int]" = field(default_factory=lambda: array("q"))
    sha256: str = ""


def digest_streams(
    path: Path,
    *,
    but: int | Collection[int] = (),
    first_s: Fraction | None = None,
    end_s: Fraction | None = None,
    shift_s: Fraction = Fraction(0),
) -> list[StreamDigest]:
    """Hash the packets of every stream, or of those not left out; an attachment is one packet.

    Args:
        path: The file.
        but: Index of the stream that is left out, or several.
        first_s: Packets shown before this time of the file's clock are left out.
        end_s: So are those from this time on.
        shift_s: Taken off the times.

    Raises:
        VideoReadError: The file cannot be read.
    """
    left_out = {but} if isinstance(but, int) else but
    with contextlib.closing(open_source(path)) as container:
        digests, hashes = {}, {}
        for stream in container.streams:
            if stream.index in left_out or is_chapter_track(stream):
                continue
            digests[stream.index] = StreamDigest(
                stream.index, stream.type, codec_name(stream), stream_time_base(stream)
            )
            hashes[stream.index] = hashlib.sha256()
            if isinstance(stream, AttachmentStream):
                hashes[stream.index].update(stream.data)
        try:
            for packet in _packets(container, path):
                digest = digests.get(packet.stream.index)
                if digest is None or not packet.size:
                    continue
                ticks = (packet.pts if packet.pts is not None else packet.dts) or 0
                time_s = ticks * digest.time_base
                if (first_s is not None and time_s < first_s) or (
                    end_s is not None and time_s >= end_s
                ):
                    continue
                digest.pts.append(ticks - round(shift_s / digest.time_base))
                content = _bare(bytes(packet), digest.codec)
                # The length keeps bytes from moving over a packet's border unseen.
                hashes[digest.index].update(len(content).to_bytes(8, "little"))
                hashes[digest.index].update(content)
        except av.error.FFmpegError as exc:
            raise VideoReadError(f"{path}: cannot be read on ({describe_error(exc)}).") from exc
    for index, digest in digests.items():
        digest.sha256 = hashes[index].hexdigest()
    return list(digests.values())


def _packets(container: InputContainer, path: Path) -> "Iterator[Packet[Stream]]":
    timed = [stream for stream in container.streams if stream.type != "attachment"]
    if not timed:
        return iter(())
    packets = container.demux(timed)
    if not clock_may_jump(container):
        return packets
    clock = ContinuousClock(video_index=main_video(container, path).index, closes_pauses=True)
    return clock.mend(packets)


def _bare(content: bytes, codec: str | None) -> bytes:
    """Return a packet without the header that a transport stream puts before AAC (ADTS)."""
    if codec == "aac" and len(content) > 9 and content[0] == 0xFF and content[1] & 0xF6 == 0xF0:
        return content[7 if content[1] & 1 else 9 :]
    return content


def copied_times(source: Path, source_index: int, output: Path, output_index: int) -> set[int]:
    """Return the times, in ticks, of an output's pictures that were copied as packets.

    That is where the bytes of a packet, and of all since the key frame before it, are those of
    packets of the source. A single packet says little: two pictures without a change may be coded
    alike.

    Args:
        source: The file that was converted.
        source_index: Its main video stream.
        output: The result.
        output_index: Its main video stream.

    Raises:
        VideoReadError: One of the files cannot be read.
    """
    given = {digest for _, _, digest in _packet_digests(source, source_index)}
    copied, times = False, set()
    for pts, is_key, digest in _packet_digests(output, output_index):
        copied = (is_key or copied) and digest in given
        if copied and pts is not None:
            times.add(pts)
    return times


def _packet_digests(path: Path, index: int) -> "Iterator[tuple[int | None, bool, bytes]]":
    with contextlib.closing(open_source(path)) as container:
        try:
            for packet in container.demux(container.streams[index]):
                if packet.size:
                    digest = hashlib.blake2b(packet, digest_size=16).digest()
                    yield packet.pts, packet.is_keyframe, digest
        except av.error.FFmpegError as exc:
            raise VideoReadError(f"{path}: cannot be read on ({describe_error(exc)}).") from exc


def always_lossless(codec: str) -> bool:
    """Return whether a codec has no lossy mode, by FFmpeg's word.

    >>> always_lossless("ffv1"), always_lossless("h264")
    (True, False)
    """
    found = Codec(codec, "r")
    return found.lossless and not found.lossy


def same_samples_possible(first: NativeFrame, second: NativeFrame) -> bool:
    """Return whether two frames store the same samples, so that a difference means something."""
    one, two = first.layout, second.layout
    return (one.model, one.bits, one.subsample) == (two.model, two.bits, two.subsample)


def largest_difference(first: NativeFrame, second: NativeFrame, outside: Sequence[Box]) -> int:
    """Return the largest difference of two frames' samples outside some boxes, in code values.

    Convention: boxes are in display px and are rounded out to whole samples. A chroma sample lies
    inside if it covers any luma position inside.

    Args:
        first: A frame.
        second: A frame of the same size and kind of samples.
        outside: Rectangles that may differ.
    """
    across, down = first.layout.subsample
    boxes = [
        first.orientation.box_to_storage(box, first.width_px, first.height_px) for box in outside
    ]
    largest = 0
    pairs = zip(first.samples(), second.samples(), strict=True)
    for index, (one, two) in enumerate(pairs):
        if first.layout.shift:
            one = one >> first.layout.shift
        if second.layout.shift:
            two = two >> second.layout.shift
        if np.array_equal(one, two):
            continue
        difference = cv2.absdiff(np.ascontiguousarray(one), np.ascontiguousarray(two))
        sx, sy = (across, down) if index and first.layout.model == "yuv" else (1, 1)
        for box in boxes:
            rows = slice(max(0, int(box.y0 // sy)), max(0, int(-(-box.y1 // sy))))
            columns = slice(max(0, int(box.x0 // sx)), max(0, int(-(-box.x1 // sx))))
            difference[rows, columns] = 0
        largest = max(largest, int(difference.max()))
    return largest
