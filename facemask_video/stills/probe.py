"""What a picture's file says, without its samples being decoded."""

from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import ImageCms

from facemask_video.core.errors import VideoReadError
from facemask_video.core.frame import VideoInfo
from facemask_video.core.limits import MAX_PIXELS
from facemask_video.core.pictures import (
    kind_of,
    opened,
    read_bytes,
    refuse_animated,
)
from facemask_video.stills.exif import orientation_of
from facemask_video.stills.read import metadata_of
from facemask_video.stills.xmp import tags_of
from facemask_video.video.still_frame import TIME_BASE

_HEAD_BYTES = 32

# Of Pillow's modes; the number of bits comes behind.
_FORMAT_OF_MODE = {
    "1": "black and white",
    "P": "palette",
    "L": "grey",
    "LA": "grey with alpha",
    "RGB": "RGB",
    "RGBA": "RGB with alpha",
}
_SUBSAMPLING = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}


def probe_picture(path: Path, *, max_pixels: int = MAX_PIXELS) -> VideoInfo:
    """Describe a picture's file by its header.

    Raises:
        VideoReadError: It is no picture, or claims more px than ``max_pixels``.
    """
    if not path.is_file():
        raise VideoReadError(f"{path}: no such file; check the path.")
    data = read_bytes(path)
    with opened(data, path, max_pixels=max_pixels) as picture:
        kind = kind_of(data[:_HEAD_BYTES])
        if kind is None:
            raise VideoReadError(f"{path}: is no picture of a kind that is worked on here.")
        refuse_animated(picture, path)
        metadata = metadata_of(picture)
        orientation = orientation_of(metadata.exif)
        width, height = orientation.display_size(picture.width, picture.height)
        bits = _bits(picture, data)
        tags = tags_of(metadata.xmp)
        if metadata.icc is not None:
            tags["colour profile"] = _profile_name(metadata.icc)
        if metadata.dpi is not None:
            tags["dots an inch"] = f"{metadata.dpi[0]:g} x {metadata.dpi[1]:g}"
        return VideoInfo(
            path=path,
            container=kind,
            width_px=width,
            height_px=height,
            frame_rate=None,
            frame_count_from_header=_pages(picture),
            duration_s=None,
            start_s=Fraction(0),
            time_base=TIME_BASE,
            pixel_format=f"{_format(picture)}, {bits} bit",
            bit_depth=bits,
            codec=kind,
            rotation_deg=orientation.rotation_deg,
            mirrored=orientation.mirrored,
            sample_aspect=None,
            matrix="unspecified",
            color_range="full",
            primaries="unspecified",
            transfer="unspecified",
            video_index=0,
            streams=(),
            metadata=tags,
            is_picture=True,
        )


def _pages(picture: Any) -> int:
    return int(getattr(picture, "n_frames", 1)) if picture.format == "TIFF" else 1


def _format(picture: Any) -> str:
    if picture.format in ("JPEG", "MPO") and picture.mode == "RGB":
        from PIL import JpegImagePlugin

        sampling = _SUBSAMPLING.get(JpegImagePlugin.get_sampling(picture))
        return f"YCbCr {sampling}" if sampling else "YCbCr"
    return _FORMAT_OF_MODE.get(picture.mode, "grey" if picture.mode[:2] == "I;" else picture.mode)


def _bits(picture: Any, data: bytes) -> int:
    if picture.format == "PNG":
        return max(8, data[24])
    if picture.format == "TIFF":
        return int(max(picture.tag_v2.get(258, (8,))))
    return 8


def _profile_name(icc: bytes) -> str:
    import io

    try:
        return str(ImageCms.getProfileDescription(io.BytesIO(icc))).strip()
    except (ImageCms.PyCMSError, OSError):
        return f"of {len(icc)} bytes, which cannot be read"
