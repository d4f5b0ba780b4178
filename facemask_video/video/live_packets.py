"""Encoded packets on the clock of a live run, and the form of the sound that is passed on."""

import io
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from facemask_video.video.probe import stream_time_base

CLOCK = Fraction(1, 90_000)
"""Seconds a tick of a run's clock, MPEG-TS's and RTP's own; it begins when the run does."""


@dataclass(frozen=True, slots=True)
class LivePacket:
    """A packet that several outputs write.

    Attributes:
        data: Its bytes.
        pts, dts: In ticks of `CLOCK`.
        duration: Likewise; 0 where nothing says it.
        is_key: Whether decoding may begin with it.
        is_audio: Whether it is sound.
    """

    data: bytes
    pts: int
    dts: int
    duration: int
    is_key: bool
    is_audio: bool

    @classmethod
    def of_audio(cls, packet: "Packet[Stream]") -> "LivePacket":
        """Copy a packet of sound, on its source's own clock."""
        return cls._copied(packet, stream_time_base(packet.stream), is_audio=True)

    @classmethod
    def of_video(cls, packet: "Packet[Any]") -> "LivePacket":
        """Copy a packet of an encoder whose clock is `CLOCK`."""
        return cls._copied(packet, CLOCK, is_audio=False)

    @classmethod
    def _copied(cls, packet: "Packet[Any]", base: Fraction, *, is_audio: bool) -> "LivePacket":
        pts = packet.pts if packet.pts is not None else (packet.dts or 0)
        dts = packet.dts if packet.dts is not None else pts
        return cls(
            data=bytes(packet),
            pts=round(pts * base / CLOCK),
            dts=round(dts * base / CLOCK),
            duration=round((packet.duration or 0) * base / CLOCK),
            is_key=is_audio or bool(packet.is_keyframe),
            is_audio=is_audio,
        )

    def moved(self, shift_s: float) -> "LivePacket":
        """Return the packet at a later time."""
        ticks = round(shift_s / CLOCK)
        return replace(self, pts=self.pts + ticks, dts=self.dts + ticks)

    @property
    def time_s(self) -> float:
        """When it is due."""
        return float(self.pts * CLOCK)

    def packet(self, stream: Stream) -> "Packet[Stream]":
        """Return it as a packet for one output's stream."""
        made: Packet[Any] = Packet(self.data)
        made.pts, made.dts, made.duration = self.pts, self.dts, self.duration
        made.time_base = CLOCK
        made.is_keyframe = self.is_key
        made.stream = stream
        return made


class AudioTemplate:
    """What sound is like, kept beyond the connection that it came through.

    Attributes:
        stream: Like the source's; what outputs make theirs after.
        codec: FFmpeg's name of its codec.
        header: What a decoder is told before the first packet; empty where each says it.
    """

    def __init__(self, stream: Stream, codec: str, header: bytes) -> None:
        self.stream, self.codec, self.header = stream, codec, header

    @classmethod
    def of(cls, stream: AudioStream) -> "AudioTemplate | None":
        """Keep a stream's form; None where it has none that can be passed on."""
        # A container that nothing is written to holds a copy; the source's own goes with its
        # connection.
        scratch = av.open(io.BytesIO(), mode="w", format="nut")
        try:
            copy = scratch.add_stream_from_template(stream, opaque=True)
        except ValueError:
            return None
        context = stream.codec_context
        template = cls(copy, str(context.codec.canonical_name), bytes(context.extradata or b""))
        template._scratch = scratch
        return template

    def like(self, output: OutputContainer) -> Stream:
        """Give an output a stream for this sound."""
        added = output.add_stream_from_template(self.stream, opaque=True)
        if self.header:
            added.codec_context.extradata = self.header
        return added

    _scratch: Any = None


_ADTS_SYNC, _ADTS_BYTES = 0xFFF, 7


def adts_header(data: bytes) -> bytes:
    """Return what the ADTS header of a packet of AAC says, as other containers say it once.

    ISO/IEC 13818-7, section 6.2, to the AudioSpecificConfig of ISO/IEC 14496-3, section 1.6.2.1;
    empty where there is none.

    >>> adts_header(bytes.fromhex("fff150800ffffc")).hex()
    '1210'
    """
    if not _has_adts(data):
        return b""
    kind, rate = (data[2] >> 6) + 1, data[2] >> 2 & 0xF
    channels = (data[2] & 1) << 2 | data[3] >> 6
    return (kind << 11 | rate << 7 | channels << 3).to_bytes(2, "big")


def without_adts(data: bytes) -> bytes:
    """Return a packet of AAC without the header that only some containers want."""
    if not _has_adts(data):
        return data
    has_checksum = not data[1] & 1
    return data[_ADTS_BYTES + 2 * has_checksum :]


def _has_adts(data: bytes) -> bool:
    return len(data) > _ADTS_BYTES - 1 and data[0] << 4 | data[1] >> 4 == _ADTS_SYNC
