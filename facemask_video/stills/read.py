"""Read the pictures of a file, each on its own samples."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from facemask_video.core.errors import VideoReadError
from facemask_video.core.limits import MAX_PIXELS
from facemask_video.core.pictures import kind_of, opened, read_bytes, refuse_animated
from facemask_video.stills.exif import orientation_of
from facemask_video.stills.jpeg import read_jpeg
from facemask_video.stills.png import chunks_of, is_deep, read_deep
from facemask_video.stills.still import Metadata, Samples, Still, rgb_or_grey
from facemask_video.stills.tiff import tags_of_page

_LOSSY = ("avif", "heif", "jpeg")

# What Pillow's modes are read as, without a change of any colour.
_READ_AS = {"1": "L", "P": "RGB", "PA": "RGBA", "RGBX": "RGB"}

_XMP_TAG, _ICC_TAG = 700, 34675


def read_stills(path: Path, *, as_rgb: bool = False, max_pixels: int = MAX_PIXELS) -> list[Still]:
    """Read every page of a picture's file; all but TIFF have one.

    Args:
        path: The file.
        as_rgb: Read a JPEG as what it shows, for another format, in place of its own components.
        max_pixels: Most px of all pages together, by their headers.

    Raises:
        VideoReadError: It is no picture, is cut off or damaged, or of a kind that is not worked on.
    """
    data = read_bytes(path)
    kind = kind_of(data[:32])
    if kind == "jpeg":
        still = read_jpeg(data, path, max_pixels=max_pixels)
        return [_shown(still, data)] if as_rgb else [still]
    if kind == "png":
        for _ in chunks_of(data, path):
            pass  # raises where the file is cut off
    stills = []
    with opened(data, path, max_pixels=max_pixels) as picture:
        if kind is None:
            raise VideoReadError(f"{path}: is no picture of a kind that is worked on here.")
        refuse_animated(picture, path)
        pages = getattr(picture, "n_frames", 1) if kind == "tiff" else 1
        left_px = max_pixels
        for page in range(pages):
            if pages > 1:
                picture.seek(page)
            left_px -= picture.width * picture.height
            if left_px < 0:
                raise VideoReadError(
                    f"{path}: its {pages} pages have more than {max_pixels} px "
                    "(--max-pixels); split the file."
                )
            stills.append(_still(picture, data, path, page))
    return stills


def _shown(still: Still, data: bytes) -> Still:
    """Return a JPEG's picture as a decoder shows it."""
    with opened(data, still.path, max_pixels=still.components[0].size) as picture:
        samples = np.asarray(picture if picture.mode == "L" else picture.convert("RGB"))
    components, pixel_format, _ = rgb_or_grey(samples)
    return replace(still, components=components, pixel_format=pixel_format, block_px=None)


def _still(picture: Any, data: bytes, path: Path, page: int) -> Still:
    kind = kind_of(data[:32])
    assert kind is not None
    samples, notes = _samples(picture, data, path, page)
    components, pixel_format, alpha = rgb_or_grey(samples)
    metadata = metadata_of(picture)
    return Still(
        path,
        kind,
        components,
        pixel_format,
        alpha,
        orientation=orientation_of(metadata.exif),
        metadata=metadata,
        page=page,
        lossless=kind not in _LOSSY and not (kind == "webp" and b"VP8 " in data[:64]),
        notes=tuple(notes),
    )


def metadata_of(picture: Any) -> Metadata:
    """Return what the file of one of Pillow's pictures says beside the samples."""
    exif = picture.info.get("exif") or _exif_of_text(picture.info)
    xmp = picture.info.get("xmp")
    if isinstance(xmp, str):
        xmp = xmp.encode()
    if picture.format == "TIFF":
        # A part of the file's own directory, which is read for other formats.
        block = Image.Exif()
        block.update(tags_of_page(picture)[0])
        for tag in (_ICC_TAG, _XMP_TAG):
            block.pop(tag, None)
        exif = block.tobytes()
    dpi = picture.info.get("dpi")
    return Metadata(
        icc=picture.info.get("icc_profile"),
        exif=exif.removeprefix(b"Exif\0\0") if exif else None,
        xmp=xmp or None,
        dpi=None if dpi is None else (float(dpi[0]), float(dpi[1])),
    )


def _exif_of_text(info: Mapping[str, Any]) -> bytes | None:
    """Return the EXIF that ImageMagick writes into a PNG as text: name, length and hex digits."""
    for kind in ("exif", "APP1"):
        lines = str(info.get(f"Raw profile type {kind}", "")).split("\n")[3:]
        try:
            block = bytes.fromhex("".join(lines))
        except ValueError:
            continue
        if block.startswith(b"Exif\0\0"):
            return block
    return None


def _samples(picture: Any, data: bytes, path: Path, page: int) -> tuple[Samples, list[str]]:
    """Return one page's samples, (h, w) or (h, w, n), and what they are read as."""
    if picture.format == "PNG" and is_deep(data):
        return read_deep(data, path), []
    if picture.format == "TIFF" and _bits(picture) == 16 and picture.mode in ("RGB", "RGBA"):
        return _deep_tiff_page(data, path, page), []
    mode = picture.mode
    if mode in ("CMYK", "YCCK"):
        raise VideoReadError(
            f"{path}: is in CMYK, whose colours are those of a printer; convert it to RGB by its "
            "profile first."
        )
    if mode.startswith("I;16"):
        picture.load()
        return np.asarray(picture).astype(np.uint16), []
    notes = []
    wanted = _READ_AS.get(mode, mode)
    if "transparency" in picture.info and mode in ("1", "L", "P", "RGB"):
        wanted = "LA" if mode in ("1", "L") else "RGBA"
    if mode == "P" and wanted == "RGB" and picture.palette.mode == "RGBA":
        wanted = "RGBA"
    if wanted not in ("L", "LA", "RGB", "RGBA"):
        raise VideoReadError(
            f"{path}: has samples of kind {mode}, which are not worked on; convert it to RGB."
        )
    if mode in ("1", "P", "PA"):
        few = "black and white" if mode == "1" else "a palette"
        notes.append(
            f"{few} cannot hold what is painted; it is written as {wanted}, every colour kept"
        )
    picture.load()
    return np.asarray(picture.convert(wanted) if wanted != mode else picture), notes


def _bits(picture: Any) -> int:
    return int(max(picture.tag_v2.get(258, (1,))))


def _deep_tiff_page(data: bytes, path: Path, page: int) -> Samples:
    found, pictures = cv2.imdecodemulti(
        np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED, range=(page, page + 1)
    )
    if not found or pictures[0].dtype != np.uint16:
        raise VideoReadError(f"{path}: its samples of 16 bits cannot be decoded here.")
    samples = pictures[0]
    return np.asarray(samples[:, :, (2, 1, 0, 3)[: samples.shape[2]]])
