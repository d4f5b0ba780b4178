"""The block of EXIF: which way up the picture is, and the pictures that hide in the block."""

import re
import struct
from typing import Literal

from facemask_video.video.orientation import UPRIGHT, Orientation

_ORIENTATION = 0x0112

_ORIENTATIONS = {
    1: UPRIGHT,
    2: Orientation(False, flip_x=True),
    3: Orientation(False, flip_x=True, flip_y=True),
    4: Orientation(False, flip_y=True),
    5: Orientation(True),
    6: Orientation(True, flip_x=True),
    7: Orientation(True, flip_x=True, flip_y=True),
    8: Orientation(True, flip_y=True),
}
"""EXIF 2.32, section 4.6.4, tag Orientation."""

# From the start of an image to its end, as JPEG marks them.
_EMBEDDED_JPEG = re.compile(rb"\xff\xd8\xff[\xc0-\xfe].*?\xff\xd9", re.DOTALL)
# Where a thumbnail's bytes lie and how many they are: of JPEG, and of strips.
_PLACES_OF_THUMBNAIL = ((0x0201, 0x0202), (0x0111, 0x0117))


def orientation_of(exif: bytes | None) -> Orientation:
    """Return how a picture is displayed; upright where its EXIF does not say, or is damaged.

    Args:
        exif: From the TIFF header on.
    """
    if exif is None:
        return UPRIGHT
    order = _byte_order(exif)
    if order is None:
        return UPRIGHT
    first = int.from_bytes(exif[4:8], order)
    value = _entries(exif, first, order)[0].get(_ORIENTATION, 1)
    return _ORIENTATIONS.get(value, UPRIGHT)


def without_thumbnail(exif: bytes) -> bytes:
    """Return the block without the small picture in it, which shows the faces as they were.

    Everything else stays at its place, as makers' notes point at places: the thumbnail's directory
    is unlinked, and its bytes are zeros. The same becomes of any further JPEG in the block.

    Args:
        exif: From the TIFF header on.
    """
    order = _byte_order(exif)
    block = bytearray(exif)
    if order is not None:
        first = int.from_bytes(exif[4:8], order)
        _, link = _entries(exif, first, order)
        if link is not None:
            second = int.from_bytes(exif[link : link + 4], order)
            block[link : link + 4] = bytes(4)
            thumbnail = _entries(exif, second, order)[0] if second else {}
            for where, how_many in _PLACES_OF_THUMBNAIL:
                start, length = thumbnail.get(where, 0), thumbnail.get(how_many, 0)
                end = min(len(block), start + length)
                if 8 <= start < end:
                    block[start:end] = bytes(end - start)
    return _EMBEDDED_JPEG.sub(lambda found: bytes(len(found[0])), bytes(block))


_ByteOrder = Literal["little", "big"]


def _byte_order(exif: bytes) -> _ByteOrder | None:
    orders: dict[bytes, _ByteOrder] = {b"II*\0": "little", b"MM\0*": "big"}
    return orders.get(bytes(exif[:4]))


def _entries(exif: bytes, offset: int, order: _ByteOrder) -> tuple[dict[int, int], int | None]:
    """Return a directory's entries of one number each, and where its link to the next lies."""
    if not 8 <= offset <= len(exif) - 2:
        return {}, None
    count = int.from_bytes(exif[offset : offset + 2], order)
    link = offset + 2 + 12 * count
    if link + 4 > len(exif):
        return {}, None
    mark = "<" if order == "little" else ">"
    values = {}
    for place in range(offset + 2, link, 12):
        tag, kind, number = struct.unpack_from(f"{mark}HHI", exif, place)
        if number == 1 and kind in (3, 4):
            values[tag] = struct.unpack_from(mark + ("H" if kind == 3 else "I"), exif, place + 8)[0]
    return values, link
