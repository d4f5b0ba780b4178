"""Write into a finished GIF what FFmpeg's muxer does not, and read how often a GIF plays.

A comment, and how long the last picture lasts: GIF89a, sections 23 and 24.
"""

from pathlib import Path

_EXTENSION, _COMMENT, _CONTROL, _APPLICATION, _IMAGE = 0x21, 0xFE, 0xF9, 0xFF, 0x2C
_HEADER_BYTES = 13


def loop_count(path: Path) -> int | None:
    """Return how often a GIF plays after the first time; 0 for ever, None where it plays once.

    >>> loop_count(Path("missing.gif")) is None
    True
    """
    try:
        data = path.read_bytes()
    except OSError:
        return None
    for kind, label, start, blocks in _walk(data):
        if (kind, label) == (_EXTENSION, _APPLICATION) and data[start + 3 : start + 14] in (
            b"NETSCAPE2.0",
            b"ANIMEXTS1.0",
        ):
            for first, size in blocks[1:]:
                if size >= 3 and data[first] == 1:
                    return int.from_bytes(data[first + 1 : first + 3], "little")
    return None


def finish_gif(path: Path, *, comment: str, last_delay_cs: int | None) -> None:
    """Add a comment and set the delay after the last picture, in hundredths of a second."""
    data = bytearray(path.read_bytes())
    controls = [
        start
        for kind, label, start, _ in _walk(bytes(data))
        if (kind, label) == (_EXTENSION, _CONTROL)
    ]
    if controls and last_delay_cs is not None:
        at = controls[-1] + 4
        data[at : at + 2] = min(last_delay_cs, 0xFFFF).to_bytes(2, "little")
    if comment:
        text = comment.encode("utf-8")
        pieces = [text[at : at + 255] for at in range(0, len(text), 255)]
        block = b"".join(bytes([len(piece)]) + piece for piece in pieces)
        at = _first_block(data)
        data[at:at] = bytes([_EXTENSION, _COMMENT]) + block + b"\0"
    path.write_bytes(data)


def _first_block(data: bytes | bytearray) -> int:
    table = 3 << ((data[10] & 7) + 1) if len(data) > 10 and data[10] & 0x80 else 0
    return _HEADER_BYTES + table


def _walk(data: bytes) -> "list[tuple[int, int, int, list[tuple[int, int]]]]":
    """Return each block: its kind, an extension's label, where it begins, and its data blocks."""
    found: list[tuple[int, int, int, list[tuple[int, int]]]] = []
    if data[:3] != b"GIF":
        return found
    at = _first_block(data)
    try:
        while data[at] in (_EXTENSION, _IMAGE):
            start, kind = at, data[at]
            label = data[at + 1] if kind == _EXTENSION else 0
            if kind == _EXTENSION:
                at += 2
            else:
                packed = data[at + 9]
                at += 11 + (3 << ((packed & 7) + 1) if packed & 0x80 else 0)
            blocks = []
            while data[at]:
                blocks.append((at + 1, data[at]))
                at += 1 + data[at]
            at += 1
            found.append((kind, label, start, blocks))
    except IndexError:
        pass  # cut off: what came before it counts
    return found
