"""Where H.264 says that its chroma samples lie, which PyAV does not hand out.

Read from the sequence parameter set: ITU-T H.264 (08/2021), 7.3.2.1.1 and E.1.1.
"""

from dataclasses import dataclass

SITINGS = ("left", "center", "topleft", "top", "bottomleft", "bottom")
"""FFmpeg's names of the six places, in the order of their numbers."""

_LEFT = SITINGS[0]
_START_CODE = b"\0\0\1"
_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}
_EXTENDED_ASPECT = 255


def h264_siting(extradata: bytes | None) -> str:
    """Return the siting that a header names; ``left``, which is the default, where it names none.

    Args:
        extradata: Of the codec, as in mp4 (avcC) or as in a stream (Annex B).
    """
    unit = _parameter_set(extradata or b"")
    if unit is None:
        return _LEFT
    try:
        number = _siting_number(_Bits(unit.replace(b"\0\0\3", b"\0\0")))
    except IndexError:
        return _LEFT
    return SITINGS[number] if number < len(SITINGS) else _LEFT


def _parameter_set(data: bytes) -> bytes | None:
    """Return the first sequence parameter set, without its unit's header."""
    if data[:1] == b"\1":
        size = int.from_bytes(data[6:8], "big")
        return data[9 : 8 + size] if len(data) > 9 and data[5] & 31 else None
    at = data.find(_START_CODE)
    while 0 <= at < len(data) - 4:
        end = data.find(_START_CODE, at + 3)
        if data[at + 3] & 31 == 7:
            return data[at + 4 : end if end > 0 else None]
        at = end
    return None


@dataclass(slots=True)
class _Bits:
    data: bytes
    at: int = 0

    def take(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | (self.data[self.at >> 3] >> (7 - (self.at & 7)) & 1)
            self.at += 1
        return value

    def number(self) -> int:
        """Take an unsigned Exp-Golomb number (9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        number = self.number()
        return (number + 1) // 2 if number & 1 else -(number // 2)


def _siting_number(bits: _Bits) -> int:
    profile = bits.take(8)
    bits.take(16)
    bits.number()
    if profile in _HIGH_PROFILES:
        _skip_high_profile(bits)
    bits.number()
    order_type = bits.number()
    if order_type == 0:
        bits.number()
    elif order_type == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        for _ in range(bits.number()):
            bits.signed()
    bits.number()
    bits.take(1)
    bits.number()
    bits.number()
    if not bits.take(1):
        bits.take(1)
    bits.take(1)
    if bits.take(1):
        for _ in range(4):
            bits.number()
    return _siting_in_usability(bits) if bits.take(1) else 0


def _skip_high_profile(bits: _Bits) -> None:
    chroma = bits.number()
    if chroma == 3:
        bits.take(1)
    bits.number()
    bits.number()
    bits.take(1)
    if not bits.take(1):
        return
    for index in range(12 if chroma == 3 else 8):
        if bits.take(1):
            last = following = 8
            for _ in range(16 if index < 6 else 64):
                if following:
                    following = (last + bits.signed()) % 256
                last = following or last


def _siting_in_usability(bits: _Bits) -> int:
    if bits.take(1) and bits.take(8) == _EXTENDED_ASPECT:
        bits.take(32)
    if bits.take(1):
        bits.take(1)
    if bits.take(1):
        bits.take(4)
        if bits.take(1):
            bits.take(24)
    return bits.number() if bits.take(1) else 0
