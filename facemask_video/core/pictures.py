"""Files of single pictures, as RGB arrays."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core.errors import VideoReadError, VideoWriteError
from facemask_video.core.files import atomic_write
from facemask_video.core.frame import ImageU8

PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""Of the files in a folder that are taken for pictures."""

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


def read_picture(path: Path) -> ImageU8:
    """Read a picture as RGB (h, w, 3), the way up that its EXIF says.

    Raises:
        VideoReadError: It cannot be read or decoded, or is cut off.
    """
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise VideoReadError(f"{path}: cannot be read ({exc.strerror}).") from exc
    # The decoder fills what is missing of a JPEG with grey and says nothing.
    if data.startswith(b"\xff\xd8") and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise VideoReadError(f"{path}: is cut off; get it anew.")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    if picture is None:
        raise VideoReadError(f"{path}: is no picture that can be decoded here.")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


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
