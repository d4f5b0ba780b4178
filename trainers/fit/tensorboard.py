"""Event files that TensorBoard reads, written without it: scalars and pictures.

The format is a chain of records (length, checksum, content, checksum), each content an ``Event``
message of a few fields: see tensorflow/core/util/event.proto and summary.proto.
"""

import struct
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from facemask_video.core.frame import ImageU8

_POLYNOMIAL = 0x82F63B78


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def crc32c(content: bytes) -> int:
    """Return the Castagnoli checksum.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    value = 0xFFFFFFFF
    for byte in content:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


class EventWriter:
    """Appends to one event file; close it, or use it with ``with``."""

    def __init__(self, folder: Path) -> None:
        """Begin a file in ``folder``, which TensorBoard is pointed at."""
        folder.mkdir(parents=True, exist_ok=True)
        # Nanoseconds: a resumed run begins a file of its own, which TensorBoard joins by step.
        path = folder / f"events.out.tfevents.{time.time_ns()}.facemask-train"
        self._file = path.open("wb")
        self._record(_double(1, time.time()) + _bytes(3, b"brain.Event:2"))

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Write numbers by name."""
        content = b"".join(
            _bytes(1, _bytes(1, name.encode()) + _float(2, value)) for name, value in values.items()
        )
        self._event(content, step)

    def picture(self, name: str, image: ImageU8, step: int) -> None:
        """Write an RGB picture."""
        height, width = image.shape[:2]
        packed = np.asarray(cv2.imencode(".png", image[..., ::-1])[1]).tobytes()
        about = _integer(1, height) + _integer(2, width) + _integer(3, 3) + _bytes(4, packed)
        self._event(_bytes(1, _bytes(1, name.encode()) + _bytes(4, about)), step)

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def __enter__(self) -> "EventWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _event(self, summary: bytes, step: int) -> None:
        self._record(_double(1, time.time()) + _integer(2, step) + _bytes(5, summary))

    def _record(self, content: bytes) -> None:
        length = struct.pack("<Q", len(content))
        self._file.write(length + _checksum(length) + content + _checksum(content))
        self._file.flush()


def _checksum(content: bytes) -> bytes:
    # Rotated and shifted, as records of records would otherwise have trivial checksums.
    value = crc32c(content)
    return struct.pack("<I", (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(value: int) -> bytes:
    packed = bytearray()
    while value > 0x7F:
        packed.append(value & 0x7F | 0x80)
        value >>= 7
    packed.append(value)
    return bytes(packed)


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)
