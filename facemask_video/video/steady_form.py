"""Bring pictures whose size, pixel format, range or matrix changes on the way into the first one's.

Browsers' recordings of calls change their size with the connection, broadcasts with the programme;
an encoder takes pictures of one kind.
"""

import av
from av.video.reformatter import Interpolation

from facemask_video.video.plane_layout import layout_of
from facemask_video.video.probe import PictureTags

_EXACT = int(
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
_UNSPECIFIED = 2
# swscale numbers its matrices as H.273 does, but for these.
_SWSCALE_MATRIX = {6: 5, 8: 5, 10: 9, 14: 9}


def what_changed(picture: av.VideoFrame, first: PictureTags, format_name: str) -> str | None:
    """Name what of a picture is not as in the first one; None where it may stay as it is.

    >>> picture = av.VideoFrame(64, 48, "yuv420p")
    >>> tags = PictureTags(64, 48, None, 2, 1, 2, 2)
    >>> what_changed(picture, tags, "yuv420p") is None, what_changed(picture, tags, "yuv422p")
    (True, 'pixel format (yuv420p)')
    """
    if (picture.width, picture.height) != (first.width_px, first.height_px):
        return f"size ({picture.width}x{picture.height})"
    if _model(picture.format.name) == _model(format_name) == "yuv":
        if _is_full(picture.format.name, picture.color_range) != _is_full(
            format_name, first.color_range
        ):
            return "colour range"
        matrices = {int(picture.colorspace), first.matrix} - {_UNSPECIFIED}
        if len(matrices) > 1:
            return "colour matrix"
    same = format_name.replace("yuvj", "yuv") == picture.format.name.replace("yuvj", "yuv")
    return None if same else f"pixel format ({picture.format.name})"


def brought_into(picture: av.VideoFrame, first: PictureTags, format_name: str) -> av.VideoFrame:
    """Return a picture scaled and converted into the first one's size, format, range and matrix."""
    matrices = {}
    if _UNSPECIFIED not in (int(picture.colorspace), first.matrix):
        own, wanted = int(picture.colorspace), first.matrix
        matrices = {
            "src_colorspace": _SWSCALE_MATRIX.get(own, own),
            "dst_colorspace": _SWSCALE_MATRIX.get(wanted, wanted),
        }
    fitted = picture.reformat(
        width=first.width_px,
        height=first.height_px,
        format=format_name,
        src_color_range="JPEG" if _is_full(picture.format.name, picture.color_range) else "MPEG",
        dst_color_range="JPEG" if _is_full(format_name, first.color_range) else "MPEG",
        interpolation=_EXACT,
        **matrices,
    )
    fitted.time_base = picture.time_base
    fitted.colorspace, fitted.color_range = first.matrix, first.color_range
    return fitted


def _model(format_name: str) -> str | None:
    layout = layout_of(format_name)
    return None if layout is None else layout.model


def _is_full(format_name: str, color_range: int) -> bool:
    return format_name.startswith("yuvj") or int(color_range) == 2 or _model(format_name) == "rgb"
