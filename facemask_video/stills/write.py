"""Write pictures in the format of their source, or in another one."""

import io
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facemask_video.core.errors import VideoWriteError
from facemask_video.core.pictures import PictureKind, kind_to_write, opened, read_bytes
from facemask_video.stills.exif import without_thumbnail
from facemask_video.stills.jpeg import write_jpeg_blocks
from facemask_video.stills.png import chunks_of, encode_png, with_chunks
from facemask_video.stills.still import Metadata, Samples, Still
from facemask_video.stills.tiff import TiffPage, encode_tiff, tags_of_metadata, tags_of_page
from facemask_video.stills.xmp import with_provenance

_LOSSY_OPTIONS: dict[PictureKind, dict[str, Any]] = {
    "avif": {"quality": 90, "subsampling": "4:4:4"},
    "heif": {"quality": 90, "chroma": 444},
    "jpeg": {"quality": 95, "subsampling": 0},
}
_INCH_M = 0.0254
_XMP_TAG = 700


def encode_stills(
    target: Path,
    stills: Sequence[Still],
    samples: Sequence[Sequence[Samples]],
    made: Mapping[str, str] | None,
) -> tuple[bytes, list[str]]:
    """Return the bytes of the target's format, and notes on what it does not carry over.

    Args:
        target: Its suffix names the format.
        stills: The source's pages.
        samples: The components of each page, changed, in storage orientation. Their size may be
            another one, where pictures stand side by side.
        made: What `facemask_video.provenance.describe` returns; None where no face was changed.

    Raises:
        VideoWriteError: The format cannot hold the pictures.
    """
    kind = kind_to_write(target)
    first = stills[0]
    same_size = samples[0][0].shape == first.components[0].shape
    if kind == "jpeg" and first.block_px is not None and made is not None:
        return write_jpeg_blocks(first, samples[0], made)
    pages = [
        _interleaved(page, still.alpha if same_size else None)
        for page, still in zip(samples, stills, strict=True)
    ]
    metadata, notes = _metadata_to_write(first, made)
    if kind == "tiff":
        encoded, more = _tiff(stills, pages, metadata)
        return encoded, [*notes, *more]
    if len(pages) > 1:
        raise VideoWriteError(
            f"{target}: the source has {len(pages)} pages, which only a TIFF can hold."
        )
    if kind == "png":
        said = _chunks(first, metadata)
        encoded, more = with_chunks(encode_png(pages[0]), said, metadata.xmp, target)
        return encoded, [*notes, *more]
    encoded, more = _by_pillow(target, kind, first, pages[0], metadata)
    return encoded, [*notes, *more]


def _interleaved(components: Sequence[Samples], alpha: Samples | None) -> Samples:
    planes = [*components] if alpha is None else [*components, alpha]
    return np.ascontiguousarray(planes[0] if len(planes) == 1 else np.dstack(planes))


def _metadata_to_write(still: Still, made: Mapping[str, str] | None) -> tuple[Metadata, list[str]]:
    metadata, notes = still.metadata, []
    if metadata.exif is not None:
        metadata = replace(metadata, exif=without_thumbnail(metadata.exif))
    if made is not None:
        try:
            metadata = replace(metadata, xmp=with_provenance(metadata.xmp, made))
        except ValueError as exc:
            metadata = replace(metadata, xmp=with_provenance(None, made))
            notes.append(f"the source's XMP is left out ({exc})")
    return metadata, notes


def _chunks(still: Still, metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """Return the chunks that say something beside the samples: a PNG's own, or made anew."""
    if still.kind == "png":
        own = list(chunks_of(read_bytes(still.path), still.path))
        if metadata.exif is not None and not any(name == b"eXIf" for name, _ in own):
            own.insert(1, (b"eXIf", metadata.exif))
        return own
    chunks = []
    if metadata.icc is not None:
        chunks.append((b"iCCP", b"icc\0\0" + zlib.compress(metadata.icc)))
    if metadata.dpi is not None:
        a_metre = (round(dots / _INCH_M).to_bytes(4, "big") for dots in metadata.dpi)
        chunks.append((b"pHYs", b"".join(a_metre) + b"\x01"))
    if metadata.exif is not None:
        chunks.append((b"eXIf", metadata.exif))
    return chunks


def _tiff(
    stills: Sequence[Still], pages: Sequence[Samples], metadata: Metadata
) -> tuple[bytes, list[str]]:
    if stills[0].kind != "tiff":
        tags = tags_of_metadata(metadata)
        if metadata.xmp is not None:
            tags[_XMP_TAG] = metadata.xmp
        return encode_tiff([TiffPage(pages[0], tags)]), []
    written, notes = [], []
    path = stills[0].path
    # Its pages were read, whatever the limit was.
    with opened(read_bytes(path), path, max_pixels=math.prod(stills[0].stored_size)) as picture:
        for still, samples in zip(stills, pages, strict=True):
            picture.seek(still.page)
            tags, lost = tags_of_page(picture)
            notes += lost
            if metadata.xmp is not None and still.page == 0:
                tags[_XMP_TAG] = metadata.xmp
            written.append(TiffPage(samples, tags, picture.info.get("compression") != "raw"))
    return encode_tiff(written), list(dict.fromkeys(notes))


def _by_pillow(
    target: Path, kind: PictureKind, still: Still, samples: Samples, metadata: Metadata
) -> tuple[bytes, list[str]]:
    notes = []
    if samples.dtype == np.uint16:
        notes.append(f"{kind} holds 8 bits a sample, the source has 16: rounded")
        # 65535 is 257 times 255.
        samples = np.rint(samples / np.float32(257)).astype(np.uint8)
    if kind == "jpeg" and samples.ndim == 3 and samples.shape[2] in (2, 4):
        raise VideoWriteError(
            f"{target}: a JPEG cannot hold the source's transparency; write a .png or .webp."
        )
    if samples.ndim == 3 and samples.shape[2] == 2:
        samples = samples[:, :, (0, 0, 0, 1)]
    options: dict[str, Any] = {}
    if kind == "webp":
        options = {"lossless": True, "exact": True, "method": 4}
        if still.kind == "webp" and not still.lossless:
            notes.append(
                "the source is a lossy WebP; written as a lossless one, so that outside the faces "
                "the samples stay as they were decoded"
            )
    else:
        options = dict(_LOSSY_OPTIONS[kind])
        notes.append(
            f"{kind} is lossy, here of quality {options['quality']}: outside the faces samples "
            "change, too"
        )
    for name, value in (
        ("icc_profile", metadata.icc),
        ("exif", metadata.exif and b"Exif\0\0" + metadata.exif),
        ("xmp", metadata.xmp),
        ("dpi", metadata.dpi),
    ):
        if value:
            options[name] = value
    made = io.BytesIO()
    try:
        Image.fromarray(samples).save(made, {"heif": "HEIF"}.get(kind, kind.upper()), **options)
    except (OSError, ValueError, KeyError) as exc:
        raise VideoWriteError(
            f"{target}: cannot be encoded as {kind} ({' '.join(str(exc).split())})."
        ) from exc
    return made.getvalue(), notes
