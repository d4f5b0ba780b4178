"""One clock for a recording whose own starts anew or jumps on the way.

Transport streams and the like may be joined of several recordings, or come from a sender that was
restarted: the times then begin again, and what is shown later would lie before what was shown.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

from facemask_video.video.probe import stream_time_base

# FFmpeg's own bound (dts_delta_threshold): so long a pause is taken for a jump of the clock.
_LONGEST_PAUSE_S = 10.0
# Times that fall by less than this are a muxer's carelessness, not another clock.
_CARELESS_S = 0.1
# A stretch of the clock goes on where a packet is due to within this.
_NEAR_S = 1.0
# A thousand years, and more ticks than any clock has gone through: those of a damaged header.
_BELIEVABLE_S = 1000 * 365 * 24 * 3600
_BELIEVABLE_TICKS = 1 << 62
# Packets of other streams that wait for the video to say how far the clock has jumped.
_MOST_HELD = 500


class ContinuousClock:
    """Moves packets so that the times of each stream go on where the clock jumps.

    All streams move by the same amount, such that the video goes on at its own pace. Packets must
    come in the file's order, from its beginning.

    Args:
        video_index: The stream that says how far.
        closes_pauses: Whether the container's clock may jump forward too (FFmpeg's ``ts_discont``);
            elsewhere a pause is a pause, however long.
    """

    def __init__(self, *, video_index: int, closes_pauses: bool) -> None:
        self._video_index = video_index
        self._closes_pauses = closes_pauses
        self._offsets_s = [Fraction(0)]
        self._part_of: dict[int, int] = {}
        self._last_s: dict[int, float] = {}
        self._due_s: dict[int, Fraction] = {}

    @property
    def jumps(self) -> int:
        """Number of times the clock has jumped so far."""
        return len(self._offsets_s) - 1

    def mend(self, packets: "Iterable[Packet[Stream]]") -> "Iterator[Packet[Stream]]":
        """Yield the packets, with their times moved in place."""
        # The empty packets that end a stream name it by `stream` alone, not by `stream_index`.
        held: list[Packet[Stream]] = []
        for packet in packets:
            index = packet.stream.index
            _drop_unbelievable(packet)
            if index != self._video_index and len(held) < _MOST_HELD:
                waiting = any(other.stream.index == index for other in held)
                if waiting or (_is_steady(packet) and self._part_for(packet) is None):
                    held.append(packet)
                    continue
            jumps = self.jumps
            self._move(packet)
            yield packet
            if held and (self.jumps > jumps or len(held) >= _MOST_HELD):
                yield from self._moved(held)
                held = []
        yield from self._moved(held)

    def _moved(self, packets: "list[Packet[Stream]]") -> "Iterator[Packet[Stream]]":
        for packet in packets:
            self._move(packet)
            yield packet

    def _move(self, packet: "Packet[Stream]") -> None:
        time_s = _time_of(packet)
        index = packet.stream.index
        part = self._part_for(packet)
        if part is None:
            assert time_s is not None, "without a time it begins nothing"
            self._offsets_s.append(self._due_s[index] - time_s)
            part = self.jumps
        self._part_of[index] = part
        offset_s = self._offsets_s[part]
        base = stream_time_base(packet.stream)
        if offset_s:
            ticks = round(offset_s / base)
            if packet.pts is not None:
                packet.pts += ticks
            if packet.dts is not None:
                packet.dts += ticks
        if time_s is None:
            return
        self._last_s[index] = float(time_s + offset_s)
        self._due_s[index] = time_s + offset_s + (packet.duration or 0) * base

    def _part_for(self, packet: "Packet[Stream]") -> int | None:
        """Return which stretch of the clock a packet lies in; None where it begins another."""
        time_s = _time_of(packet)
        index = packet.stream.index
        newest = self._part_of.get(self._video_index, 0)
        part = self._part_of.get(index, newest)
        if time_s is None or index not in self._last_s:
            return part
        if not _is_steady(packet):
            # Subtitles and data say little about the clock; the video's is nearest.
            now_s = self._last_s.get(self._video_index, 0.0)
            return min((part, newest), key=lambda p: abs(self._at(time_s, p) - now_s))
        if not self._has_jumped(packet, self._at(time_s, part)):
            return part
        due_s = float(self._due_s[index])
        known = [p for p in range(self.jumps + 1) if p != part]
        nearest = min(known, key=lambda p: abs(self._at(time_s, p) - due_s), default=None)
        if nearest is None or abs(self._at(time_s, nearest) - due_s) > _NEAR_S:
            return None
        return nearest

    def _has_jumped(self, packet: "Packet[Stream]", time_s: float) -> bool:
        index = packet.stream.index
        if time_s < self._last_s[index] - _CARELESS_S:
            return True
        # Other streams may pause where the video goes on.
        video_due_s = self._due_s.get(self._video_index, self._due_s[index])
        due_s = max(self._due_s[index], video_due_s)
        return self._closes_pauses and time_s > due_s + _LONGEST_PAUSE_S

    def _at(self, time_s: Fraction, part: int) -> float:
        return float(time_s + self._offsets_s[part])


def _drop_unbelievable(packet: "Packet[Stream]") -> None:
    most = min(_BELIEVABLE_TICKS, int(_BELIEVABLE_S / stream_time_base(packet.stream)))
    if packet.pts is not None and abs(packet.pts) > most:
        packet.pts = None
    if packet.dts is not None and abs(packet.dts) > most:
        packet.dts = None


def _time_of(packet: "Packet[Stream]") -> Fraction | None:
    # Presentation times rise and fall, and say nothing about a jump.
    return None if packet.dts is None else packet.dts * stream_time_base(packet.stream)


def _is_steady(packet: "Packet[Stream]") -> bool:
    return packet.stream.type in ("video", "audio")
