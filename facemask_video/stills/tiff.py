"""TIFF: pages of any depth, with the tags of their source."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facemask_video.stills.jpeg_segments import without_photoshop_thumbnails
from facemask_video.stills.still import Metadata, Samples

_XMP, _IPTC, _PHOTOSHOP, _ICC, _LAYERS = 700, 33723, 34377, 34675, 37724
_EXIF, _GPS, _INTEROP = 34665, 34853, 40965
_COMPRESSION, _DEFLATE = 259, 8
# Tags that say how samples are coded and where they lie, or lead to further pictures.
_OF_CODING = frozenset(
    (*range(255, 269), 266, 273, 277, 278, 279, 284, *range(288, 296), 301, 317, *range(320, 326))
) - {270} | {330, 338, 339, 340, 341, 347, *range(512, 522), 529, 530, 531, 532, _LAYERS}
_CREDENTIALS = 52545


@dataclass(frozen=True, slots=True, eq=False)
class TiffPage:
    """What is written of one page.

    Attributes:
        samples: (h, w) or (h, w, 2, 3 or 4), uint8 or uint16; the last of 2 and 4 is alpha.
        tags: Number and value, as Pillow gives and takes them.
        deflate: Whether the samples are compressed.
    """

    samples: Samples
    tags: Mapping[int, Any]
    deflate: bool = True


def tags_of_page(picture: Any) -> tuple[dict[int, Any], list[str]]:
    """Return the tags of a page that is open in Pillow, and notes on what is left out.

    Directories within, such as EXIF, are dictionaries.
    """
    tags = {tag: value for tag, value in picture.tag_v2.items() if tag not in _OF_CODING}
    exif = picture.getexif()
    for tag in (_EXIF, _GPS):
        if tag in tags:
            tags[tag] = dict(exif.get_ifd(tag))
            tags[tag].pop(_INTEROP, None)
    if _PHOTOSHOP in tags:
        tags[_PHOTOSHOP] = without_photoshop_thumbnails(bytes(tags[_PHOTOSHOP]))
    notes = []
    if _LAYERS in picture.tag_v2:
        notes.append("Photoshop's layers, which show the faces as they were: left out")
    if tags.pop(_CREDENTIALS, None) is not None:
        notes.append("content credentials (C2PA), which vouch for the source's own bytes: left out")
    return tags, notes


def tags_of_metadata(metadata: Metadata) -> dict[int, Any]:
    """Return the tags for what another format says."""
    from PIL import Image

    tags: dict[int, Any] = {}
    if metadata.exif is not None:
        exif = Image.Exif()
        exif.load(metadata.exif)
        tags.update({tag: value for tag, value in exif.items() if tag not in _OF_CODING})
        for tag in (_EXIF, _GPS):
            if tag in tags:
                tags[tag] = dict(exif.get_ifd(tag))
                tags[tag].pop(_INTEROP, None)
    if metadata.icc is not None:
        tags[_ICC] = metadata.icc
    if metadata.dpi is not None:
        # In inches.
        tags.update({282: metadata.dpi[0], 283: metadata.dpi[1], 296: 2})
    return tags


def encode_tiff(pages: Sequence[TiffPage]) -> bytes:
    """Return a TIFF file, little-endian, each page in one strip."""
    made = bytearray(b"II*\0\0\0\0\0")
    link = 4
    for page in pages:
        data = np.ascontiguousarray(page.samples, page.samples.dtype.newbyteorder("<")).tobytes()
        strip = zlib.compress(data) if page.deflate else data
        offset = len(made)
        content = _directory(page, len(strip)).tobytes(offset)
        struct.pack_into("<I", made, link, offset)
        made += content + strip + bytes((len(content) + len(strip)) % 2)
        (count,) = struct.unpack_from("<H", content)
        link = offset + 2 + 12 * count
    return bytes(made)


def _directory(page: TiffPage, length: int) -> Any:
    from PIL import TiffImagePlugin

    height, width = page.samples.shape[:2]
    channels = 1 if page.samples.ndim == 2 else page.samples.shape[2]
    directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    for tag, value in page.tags.items():
        if tag == _XMP or (tag in (_IPTC, _PHOTOSHOP) and isinstance(value, bytes)):
            directory.tagtype[tag] = 1  # bytes
        elif tag == _ICC:
            directory.tagtype[tag] = 7  # undefined
        directory[tag] = value
    directory[256], directory[257] = width, height
    directory[258] = (page.samples.dtype.itemsize * 8,) * channels
    directory[_COMPRESSION] = _DEFLATE if page.deflate else 1
    directory[262] = 2 if channels > 2 else 1  # RGB, or grey with 0 for black
    # Pillow counts from the directory's end, where the strip follows.
    directory[273], directory[279] = 0, length
    directory[277], directory[278] = channels, height
    if channels in (2, 4):
        directory[338] = 2  # alpha that is not multiplied in
    return directory
