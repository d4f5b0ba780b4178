"""Pictures drawn for tests: smooth colours under fine noise, as photographs have."""

import functools
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms


def photograph(width_px: int = 96, height_px: int = 80, *, bits: int = 8) -> NDArray[Any]:
    """Return RGB, (h, w, 3), of 8 or 16 bits."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:height_px, :width_px]
    waves = [np.sin(x / 9 + 2 * channel) + np.cos(y / (7 + channel)) for channel in range(3)]
    picture = np.dstack(waves) * 0.2 + 0.5 + rng.normal(0, 0.02, (height_px, width_px, 3))
    peak = (1 << bits) - 1
    return np.clip(np.rint(picture * peak), 0, peak).astype(np.uint16 if bits > 8 else np.uint8)


def encoded(picture: NDArray[Any], kind: str, *, mode: str = "RGB", **options: Any) -> bytes:
    """Return a picture of 8 bits as a file's bytes, by Pillow."""
    file = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(file, kind, **options)
    return file.getvalue()


def decoded(data: bytes) -> NDArray[Any]:
    """Return what Pillow reads."""
    return np.asarray(Image.open(io.BytesIO(data)))


@functools.cache
def icc_profile() -> bytes:
    """Return a colour profile, always the same one: it holds the time at which it is made."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif_with_thumbnail(orientation: int) -> bytes:
    """Return EXIF with an orientation, a maker and a thumbnail, from the TIFF header on."""
    thumbnail = encoded(photograph(16, 16), "JPEG")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Maker"
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    # The second directory: where the thumbnail lies, and its length.
    order = "little" if block[:2] == b"II" else "big"
    first = int.from_bytes(block[4:8], order)
    link = first + 2 + 12 * int.from_bytes(block[first : first + 2], order)
    second = len(block)
    entries = [(0x0201, second + 2 + 24 + 4), (0x0202, len(thumbnail))]
    directory = len(entries).to_bytes(2, order)
    for tag, value in entries:
        directory += tag.to_bytes(2, order) + (4).to_bytes(2, order)
        directory += (1).to_bytes(4, order) + value.to_bytes(4, order)
    block = block[:link] + second.to_bytes(4, order) + block[link + 4 :]
    return block + directory + bytes(4) + thumbnail
