"""Pictures side by side, in native planes, for comparing a result with its source."""

from collections.abc import Sequence

import av
import numpy as np

from facemask_video.core.frame import AlphaF32, Frame
from facemask_video.video.native_frame import NativeFrame, native
from facemask_video.video.orientation import Orientation
from facemask_video.video.plane_layout import PlaneLayout


def panel_size(
    layout: PlaneLayout, orientation: Orientation, width_px: int, height_px: int, columns: int
) -> tuple[int, int]:
    """Return (width, height) as stored of pictures side by side on display.

    Each picture is widened to the chroma grid, so that no chroma sample belongs to two of them; a
    single picture keeps its size.
    """
    if columns == 1:
        return width_px, height_px
    across, down = layout.subsample
    if orientation.transpose:
        return width_px, -(-height_px // down) * down * columns
    return -(-width_px // across) * across * columns, height_px


def beside(frames: Sequence[Frame]) -> NativeFrame:
    """Return a frame that shows several of one size and format side by side, left to right.

    It takes its index and time from the first. A picture whose side is off the chroma grid repeats
    its last column to reach it.

    Raises:
        ValueError: There are none, or they differ in size or format.
    """
    pictures = [native(frame) for frame in frames]
    if not pictures:
        raise ValueError("frames: got none, expected at least one.")
    first = pictures[0]
    layout, orientation = first.layout, first.orientation
    for other in pictures[1:]:
        same_size = (other.width_px, other.height_px) == (first.width_px, first.height_px)
        if not same_size or other.layout is not layout or other.orientation != orientation:
            raise ValueError(f"frames: got {first} beside {other}, expected one size and format.")
    if len(pictures) == 1:
        return first
    width, height = panel_size(
        layout, orientation, first.picture.width, first.picture.height, len(pictures)
    )
    wide = _blank_like(first, width, height)
    axis = 0 if orientation.transpose else 1
    # Left to right on display is right to left in storage where display flips that axis.
    ordered = pictures[::-1] if orientation.flip_x else pictures
    for index, target in enumerate(layout.views(wide)):
        step = target.shape[axis] // len(pictures)
        for place, picture in enumerate(ordered):
            source = picture.samples()[index]
            missing = step - source.shape[axis]
            if missing:
                padding = ((0, missing), (0, 0)) if axis == 0 else ((0, 0), (0, missing))
                source = np.pad(source, padding, mode="edge")
            window = slice(place * step, (place + 1) * step)
            if axis == 0:
                target[window] = source
            else:
                target[:, window] = source
    return first.replacing(wide)


def grey_frame(like: Frame, alpha: AlphaF32) -> NativeFrame:
    """Return a frame of another's size, format and time that shows an alpha map as grey.

    Args:
        like: The frame to resemble.
        alpha: Shape (height, width) as displayed, values in [0, 1]; 1 shows white.
    """
    frame = native(like)
    if alpha.shape != (frame.height_px, frame.width_px):
        raise ValueError(
            f"alpha: got shape {alpha.shape}, expected {(frame.height_px, frame.width_px)}."
        )
    picture = _blank_like(frame, frame.picture.width, frame.picture.height)
    stored = np.ascontiguousarray(frame.orientation.to_storage(alpha), dtype=np.float32)
    layout, colour = frame.layout, frame.colour
    for index, view in enumerate(layout.views(picture)):
        if index and layout.model == "yuv":
            codes = np.full(view.shape, 1 << (layout.bits - 1))
        else:
            black, white = colour.grey_codes()
            codes = np.rint(black + stored * (white - black))
        view[...] = codes.astype(view.dtype) << layout.shift
    return frame.replacing(picture)


def _blank_like(frame: NativeFrame, width_px: int, height_px: int) -> av.VideoFrame:
    source = frame.picture
    blank = av.VideoFrame(width_px, height_px, source.format.name)
    for plane in blank.planes:
        # An alpha plane or byte that nobody writes shall be opaque.
        np.frombuffer(plane, dtype=np.uint8)[...] = 255  # type: ignore[call-overload]
    blank.pts, blank.time_base = source.pts, source.time_base
    blank.duration = source.duration
    blank.colorspace, blank.color_range = source.colorspace, source.color_range
    blank.color_trc, blank.color_primaries = source.color_trc, source.color_primaries
    return blank
