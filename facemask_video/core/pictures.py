"""Files of single pictures, as RGB arrays."""

import io
import re
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core.errors import VideoReadError, VideoWriteError
from facemask_video.core.files import atomic_write
from facemask_video.core.frame import ImageU8
from facemask_video.core.limits import MAX_PIXELS

PictureKind = Literal["avif", "bmp", "heif", "jpeg", "png", "tiff", "webp"]

KIND_OF_SUFFIX: dict[str, PictureKind] = {
    ".avif": "avif",
    ".bmp": "bmp",
    ".heic": "heif",
    ".heif": "heif",
    ".hif": "heif",
    ".jfif": "jpeg",
    ".jpe": "jpeg",
    ".jpeg": "jpeg",
    ".jpg": "jpeg",
    ".png": "png",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".webp": "webp",
}

PICTURE_SUFFIXES = frozenset(KIND_OF_SUFFIX)
"""Of the files in a folder that are taken for pictures."""

WRITTEN_SUFFIXES = PICTURE_SUFFIXES - {".bmp"}
"""Of the formats that can say how a picture was made, and are written."""

_JPEG_STREAMS = (".mjpeg", ".mjpg")
# Before a PNG says that it is animated there may be a profile.
_HEAD_BYTES = 1 << 16

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""Of red, green and blue: ITU-R BT.601-7, section 2.5.1."""


def luma(image: NDArray[Any]) -> NDArray[Any]:
    """Return the luma of RGB pixels (..., 3) as (...), of the same range.

    Args:
        image: Bytes, which give float64, or floats, which keep their type.

    >>> luma(np.array([[0.0, 1.0, 0.0]]))
    array([0.587])
    """
    kind = image.dtype if np.issubdtype(image.dtype, np.floating) else np.float64
    return np.asarray(image @ np.array(LUMA_WEIGHTS, kind))


def kind_of(head: bytes) -> PictureKind | None:
    """Say by its first 32 bytes what kind of picture a file is; None where it is none.

    >>> kind_of(b"RIFF....WEBPVP8L"), kind_of(b"GIF89a")
    ('webp', None)
    """
    brands = head[8:32] if head[4:8] == b"ftyp" else b""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:4] in (b"II*\0", b"MM\0*"):
        return "tiff"
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return "bmp"
    if brands[:4] in (b"avif", b"avis") or (brands[:4] == b"mif1" and b"avif" in brands):
        return "avif"
    if brands[:4] in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"):
        return "heif"
    return None


def is_picture(path: Path) -> bool:
    """Say whether a file is a still picture: by its bytes, or where they say nothing by its name.

    An animated PNG, AVIF or HEIC is a clip, and so is a stream of JPEG pictures by its name.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    kind = kind_of(head)
    suffix = path.suffix.lower()
    if kind is None:
        # Text, nothing at all: its reader says what is wrong. Clips that are called as pictures
        # are known by their own first bytes.
        return suffix in KIND_OF_SUFFIX and not _is_clip(head)
    if kind == "jpeg":
        return suffix not in _JPEG_STREAMS
    return not _says_animated(kind, head)


def _says_animated(kind: PictureKind, head: bytes) -> bool:
    if kind == "png":
        return b"acTL" in head.partition(b"IDAT")[0]
    return kind in ("avif", "heif") and head[8:12] in (b"avis", b"hevc", b"hevx", b"msf1")


def _is_clip(head: bytes) -> bool:
    return (
        head[4:8] in (b"ftyp", b"moov", b"mdat")
        or head.startswith((b"\x1a\x45\xdf\xa3", b"GIF8", b"\x47\x40", b"\0\0\x01"))
        or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
    )


def is_animated(picture: Any) -> bool:
    """Say whether one of Pillow's pictures is a clip; pages of a TIFF are none."""
    of_pages = picture.format in ("TIFF", "MPO")
    return not of_pages and bool(getattr(picture, "is_animated", False))


def refuse_animated(picture: Any, path: Path) -> None:
    """Refuse one of Pillow's pictures that is a clip.

    Raises:
        VideoReadError: It is.
    """
    if is_animated(picture):
        raise VideoReadError(
            f"{path}: is an animated {picture.format}, which is not read here; convert it to an "
            "animated PNG or a video first."
        )


def kind_to_write(target: Path) -> PictureKind:
    """Return the format that a target's suffix stands for.

    Raises:
        VideoWriteError: It stands for none that is written.
    """
    suffix = target.suffix.lower()
    if suffix == ".bmp":
        raise VideoWriteError(
            f"{target}: a BMP cannot say that its faces are synthetic; write a .png."
        )
    if suffix not in WRITTEN_SUFFIXES:
        raise VideoWriteError(
            f"{target}: the suffix names no format of pictures that is written here; use one of "
            f"{', '.join(sorted(WRITTEN_SUFFIXES))}."
        )
    if KIND_OF_SUFFIX[suffix] == "heif" and not _register_heif():
        raise VideoWriteError(f"{target}: {_NEEDS_HEIF}")
    return KIND_OF_SUFFIX[suffix]


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        VideoReadError: It cannot be read, or is empty.
    """
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise VideoReadError(f"{path}: cannot be read ({exc.strerror}).") from exc
    if not data:
        raise VideoReadError(f"{path}: is empty, no picture.")
    return data


@contextmanager
def opened(data: bytes, path: Path, *, max_pixels: int = MAX_PIXELS) -> Iterator[Any]:
    """Yield Pillow's picture of a file's bytes, of which only the header was read.

    Args:
        data: The bytes.
        path: Named in errors.
        max_pixels: Most px that it may have.

    Raises:
        VideoReadError: It is no picture, claims too many px, or (in the block) cannot be decoded.
    """
    from PIL import Image, UnidentifiedImageError

    _register_heif()
    try:
        with _PILLOW, _pillows_own_limit_off(), _no_warnings():
            picture: Any = Image.open(io.BytesIO(data))
    except (UnidentifiedImageError, *_FAULTS_OF_DATA) as exc:
        raise VideoReadError(f"{path}: {_why_no_picture(data)}") from exc
    with picture, _no_warnings():
        if picture.width * picture.height > max_pixels:
            raise VideoReadError(
                f"{path}: says that it has {picture.width}x{picture.height} px; at most "
                f"{max_pixels} are read (--max-pixels). Make it smaller first."
            )
        try:
            yield picture
        except _FAULTS_OF_DATA as exc:
            reason = " ".join(str(exc).split())
            raise VideoReadError(f"{path}: is cut off or damaged ({reason}); get it anew.") from exc


# What Pillow's decoders raise on data that is damaged.
_FAULTS_OF_DATA = (OSError, SyntaxError, EOFError, ValueError, RuntimeError, struct.error)
_NEEDS_HEIF = "HEIC needs pillow-heif: pip install 'facemask-video[heic]'."
# Guards the limit, which is a global of Pillow's.
_PILLOW = threading.Lock()


@contextmanager
def _pillows_own_limit_off() -> Iterator[None]:
    """Let headers of any size be read: the size is checked before anything is decoded."""
    from PIL import Image

    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Pass over Pillow's words on damaged EXIF: nothing but the orientation is read of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _register_heif() -> bool:
    """Teach Pillow HEIC where pillow-heif is installed; returns whether it is."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _why_no_picture(data: bytes) -> str:
    kind = kind_of(data[:32])
    if kind == "heif" and not _register_heif():
        return _NEEDS_HEIF
    if kind is not None:
        return "is cut off or damaged; get it anew."
    return "is no picture that can be decoded here."


def read_picture(path: Path, *, max_pixels: int = MAX_PIXELS) -> ImageU8:
    """Read a picture as RGB (h, w, 3), the way up that its EXIF says.

    What lies behind the picture in its file, such as the clip of a motion photo, is passed over.

    Raises:
        VideoReadError: It cannot be read or decoded, is cut off, or claims more px than
            ``max_pixels``.
    """
    data = read_bytes(path)
    with opened(data, path, max_pixels=max_pixels) as header:
        if header.format == "HEIF":
            # Turned upright by its decoder.
            return np.asarray(header.convert("RGB"), np.uint8)
    # The decoder fills what is missing of a JPEG with grey and says nothing.
    if data.startswith(b"\xff\xd8") and jpeg_end(data) is None:
        raise VideoReadError(f"{path}: is cut off; get it anew.")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    if picture is None:
        raise VideoReadError(f"{path}: {_why_no_picture(data)}")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


# In a scan FF is followed by 00, or by one of the restart markers, or by another FF that fills.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def jpeg_end(data: bytes) -> int | None:
    """Return where the first picture of a JPEG file ends; None where the file is cut off.

    Args:
        data: The file. Behind the end may lie further pictures or a clip.
    """
    place = 2
    while (marker := _MARKER.search(data, place)) is not None:
        code = data[marker.end() - 1]
        if code == 0xD9:
            return marker.end()
        if code == 0x01 or marker.end() + 2 > len(data):
            place = marker.end()
            continue
        # Segments are stepped over whole: EXIF may hold a thumbnail, which ends, too.
        place = marker.end() + max(2, int.from_bytes(data[marker.end() : marker.end() + 2], "big"))
    return None


def try_read_picture(path: Path) -> ImageU8 | None:
    """Read a picture as `read_picture` does; None where it cannot."""
    try:
        return read_picture(path)
    except VideoReadError:
        return None


def encode_picture(picture: NDArray[np.uint8], suffix: str, *, quality: int = 95) -> bytes:
    """Return a picture as the bytes of a file.

    Args:
        picture: RGB (h, w, 3) or grey (h, w).
        suffix: Names the format: ``.jpg``, ``.png``.
        quality: Of a JPEG, in [0, 100].
    """
    if picture.ndim == 3:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else []
    _, encoded = cv2.imencode(suffix, picture, options)
    return encoded.tobytes()


def write_picture(path: Path, picture: NDArray[np.uint8], *, quality: int = 95) -> None:
    """Write a picture as `encode_picture` does; the file is there whole or not at all.

    Raises:
        VideoWriteError: It cannot be written.
    """
    try:
        with atomic_write(path) as part:
            part.write_bytes(encode_picture(picture, path.suffix, quality=quality))
    except OSError as exc:
        raise VideoWriteError(
            f"{path}: cannot be written ({exc.strerror}); check rights and the space left."
        ) from exc
