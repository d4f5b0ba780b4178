"""Frames in memory, for the benchmarks beside this file: so no decoding is timed."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from facemask_video.core.frame import ImageU8, Patch
from facemask_video.core.geometry import Box
from facemask_video.video import NativeFrame, VideoReader
from facemask_video.video.plane_layout import nearest_layout


@dataclass(frozen=True, eq=False)
class HeldFrame:
    """A frame as RGB in memory."""

    image: ImageU8
    index: int
    pts: int
    time_base: Fraction

    @property
    def width_px(self) -> int:
        """Width."""
        return int(self.image.shape[1])

    @property
    def height_px(self) -> int:
        """Height."""
        return int(self.image.shape[0])

    def thumbnail(self, max_side_px: int) -> tuple[ImageU8, float]:
        """Return a small picture and its scale."""
        scale = min(1.0, max_side_px / max(self.width_px, self.height_px))
        if scale == 1.0:
            return self.image, 1.0
        size = (round(self.width_px * scale), round(self.height_px * scale))
        small = cv2.resize(self.image, size, interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.uint8), scale

    def read_region(self, box: Box) -> ImageU8:
        """Return a rectangle; parts outside repeat the edge."""
        rows = np.clip(np.arange(int(box.y0), int(box.y1)), 0, self.height_px - 1)
        columns = np.clip(np.arange(int(box.x0), int(box.x1)), 0, self.width_px - 1)
        return np.ascontiguousarray(self.image[np.ix_(rows, columns)])

    def with_patches(self, patches: Sequence[Patch]) -> "HeldFrame":
        """Refuse: never asked for here."""
        raise NotImplementedError("detection changes no frame")


def read(
    clip: Path, *, n_frames: int | None = None, height_px: int | None = None
) -> list[HeldFrame]:
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
            held.append(HeldFrame(image, frame.index, frame.pts, frame.time_base))
    return held


def as_decoded(frame: HeldFrame) -> NativeFrame:
    """Return a frame as a decoder would deliver it, 4:2:0 in 8 bits."""
    picture = av.VideoFrame.from_ndarray(frame.image, format="rgb24").reformat(format="yuv420p")
    return NativeFrame(
        picture,
        nearest_layout("yuv420p"),
        index=frame.index,
        pts=frame.pts,
        time_base=frame.time_base,
    )
