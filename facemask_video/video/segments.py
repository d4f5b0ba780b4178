"""Encoded packets on disk, in segments that begin with a key frame and lean on no other.

Each segment of so many frames comes from an encoder of its own, begun and flushed for it: a closed
group of pictures. So a segment that is complete stays as it is whatever happens after, and the
segments of several runs are joined as packets. A file appears under its name when it is complete:
a line of JSON, then for each packet its times, its size, whether it is a key frame, and its bytes.
A segment may also be packets of the source, of which only the place is kept.
"""

import json
import os
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray

from facemask_video.video.groups import Groups

# pts, dts, duration in ticks; size in bytes; key frame.
_HEADER = struct.Struct("<qqqI?")
_NAME = re.compile(r"(\d{6})-(\d+)\.(packets|copied)")


@dataclass(frozen=True, slots=True)
class _Segment:
    path: Path
    frames: int


class SegmentStore:
    """The segments of one video in a folder.

    Args:
        folder: Holds them and nothing else under their names.
        frames: Frames in each but the last; None where they end as they are told.
    """

    def __init__(self, folder: Path, *, frames: int | None) -> None:
        self.folder, self.frames = folder, frames
        self._segments: list[_Segment] = []
        for path in sorted(folder.iterdir()):
            named = _NAME.fullmatch(path.name)
            if named is None:
                continue
            whole = not self._segments or frames in (None, self._segments[-1].frames)
            if int(named[1]) != len(self._segments) or not whole:
                break
            self._segments.append(_Segment(path, int(named[2])))
        self._part = folder / "segment.part"
        self._part.unlink(missing_ok=True)

    @property
    def frames_done(self) -> int:
        """Frames in complete segments, counted from the first frame of the video."""
        return sum(segment.frames for segment in self._segments)

    @property
    def frames_copied(self) -> int:
        """Frames in segments of the source's packets."""
        return sum(each.frames for each in self._segments if each.path.suffix == ".copied")

    def begin(self) -> BinaryIO:
        """Open the file that the next segment grows in."""
        return self._part.open("wb")

    def complete(self, file: BinaryIO, *, frames: int) -> None:
        """Put a segment in its place."""
        file.flush()
        os.fsync(file.fileno())
        file.close()
        self._add(frames, "packets")

    def copy(self, span: tuple[int, int], *, frames: int) -> None:
        """Add a segment of the source's packets, from one position to before another."""
        self._part.write_text(json.dumps(span))
        self._add(frames, "copied")

    def _add(self, frames: int, kind: str) -> None:
        path = self.folder / f"{len(self._segments):06d}-{frames}.{kind}"
        self._part.replace(path)
        self._segments.append(_Segment(path, frames))

    def take_from(self, folder: Path, *, number: int) -> None:
        """Move the segments of another folder here, where they are not here already.

        Args:
            folder: Holds segments of the same video, counted from 0.
            number: What the first of them is here.

        Raises:
            OSError: They cannot be moved.
        """
        for path in sorted(folder.iterdir()):
            named = _NAME.fullmatch(path.name)
            place = None if named is None else number + int(named[1])
            if named is None or place != len(self._segments):
                continue
            target = self.folder / f"{place:06d}-{named[2]}.{named[3]}"
            path.replace(target)
            self._segments.append(_Segment(target, int(named[2])))

    def packets(self, groups: Groups | None = None) -> "Iterator[Packet[VideoStream]]":
        """Yield all packets, with decoding times that rise over the segments' borders.

        Args:
            groups: Where copied ones come from, and whose form the others take.
        """
        times = [pts for pts, _ in self._read(groups, payload=False)]
        dts = decoding_times(np.array(times, np.int64))
        for tick, (_, packet) in zip(dts.tolist(), self._read(groups, payload=True), strict=True):
            assert packet is not None, "read with its payload"
            packet.dts = tick
            yield packet

    def extradata(self) -> set[str]:
        """Return the encoders' headers, in hexadecimal: one, where all wrote the same."""
        encoded = (each.path for each in self._segments if each.path.suffix == ".packets")
        return {json.loads(_first_line(path))["extradata"] for path in encoded}

    def _read(
        self, groups: Groups | None, *, payload: bool
    ) -> "Iterator[tuple[int, Packet[VideoStream] | None]]":
        source = iter(()) if groups is None else enumerate(groups.packets())
        for segment in self._segments:
            if segment.path.suffix == ".copied":
                first, after = json.loads(segment.path.read_text())
                for place, copied in source:
                    if place >= first:
                        assert copied.pts is not None, "groups have times"
                        yield copied.pts, copied
                    if place == after - 1:
                        break
                continue
            with segment.path.open("rb") as file:
                time_base = Fraction(json.loads(file.readline())["time_base"])
                while head := file.read(_HEADER.size):
                    pts, dts, duration, size, is_key = _HEADER.unpack(head)
                    if not payload:
                        file.seek(size, os.SEEK_CUR)
                        yield pts, None
                        continue
                    data = file.read(size)
                    data = data if groups is None else groups.header.in_its_form(data)
                    packet = cast("Packet[VideoStream]", av.Packet(data))
                    packet.pts, packet.dts, packet.duration = pts, dts, duration
                    packet.time_base, packet.is_keyframe = time_base, is_key
                    yield pts, packet


def _first_line(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline()


def decoding_times(pts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return times of decoding that rise, each at or before its packet's time of presentation.

    The sorted presentation times, late by as many packets as the reordering needs; the first ones
    before the first picture by as long, as x264 does it.

    Args:
        pts: Presentation times in the order of decoding, all different.

    >>> decoding_times(np.array([0, 30, 10, 20, 40])).tolist()
    [-10, 0, 10, 20, 30]
    """
    in_order = np.sort(pts)
    delay = int(np.max(np.arange(len(pts)) - np.searchsorted(in_order, pts), initial=0))
    early = in_order[:delay] - (in_order[delay] - in_order[0]) if delay else in_order[:0]
    return np.concatenate([early, in_order[: len(pts) - delay]])


class SegmentedEncoder:
    """Encodes frames into a store's segments, from the first frame that is in none.

    Args:
        store: Where they go.
        make_encoder: Makes an encoder that is not open yet, always the same.
    """

    def __init__(self, store: SegmentStore, make_encoder: Callable[[], VideoCodecContext]) -> None:
        self._store = store
        self._make_encoder = make_encoder
        self._encoder: VideoCodecContext | None = None
        self._file: BinaryIO | None = None
        self._frames = 0
        self._skip = store.frames_done

    def pass_over(self) -> None:
        """Count a frame that is in a segment already."""
        assert self._skip > 0, "a frame of a finished segment"
        self._skip -= 1

    def encode(self, picture: av.VideoFrame) -> None:
        """Encode a frame; the first one begins where the store's segments end.

        Raises:
            OSError: It cannot be written.
        """
        assert self._skip == 0, "the frames of finished segments come first"
        if self._encoder is None or self._file is None:
            self._encoder, self._file, self._frames = self._make_encoder(), self._store.begin(), 0
        packets = self._encoder.encode(picture)
        if self._frames == 0:
            header = {
                "time_base": str(self._encoder.time_base),
                "extradata": bytes(self._encoder.extradata or b"").hex(),
            }
            self._file.write(json.dumps(header).encode() + b"\n")
        self._frames += 1
        self._write(packets)
        if self._frames == self._store.frames:
            self.end_segment()

    def end_segment(self) -> None:
        """Complete the segment that is open, if one is."""
        if self._encoder is None:
            return
        assert self._file is not None, "it is open as long as the encoder"
        self._write(self._encoder.encode(None))
        self._store.complete(self._file, frames=self._frames)
        self._encoder = self._file = None

    def close(self) -> None:
        """Close the file of a segment that is not complete."""
        if self._file is not None:
            # Closing writes out what is buffered, which fails again where the disk is full.
            with suppress(OSError):
                self._file.close()

    def _write(self, packets: "list[Packet[VideoStream]]") -> None:
        assert self._file is not None, "a segment is open"
        for packet in packets:
            assert packet.pts is not None, "encoders give every packet its time"
            dts = packet.pts if packet.dts is None else packet.dts
            size, is_key = packet.size, packet.is_keyframe
            self._file.write(_HEADER.pack(packet.pts, dts, packet.duration or 0, size, is_key))
            self._file.write(packet)
