import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from trainers.fit.curves import draw_curves
from trainers.fit.tensorboard import EventWriter, crc32c


def _records(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        for start, size in ((0, 8), (12, length)):
            value = crc32c(content[start : start + size])
            masked = (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF
            (found,) = struct.unpack("<I", content[start + size : start + size + 4])
            assert found == masked
        yield content[12 : 12 + length]
        content = content[16 + length :]


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int | float]]:
    """Read a protocol buffer message: field numbers and values."""
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        elif key & 7 == 2:
            size = varint()
            yield key >> 3, message[place : place + size]
            place += size
        else:
            size, form = (8, "<d") if key & 7 == 1 else (4, "<f")
            yield key >> 3, struct.unpack(form, message[place : place + size])[0]
            place += size


def _of(message: bytes, field: int) -> bytes:
    [value] = [value for number, value in _fields(message) if number == field]
    assert isinstance(value, bytes)
    return value


def test_events_hold_scalars_and_pictures_with_their_step(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    with EventWriter(tmp_path / "tensorboard") as events:
        events.scalars({"mask/l1": 0.25, "unmask/l1": 2.0}, 300)
        events.picture("previews", image, 70_000)

    [path] = (tmp_path / "tensorboard").iterdir()
    version, scalars, picture = _records(path)
    assert _of(version, 3) == b"brain.Event:2"
    assert dict(_fields(scalars))[2] == 300
    values = [dict(_fields(value)) for _, value in _fields(_of(scalars, 5))]  # type: ignore[arg-type]
    assert values == [{1: b"mask/l1", 2: 0.25}, {1: b"unmask/l1", 2: 2.0}]
    assert dict(_fields(picture))[2] == 70_000
    shown = dict(_fields(_of(_of(_of(picture, 5), 1), 4)))
    assert (shown[1], shown[2], shown[3]) == (20, 30, 3)
    packed = np.frombuffer(_of(_of(_of(picture, 5), 1), 4), np.uint8)
    png = np.frombuffer(dict(_fields(packed.tobytes()))[4], np.uint8)  # type: ignore[arg-type]
    decoded = cv2.imdecode(png, cv2.IMREAD_COLOR)
    assert decoded is not None
    assert np.array_equal(decoded[..., ::-1], image)


@pytest.mark.parametrize("n_lines", [0, 1, 20])
def test_curves_have_a_panel_for_each_loss(n_lines: int) -> None:
    lines = [
        {"images_seen": 8.0 * step, "mask/l1": 1 / (step + 1), "unmask/l1": float("nan")}
        for step in range(n_lines)
    ]

    picture = draw_curves(lines, n_columns=2)

    assert picture.shape == (180, 640, 3)
    inked = (picture[:, :320] != 255).any(axis=2)
    assert inked.any() == (n_lines > 0)
