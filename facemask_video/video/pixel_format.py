"""Bring a picture into an encoder's pixel format, where that is not the source's own."""

import av
from av.video.reformatter import Interpolation

from facemask_video.video.colour import effective_matrix
from facemask_video.video.native_frame import NativeFrame
from facemask_video.video.plane_layout import layout_of
from facemask_video.video.probe import PictureTags

_EXACT = int(
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)


def range_and_matrix(
    source_format: str, target_format: str, tags: PictureTags, *, width_px: int, height_px: int
) -> tuple[int, int]:
    """Return the range and matrix tags of pictures in the encoder's format.

    They are the source's, but for RGB that becomes YCbCr: limited range, and BT.709 for HD or
    BT.601 below, as an untagged picture of that stored size would be read.
    """
    source, target = layout_of(source_format), layout_of(target_format)
    if source is not None and source.model == "rgb" and target is not None:
        if target.model == "yuv":
            matrix = effective_matrix(2, width_px=width_px, height_px=height_px)
            return 1, matrix
    elif any(layout is not None and layout.jpeg for layout in (source, target)):
        return 2, tags.matrix
    return tags.color_range, tags.matrix


def converted(frame: NativeFrame, target_format: str) -> av.VideoFrame:
    """Return a frame's picture in another pixel format; the picture itself where it is in that."""
    source, target = frame.layout, layout_of(target_format)
    picture = frame.picture
    if source.name == target_format:
        return picture
    if source.model == "rgb" and target is not None and target.model == "yuv":
        matrix = effective_matrix(2, width_px=picture.width, height_px=picture.height)
        return picture.reformat(
            format=target_format,
            dst_colorspace="ITU709" if matrix == 1 else "SMPTE170M",
            src_color_range="JPEG",
            dst_color_range="MPEG",
            interpolation=_EXACT,
        )
    if source.jpeg:
        return picture.reformat(
            format=target_format,
            src_color_range="JPEG",
            dst_color_range="JPEG",
            interpolation=_EXACT,
        )
    if target is not None and target.jpeg:
        return picture.reformat(
            format=target_format,
            src_color_range="JPEG" if picture.color_range == 2 else "MPEG",
            dst_color_range="JPEG",
            interpolation=_EXACT,
        )
    return picture.reformat(format=target_format, interpolation=_EXACT)
