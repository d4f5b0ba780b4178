"""The units that H.264 and HEVC packets consist of, whichever way a container frames them."""

import re
import struct
from collections.abc import Iterator

_START_CODE = re.compile(rb"\x00\x00\x00?\x01")


def units_of(data: bytes, length_bytes: int) -> Iterator[bytes]:
    """Yield the NAL units of a packet or header, without lengths or start codes.

    Args:
        data: The bytes.
        length_bytes: Bytes of the length before each; 0 for start codes (Annex B).
    """
    if length_bytes == 0:
        yield from (unit.rstrip(b"\x00") for unit in _START_CODE.split(data)[1:] if unit)
        return
    place = 0
    while place < len(data):
        size = int.from_bytes(data[place : place + length_bytes], "big")
        place += length_bytes
        yield data[place : place + size]
        place += size


def is_parameter_set(unit: bytes, codec: str) -> bool:
    """Tell whether a unit is a parameter set.

    >>> is_parameter_set(bytes([0x67]), "h264"), is_parameter_set(bytes([0x41]), "h264")
    (True, False)
    """
    if not unit:
        return False
    if codec == "h264":
        return unit[0] & 31 in (7, 8)
    return (unit[0] >> 1) & 63 in (32, 33, 34)


def framing_of(extradata: bytes, codec: str) -> tuple[int, tuple[bytes, ...]]:
    """Return how a stream's packets are framed, and the parameter sets in its header.

    Args:
        extradata: The header, as a container or demuxer gives it.
        codec: ``h264`` or ``hevc``.

    Returns:
        Bytes of the length before each unit, 0 for start codes; and the sets.

    Raises:
        ValueError: The header is damaged.
    """
    if extradata[:1] != b"\x01":
        return 0, tuple(units_of(extradata, 0))
    try:
        if codec == "h264":
            return (extradata[4] & 3) + 1, tuple(_record_sets(extradata))
        return (extradata[21] & 3) + 1, tuple(_hevc_sets(extradata))
    except (IndexError, struct.error) as exc:
        raise ValueError("damaged header") from exc


def _record_sets(record: bytes) -> Iterator[bytes]:
    """Read an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1)."""
    place = 5
    for mask in (31, 255):
        count, place = record[place] & mask, place + 1
        for _ in range(count):
            (size,) = struct.unpack_from(">H", record, place)
            yield record[place + 2 : place + 2 + size]
            place += 2 + size


def _hevc_sets(record: bytes) -> Iterator[bytes]:
    """Read an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1)."""
    place = 23
    for _ in range(record[22]):
        (count,) = struct.unpack_from(">H", record, place + 1)
        place += 3
        for _ in range(count):
            (size,) = struct.unpack_from(">H", record, place)
            yield record[place + 2 : place + 2 + size]
            place += 2 + size
