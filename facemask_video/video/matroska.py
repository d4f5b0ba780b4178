"""Write a pixel aspect into a finished Matroska or WebM file.

PyAV has no way to give the muxer a stream's pixel aspect (PyAV-Org/PyAV issue 764), and VP8, VP9
and AV1 store none of their own. Matroska keeps it as the size to display. The muxer leaves an empty
element before the track list, so the list can be made a few bytes longer at its front without
moving anything after it.
"""

import zlib
from fractions import Fraction
from pathlib import Path

_SEGMENT, _SEEK_HEAD, _VOID, _INFO, _TRACKS = 0x18538067, 0x114D9B74, 0xEC, 0x1549A966, 0x1654AE6B
_SEEK, _SEEK_ID, _SEEK_POSITION, _CRC = 0x4DBB, 0x53AB, 0x53AC, 0xBF
_ENTRY, _NUMBER, _VIDEO, _CLUSTER = 0xAE, 0xD7, 0xE0, 0x1F43B675
_WIDTH, _HEIGHT = 0xB0, 0xBA
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_PIXELS, _RATIO = 0, 3
# Far more than a header without attachments; where they make it longer the edit is left out.
_HEADER_BYTES = 1 << 20

Element = tuple[int, bytes]


def set_pixel_aspect(path: Path, aspect: Fraction, *, track: int) -> bool:
    """Set the pixel aspect of a track in place; no other byte of the file moves.

    Args:
        path: The file, as FFmpeg's muxer has written it.
        aspect: Width to height of a pixel.
        track: Track number, from 1.

    Returns:
        Whether it was set; False where the header is not laid out as FFmpeg's muxer does.
    """
    with path.open("r+b") as file:
        head = file.read(_HEADER_BYTES)
        try:
            start, end, edited = _edit(head, aspect, track)
        except (IndexError, KeyError, ValueError, StopIteration):
            return False
        assert len(edited) == end - start, "nothing after the edit may move"
        file.seek(start)
        file.write(edited)
    return True


def _edit(head: bytes, aspect: Fraction, track: int) -> tuple[int, int, bytes]:
    """Return where the bytes to replace begin and end, and the new ones."""
    _, size, start = _header(head, 0)
    identity, size, start = _header(head, start + size)
    if identity != _SEGMENT:
        raise ValueError("no segment after the file's header")
    place = start
    elements: list[Element] = []
    while not elements or elements[-1][0] != _TRACKS:
        identity, size, place = _header(head, place)
        if identity == _CLUSTER or place + size > len(head):
            raise ValueError("no whole track list before the pictures")
        elements.append((identity, head[place : place + size]))
        place += size
    tracks = _with_aspect(elements[-1][1], aspect, track)
    elements[-1] = (_TRACKS, tracks)
    void = next(index for index, (identity, _) in enumerate(elements) if identity == _VOID)
    spare = place - start - sum(len(_element(*each)) for each in elements if each[0] != _VOID)
    elements[void] = (_VOID, bytes(spare - 9))
    if spare < 9 or sum(identity == _VOID for identity, _ in elements) != 1:
        raise ValueError("no room before the track list")
    for index, (identity, body) in enumerate(elements):
        if identity == _SEEK_HEAD:
            elements[index] = (_SEEK_HEAD, _moved(body, elements))
    return start, place, b"".join(_element(*each) for each in elements)


def _with_aspect(tracks: bytes, aspect: Fraction, track: int) -> bytes:
    entries = _children(tracks)
    for index, (identity, body) in enumerate(entries):
        fields = _children(body) if identity == _ENTRY else []
        if int.from_bytes(dict(fields).get(_NUMBER, b""), "big") != track:
            continue
        video = dict(_children(dict(fields)[_VIDEO]))
        width, height = (int.from_bytes(video[name], "big") for name in (_WIDTH, _HEIGHT))
        shown = width * aspect
        whole = shown.denominator == 1
        ratio = Fraction(shown, height)
        video[_DISPLAY_WIDTH] = _number(int(shown) if whole else ratio.numerator)
        video[_DISPLAY_HEIGHT] = _number(height if whole else ratio.denominator)
        video[_DISPLAY_UNIT] = _number(_PIXELS if whole else _RATIO)
        changed = [
            (name, b"".join(_element(*each) for each in video.items()) if name == _VIDEO else value)
            for name, value in fields
        ]
        entries[index] = (_ENTRY, b"".join(_element(*each) for each in changed))
        return _checked(entries)
    raise KeyError(track)


def _moved(seek_head: bytes, elements: list[Element]) -> bytes:
    """Return the table of positions with the places that these elements now have."""
    places, place = {}, 0
    for identity, body in elements:
        places[identity] = place
        place += len(_element(identity, body))
    entries = _children(seek_head)
    for index, (identity, body) in enumerate(entries):
        fields = dict(_children(body)) if identity == _SEEK else {}
        target = int.from_bytes(fields.get(_SEEK_ID, b""), "big")
        if target in places:
            size = len(fields[_SEEK_POSITION])
            fields[_SEEK_POSITION] = places[target].to_bytes(size, "big")
            entries[index] = (_SEEK, b"".join(_element(*each) for each in fields.items()))
    return _checked(entries)


def _checked(entries: list[Element]) -> bytes:
    """Join elements, with the checksum at their front made new where there is one."""
    rest = b"".join(_element(*each) for each in entries if each[0] != _CRC)
    if entries[0][0] != _CRC:
        return rest
    return _element(_CRC, zlib.crc32(rest).to_bytes(4, "little")) + rest


def _header(data: bytes, place: int) -> tuple[int, int, int]:
    """Return an element's identity, its size, and where its body begins."""
    width = 9 - data[place].bit_length()
    identity = int.from_bytes(data[place : place + width], "big")
    place += width
    width = 9 - data[place].bit_length()
    size = int.from_bytes(data[place : place + width], "big") & ((1 << 7 * width) - 1)
    return identity, size, place + width


def _children(body: bytes) -> list[Element]:
    found, place = [], 0
    while place < len(body):
        identity, size, place = _header(body, place)
        found.append((identity, body[place : place + size]))
        place += size
    return found


def _number(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def _element(identity: int, body: bytes) -> bytes:
    name = identity.to_bytes((identity.bit_length() + 7) // 8, "big")
    # Eight bytes of size for an empty element, so that its own length is plain to reckon with.
    width = 8 if identity == _VOID else next(n for n in range(1, 9) if len(body) < (1 << 7 * n) - 1)
    return name + (len(body) | 1 << 7 * width).to_bytes(width, "big") + body
