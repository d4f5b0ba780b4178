"""A frame made of the samples of a still picture."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
from numpy.typing import NDArray

from facemask_video.video.native_frame import NativeFrame
from facemask_video.video.orientation import UPRIGHT, Orientation
from facemask_video.video.plane_layout import layout_of

_BT601, _FULL_RANGE = 5, 2

TIME_BASE = Fraction(1, 25)
"""Seconds a tick of a still picture's frame; its time says nothing."""


def still_frame(
    components: Sequence[NDArray[Any]],
    pixel_format: str,
    *,
    orientation: Orientation = UPRIGHT,
    index: int = 0,
    time_base: Fraction = TIME_BASE,
) -> NativeFrame:
    """Return a frame with samples of its own.

    YCbCr is read by BT.601's matrix at full range, which is JFIF's.

    Args:
        components: Y, Cb and Cr, or R, G and B, or grey, each (rows, columns) of the format's type,
            in storage orientation.
        pixel_format: FFmpeg's name, of a format with a layout.
        orientation: How the stored picture is displayed.
        index: Of the frame, which also is its time in ticks.
        time_base: Seconds a tick.
    """
    layout = layout_of(pixel_format)
    if layout is None:
        raise ValueError(f"pixel_format: got {pixel_format!r}, which has no layout here.")
    height, width = components[0].shape
    picture = av.VideoFrame(width, height, pixel_format)
    picture.colorspace, picture.color_range = _BT601, _FULL_RANGE
    picture.pts, picture.time_base = index, time_base
    for view, component in zip(layout.views(picture), components, strict=True):
        view[:] = component
    return NativeFrame(
        picture, layout, index=index, pts=index, time_base=time_base, orientation=orientation
    )
