"""PNG: samples of 8 or 16 bits, and every chunk that says something beside them."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from facemask_video.core.errors import VideoReadError
from facemask_video.stills.exif import without_thumbnail
from facemask_video.stills.still import Samples

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP = b"XML:com.adobe.xmp\0"
# What says how the samples are coded; they are coded anew, with a palette written out.
_OF_CODING = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"hIST", b"sPLT", b"bKGD", b"acTL"}
# zlib's own default, and for each line the filter that suits it: a fifth smaller than OpenCV's.
_SMALL = [cv2.IMWRITE_PNG_COMPRESSION, 6, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_ALL_FILTERS]
# As ImageMagick writes EXIF, thumbnail and all; it is written as a chunk of its own.
_EXIF_AS_TEXT = (b"Raw profile type exif\0", b"Raw profile type APP1\0")
_CREDENTIALS = b"caBX"


def chunks_of(data: bytes, path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and content of each chunk.

    Raises:
        VideoReadError: The file ends within one.
    """
    place = len(_SIGNATURE)
    while place < len(data):
        if place + 12 > len(data):
            raise VideoReadError(f"{path}: is cut off; get it anew.")
        length, name = struct.unpack_from(">I4s", data, place)
        if place + 12 + length > len(data):
            raise VideoReadError(f"{path}: is cut off; get it anew.")
        yield name, data[place + 8 : place + 8 + length]
        if name == b"IEND":
            return
        place += 12 + length
    raise VideoReadError(f"{path}: is cut off; get it anew.")


def is_deep(data: bytes) -> bool:
    """Say whether the samples are of 16 bits, by the header."""
    return data[24:25] == b"\x10"


def read_deep(data: bytes, path: Path) -> Samples:
    """Return samples of 16 bits, (h, w) or (h, w, 3 or 4), in the order R, G, B, alpha.

    Raises:
        VideoReadError: They cannot be decoded.
    """
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.dtype != np.uint16:
        raise VideoReadError(f"{path}: its samples of 16 bits cannot be decoded here.")
    if picture.ndim == 2:
        return np.asarray(picture)
    return np.asarray(picture[:, :, (2, 1, 0, 3)[: picture.shape[2]]])


def encode_png(samples: Samples) -> bytes:
    """Return samples, (h, w) or (h, w, 2, 3 or 4), as a bare PNG file."""
    if samples.ndim == 3 and samples.shape[2] == 2:
        # OpenCV writes no grey with alpha; the same colours and alpha take four components.
        samples = samples[:, :, (0, 0, 0, 1)]
    elif samples.ndim == 3 and samples.shape[2] > 2:
        samples = samples[:, :, (2, 1, 0, 3)[: samples.shape[2]]]
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(samples), _SMALL)
    return encoded.tobytes()


def with_chunks(
    encoded: bytes, said: Sequence[tuple[bytes, bytes]], xmp: bytes | None, path: Path
) -> tuple[bytes, list[str]]:
    """Put what a source says beside its samples into a PNG file, and notes on what is left out.

    Args:
        encoded: The file that gets it.
        said: The source's chunks, all of them.
        xmp: The packet that takes the place of the source's; None leaves that out.
        path: Named in errors.
    """
    kept = []
    notes = []
    for name, content in said:
        if name in _OF_CODING or (name == b"iTXt" and content.startswith(_XMP)):
            continue
        if name in (b"tEXt", b"zTXt", b"iTXt") and content.startswith(_EXIF_AS_TEXT):
            continue
        if name == _CREDENTIALS:
            notes.append(
                "content credentials (C2PA), which vouch for the source's own bytes: left out"
            )
            continue
        if name == b"sBIT" and encoded[25:26] != b"\x02":
            continue  # has a number for each component, which may be others now
        kept.append((name, without_thumbnail(content) if name == b"eXIf" else content))
    if xmp is not None:
        # Keyword, not compressed, neither language nor its translation of the keyword.
        kept.append((b"iTXt", _XMP + b"\0\0\0\0" + xmp))
    own = list(chunks_of(encoded, path))
    chunks = [own[0], *kept, *own[1:]]
    return _SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks), notes


def _chunk(name: bytes, content: bytes) -> bytes:
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))
