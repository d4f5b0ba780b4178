"""The closed groups of pictures of an H.264 stream, and headers that serve two encoders at once.

Where a stream is cut at pictures that reset the decoder (IDR), some groups can be copied as packets
and others encoded anew, and a decoder finds one stream. Each encoder's pictures name the parameter
sets that they are coded by, by number; so both encoders' sets go into the one header, under
different numbers, and no copied packet changes by a bit (ITU-T H.264, 7.4.1.2.1).
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av.error
import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from facemask_video.core.errors import VideoReadError
from facemask_video.video.copy import NotCopied
from facemask_video.video.nal_units import framing_of, units_of
from facemask_video.video.probe import describe_error, open_source
from facemask_video.video.reader import VideoReader
from facemask_video.video.target import begin_of_clock_s, muxer_of

_SLICE, _IDR, _SPS, _PPS = 1, 5, 7, 8
_PARTITIONS = (2, 3, 4)
# By which the profile in the header, which both encoders' pictures must conform to, is chosen.
_PROFILES = (66, 77, 88, 100, 110, 122, 244)
# chroma_format 4:2:0 and 8 bits, as profiles from 100 on tell in the header of mp4 and Matroska.
_TAIL_420 = b"\xfd\xf8\xf8\x00"


@dataclass(frozen=True, slots=True)
class Header:
    """The parameter sets of an H.264 stream, as its container holds them.

    Attributes:
        sps, pps: The sets, in order.
        length_bytes: Bytes of the length before each unit in a packet; 0 for start codes.
        profile: Profile, constraints and level, three bytes.
    """

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    length_bytes: int
    profile: bytes

    @classmethod
    def parse(cls, extradata: bytes) -> "Header":
        """Read the header of a stream.

        Raises:
            NotCopied: It is none, or is damaged.
        """
        try:
            length_bytes, sets = framing_of(extradata, "h264")
        except ValueError as exc:
            raise NotCopied("its H.264 header cannot be read") from exc
        sps = tuple(each for each in sets if each[:1] and each[0] & 31 == _SPS)
        pps = tuple(each for each in sets if each[:1] and each[0] & 31 == _PPS)
        if not sps or not pps:
            raise NotCopied("its H.264 header cannot be read")
        return cls(sps, pps, length_bytes, sps[0][1:4])

    @property
    def numbers(self) -> set[int]:
        """The numbers of all its sets."""
        return {_exp_golomb(each[4:]) for each in self.sps} | {
            _exp_golomb(each[1:]) for each in self.pps
        }

    def free_number(self) -> int:
        """Return a number that none of its sets has.

        Raises:
            NotCopied: There is none.
        """
        free = sorted(set(range(32)) - self.numbers)
        if not free:
            raise NotCopied("its H.264 header leaves no number for other parameter sets")
        return free[0]

    def joined(self, other: "Header") -> bytes:
        """Return a header in this one's form with both streams' sets."""
        sps, pps = (*self.sps, *other.sps), (*self.pps, *other.pps)
        if self.length_bytes == 0:
            return b"".join(b"\x00\x00\x00\x01" + unit for unit in (*sps, *pps))
        profile = max(self.profile[0], other.profile[0], key=_PROFILES.index)
        constraints = self.profile[1] & other.profile[1]
        level = max(self.profile[2], other.profile[2])
        record = bytes([1, profile, constraints, level, 0xFC | (self.length_bytes - 1)])
        record += bytes([0xE0 | len(sps)]) + b"".join(_with_length(unit, 2) for unit in sps)
        record += bytes([len(pps)]) + b"".join(_with_length(unit, 2) for unit in pps)
        return record + (_TAIL_420 if profile >= 100 else b"")

    def in_its_form(self, packet: bytes) -> bytes:
        """Return an encoder's packet, which has start codes, with units as this stream's."""
        if self.length_bytes == 0:
            return packet
        return b"".join(_with_length(unit, self.length_bytes) for unit in units_of(packet, 0))


def _with_length(unit: bytes, length_bytes: int) -> bytes:
    return len(unit).to_bytes(length_bytes, "big") + unit


def _exp_golomb(data: bytes) -> int:
    """Read the first Exp-Golomb number of some bytes (H.264, 9.1).

    >>> _exp_golomb(bytes([0x80])), _exp_golomb(bytes([0x40])), _exp_golomb(bytes([0x28]))
    (0, 1, 4)
    """
    bits = "".join(f"{byte:08b}" for byte in data[:8])
    zeros = bits.index("1")
    return int(bits[zeros : 2 * zeros + 1], 2) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The groups of a stream that can be copied or replaced one by one.

    Attributes:
        path: The file.
        video_index: The stream.
        header: Its parameter sets.
        times: Presentation times of its packets, sorted, in ticks.
        firsts: Position in ``times``, and among the packets, at which each group begins.
    """

    path: Path
    video_index: int
    header: Header
    times: NDArray[np.int64]
    firsts: NDArray[np.int64]

    def group_of(self, pts: int) -> int:
        """Return the group that shows a time."""
        at = int(np.searchsorted(self.times, pts, side="right")) - 1
        return int(np.searchsorted(self.firsts, max(at, 0), side="right")) - 1

    def span(self, group: int) -> tuple[int, int]:
        """Return the group's first packet, and the first one after it."""
        ends = [*self.firsts[1:].tolist(), len(self.times)]
        return int(self.firsts[group]), ends[group]

    def packets(self) -> "Iterator[Packet[VideoStream]]":
        """Yield the stream's packets."""
        with contextlib.closing(open_source(self.path)) as container:
            stream = container.streams[self.video_index]
            assert isinstance(stream, VideoStream), "the stream that was scanned"
            for packet in container.demux(stream):
                if packet.size:
                    yield packet


def find_groups(reader: VideoReader, target: Path) -> Groups:
    """Read a stream's packets and find where it can be cut.

    Args:
        reader: The source.
        target: The output, whose suffix names the container.

    Raises:
        NotCopied: It cannot be cut, or not so that all is shown as before.
        VideoReadError: It cannot be read.
    """
    path, video_index, format_name = reader.path, reader.info.video_index, muxer_of(target)
    if begin_of_clock_s(format_name, reader.zero_s, clock_may_jump=reader.clock_may_jump):
        raise NotCopied(f"times in a {format_name} file begin elsewhere")
    with contextlib.closing(open_source(path)) as container:
        stream = container.streams[video_index]
        extradata = bytes(stream.codec_context.extradata or b"") if stream.codec_context else b""
    header = Header.parse(extradata)
    known = {*header.sps, *header.pps}
    found = Groups(path, video_index, header, np.zeros(0, np.int64), np.zeros(0, np.int64))
    times: list[int] = []
    firsts: list[int] = []
    latest: int | None = None
    try:
        for packet in found.packets():
            if packet.pts is None:
                raise NotCopied("its packets carry no times")
            units = list(units_of(bytes(packet), header.length_bytes))
            kinds = {unit[0] & 31 for unit in units if unit}
            if kinds & set(_PARTITIONS) or not kinds & {_SLICE, _IDR}:
                raise NotCopied("its pictures are not coded one a packet")
            if any(unit[0] & 31 in (_SPS, _PPS) and unit not in known for unit in units if unit):
                raise NotCopied("its parameter sets change on the way")
            if _IDR in kinds and (latest is None or packet.pts > latest):
                firsts.append(len(times))
            elif not firsts:
                raise NotCopied("it does not begin with a picture that stands alone")
            elif packet.pts < times[firsts[-1]]:
                raise NotCopied("pictures are shown before the one that their group begins with")
            times.append(packet.pts)
            latest = packet.pts if latest is None else max(latest, packet.pts)
    except av.error.FFmpegError as exc:
        raise VideoReadError(f"{path}: cannot be read on ({describe_error(exc)}).") from exc
    if len(set(times)) < len(times):
        raise NotCopied("packets share a time")
    return Groups(
        path, video_index, header, np.sort(np.array(times, np.int64)), np.array(firsts, np.int64)
    )
