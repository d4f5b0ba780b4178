"""The segments before a JPEG's scans: which are kept, and which show what is to be changed."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from facemask_video.stills.exif import without_thumbnail

_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_LONG_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_ICC = b"ICC_PROFILE\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_APP0, _APP1, _APP2, _APP11, _APP12, _APP13, _APP14, _COM = (
    *(0xE0, 0xE1, 0xE2, 0xEB, 0xEC, 0xED, 0xEE),
    0xFE,
)
_SCAN = 0xDA
_FRAMES = (0xC0, 0xC1, 0xC2)
_MOST_BYTES = 65533
# Photoshop's resources 1033 and 1036, thumbnails.
_THUMBNAIL_RESOURCES = (1033, 1036)


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker and the bytes after its length."""

    marker: int
    content: bytes

    @property
    def is_about(self) -> bool:
        """Whether it says something beside the samples: an APPn or a comment."""
        return 0xE0 <= self.marker <= 0xEF or self.marker == _COM

    def to_bytes(self) -> bytes:
        """Return it as it stands in a file."""
        return struct.pack(">BBH", 0xFF, self.marker, len(self.content) + 2) + self.content


def read_segments(data: bytes) -> tuple[list[Segment], int]:
    """Return the segments before the first scan, and where the scan's own segment begins.

    Raises:
        ValueError: There is no scan.
    """
    segments: list[Segment] = []
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            raise ValueError("no marker where one belongs")
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker == _SCAN:
            return segments, place
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        segments.append(Segment(marker, data[place + 4 : place + 2 + length]))
        place += 2 + length
    raise ValueError("no scan")


def exif_of(segments: Sequence[Segment]) -> bytes | None:
    """Return the block of EXIF from the TIFF header on."""
    return next(_contents(segments, _APP1, _EXIF), None)


def xmp_of(segments: Sequence[Segment]) -> bytes | None:
    """Return the packet of XMP."""
    return next(_contents(segments, _APP1, _XMP), None)


def icc_of(segments: Sequence[Segment]) -> bytes | None:
    """Return the colour profile, joined from its parts."""
    parts = sorted(_contents(segments, _APP2, _ICC), key=lambda part: part[:1])
    return b"".join(part[2:] for part in parts) or None


def is_rgb(segments: Sequence[Segment]) -> bool:
    """Say whether three components are R, G and B: by Adobe's segment, or failing that by name.

    JFIF is YCbCr, whatever the components are called.
    """
    if any(True for _ in _contents(segments, _APP0, b"JFIF\0")):
        return False
    for content in _contents(segments, _APP14, b"Adobe"):
        return content[6:7] == b"\0"
    frame = next((each.content for each in segments if each.marker in _FRAMES), b"")
    return frame[6:15:3] == b"RGB"


def _contents(segments: Sequence[Segment], marker: int, begins: bytes) -> Iterator[bytes]:
    for segment in segments:
        if segment.marker == marker and segment.content.startswith(begins):
            yield segment.content[len(begins) :]


def kept_segments(
    segments: Sequence[Segment], xmp: bytes | None
) -> tuple[list[Segment], list[str]]:
    """Return what a changed picture keeps of what its source says, and notes on what it loses.

    Taken out is what shows the faces as they were: thumbnails, and pointers to further pictures;
    what vouches for the source's bytes; and what nobody here can look into.

    Args:
        segments: The source's.
        xmp: The packet that takes the place of the source's; None leaves that out.
    """
    kept: list[Segment] = []
    lost: list[str] = []
    for segment in segments:
        if not segment.is_about:
            continue
        marker, content = segment.marker, segment.content
        if marker == _APP0 and content.startswith(b"JFIF\0") and len(content) >= 14:
            kept.append(Segment(marker, content[:12] + b"\0\0"))
        elif marker == _APP1 and content.startswith(_EXIF):
            kept.append(Segment(marker, _EXIF + without_thumbnail(content[len(_EXIF) :])))
        elif marker == _APP13 and content.startswith(_PHOTOSHOP):
            resources = without_photoshop_thumbnails(content[len(_PHOTOSHOP) :])
            kept.append(Segment(marker, _PHOTOSHOP + resources))
        elif (marker == _APP2 and content.startswith(_ICC)) or marker in (_APP12, _APP14, _COM):
            kept.append(segment)
        elif marker == _APP11 and content.startswith(b"JP"):
            lost.append("content credentials (C2PA), which vouch for the source's own bytes")
        elif marker == _APP1 and content.startswith(_LONG_XMP):
            lost.append("the second part of the XMP, which holds further pictures")
        elif not content.startswith((b"JFXX\0", b"MPF\0", _XMP)):
            lost.append(f"application data of kind APP{marker - _APP0}")
    if xmp is not None:
        if len(_XMP) + len(xmp) > _MOST_BYTES:
            raise ValueError("the XMP does not fit into one segment")
        # Readers want JFIF first, and EXIF right after it.
        place = sum(each.marker in (_APP0, _APP1) for each in kept)
        kept.sort(key=lambda each: (each.marker != _APP0, each.marker != _APP1))
        kept.insert(place, Segment(_APP1, _XMP + xmp))
    return kept, [f"{what}: left out" for what in dict.fromkeys(lost)]


def assemble(kept: Sequence[Segment], encoded: bytes) -> bytes:
    """Return a JPEG file of what is said beside, and of the samples of another JPEG file."""
    segments, scan = read_segments(encoded)
    # Adobe's segment says that components are R, G and B, which some files say by their names.
    says_colours = any(segment.marker == _APP14 for segment in kept)
    own = [
        segment
        for segment in segments
        if not segment.is_about or (segment.marker == _APP14 and not says_colours)
    ]
    head = b"".join(segment.to_bytes() for segment in (*kept, *own))
    return b"\xff\xd8" + head + encoded[scan:]


def without_photoshop_thumbnails(resources: bytes) -> bytes:
    """Take the thumbnails out of Photoshop's resources; damaged ones are kept up to the damage."""
    kept = []
    place = 0
    while resources[place : place + 4] == b"8BIM" and place + 8 <= len(resources):
        number = int.from_bytes(resources[place + 4 : place + 6], "big")
        # A Pascal string and the data, each filled up to an even length.
        name_end = place + 6 + (resources[place + 6] + 2) // 2 * 2
        length = int.from_bytes(resources[name_end : name_end + 4], "big")
        end = name_end + 4 + (length + 1) // 2 * 2
        if number not in _THUMBNAIL_RESOURCES:
            kept.append(resources[place:end])
        place = end
    return b"".join(kept)
