"""Mend the header of a finished AVI whose sound would be played at another speed.

A copied stream keeps the block size that its source's header gives, and FFmpeg's muxer then says
that sound is made of blocks of that size, one after the other. For AAC and its like a packet lasts
as long as any other, whatever its size: players find it by counting packets, where the size of a
sample is 0 (AVISTREAMHEADER, dwSampleSize). How long a block of ADPCM lasts the muxer reckons from
the nominal rate of bits, which leaves out that a block begins with a header: 0.6 % for blocks of
1,024 bytes, and more for smaller ones.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av.error
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream

from facemask_video.video.held_streams import is_block
from facemask_video.video.probe import codec_name

_HEADER_BYTES = 1 << 16
# Places in a stream's header (strh), from its first byte after name and size.
_SCALE, _RATE, _LENGTH, _SAMPLE_SIZE = 20, 24, 32, 44
# Of a sound's form (strf) likewise.
_BYTE_RATE = 8
# Sound whose packets last alike and differ in size.
_UNEQUAL = {"aac", "ac3", "eac3", "dts", "vorbis", "opus"}


@dataclass(slots=True)
class SoundClock:
    """What makes up the times of a copied stream of sound.

    Attributes:
        packets: How many there were.
        has_equal_times: Whether a packet lasts as long as any other, whatever its size.
        byte_s: Seconds a byte, for sound in blocks of one size and length; None for others, and
            until a packet was decoded.
    """

    packets: int = 0
    has_equal_times: bool = False
    byte_s: Fraction | None = None

    def count(self, stream: Stream, packet: "Packet[Stream]") -> None:
        """Take a packet of a source's stream into account."""
        self.packets += 1
        self.has_equal_times = codec_name(stream) in _UNEQUAL
        if self.byte_s is None and isinstance(stream, AudioStream) and is_block(stream):
            try:
                # Demuxers round a packet's length to their clock.
                samples = sum(frame.samples for frame in stream.codec_context.decode(packet))
            except av.error.FFmpegError:
                return
            if samples and packet.size:
                self.byte_s = Fraction(samples, packet.size * stream.codec_context.sample_rate)


def mend_sound(path: Path, clocks: Mapping[int, SoundClock]) -> None:
    """Let the times of some streams be those of their packets.

    Args:
        path: The file.
        clocks: Of those streams, by their place among all.
    """
    if not clocks:
        return
    with path.open("r+b") as file:
        head = bytearray(file.read(_HEADER_BYTES))
        at, index = head.find(b"strh"), 0
        while at >= 0:
            after = head.find(b"strh", at + 4)
            if index in clocks:
                form = head.find(b"strf", at, after if after >= 0 else len(head))
                _mend(head, at + 8, form + 8, clocks[index])
            at, index = after, index + 1
        file.seek(0)
        file.write(head)


def _mend(head: bytearray, at: int, form: int, clock: SoundClock) -> None:
    (sample_size,) = struct.unpack_from("<I", head, at + _SAMPLE_SIZE)
    if not sample_size:
        return
    if clock.has_equal_times:
        struct.pack_into("<I", head, at + _LENGTH, clock.packets)
        struct.pack_into("<I", head, at + _SAMPLE_SIZE, 0)
    elif clock.byte_s is not None:
        block_s = clock.byte_s * sample_size
        struct.pack_into("<II", head, at + _SCALE, block_s.numerator, block_s.denominator)
        struct.pack_into("<I", head, form + _BYTE_RATE, round(1 / clock.byte_s))
