"""Frames in memory, for the benchmarks beside this file: so no decoding is timed."""

from pathlib import Path

import av
import cv2
import numpy as np

from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.geometry import Box
from facemask_video.video import NativeFrame, VideoReader
from facemask_video.video.plane_layout import nearest_layout


def read(
    clip: Path, *, n_frames: int | None = None, height_px: int | None = None
) -> list[ArrayFrame]:
    """Decode the first frames, or all, into memory, at the size asked for."""
    held = []
    with VideoReader(clip) as reader:
        for frame in reader:
            if len(held) == n_frames:
                break
            image = frame.read_region(Box(0, 0, frame.width_px, frame.height_px))
            if height_px:
                width_px = round(image.shape[1] * height_px / image.shape[0])
                image = np.asarray(cv2.resize(image, (width_px, height_px)), dtype=np.uint8)
            held.append(ArrayFrame(image, frame.index, frame.pts, frame.time_base))
    return held


def as_decoded(frame: ArrayFrame) -> NativeFrame:
    """Return a frame as a decoder would deliver it, 4:2:0 in 8 bits."""
    picture = av.VideoFrame.from_ndarray(frame.image, format="rgb24").reformat(format="yuv420p")
    return NativeFrame(
        picture,
        nearest_layout("yuv420p"),
        index=frame.index,
        pts=frame.pts,
        time_base=frame.time_base,
    )
