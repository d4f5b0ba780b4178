"""A still picture: its samples as stored, and what its file says beside them."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.pictures import PictureKind
from facemask_video.video import NativeFrame
from facemask_video.video.orientation import UPRIGHT, Orientation
from facemask_video.video.still_frame import TIME_BASE, still_frame

Samples = NDArray[Any]
"""One component, (rows, columns), uint8 or uint16."""


@dataclass(frozen=True, slots=True, eq=False)
class Metadata:
    """What a picture's file says beside the samples, as bytes where formats agree on them.

    Attributes:
        icc: The colour profile.
        exif: From the TIFF header on.
        xmp: The packet.
        dpi: Dots an inch, across and down.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """One picture of a file.

    Attributes:
        path: The file.
        kind: Its format.
        components: In storage orientation: R, G and B, or grey; Y, Cb and Cr of a JPEG.
        pixel_format: FFmpeg's name of how they lie in a frame.
        alpha: Opacity, of the components' type; None where the picture is opaque.
        orientation: How it is displayed.
        metadata: What the file says beside.
        page: Which picture of its file it is.
        block_px: Luma samples, across and down, that the largest block of a JPEG covers whose own
            components these are; None otherwise.
        lossless: Whether the file's format kept the samples as they were given to it.
        notes: What cannot be kept, or is read as something else.
    """

    path: Path
    kind: PictureKind
    components: tuple[Samples, ...]
    pixel_format: str
    alpha: Samples | None = None
    orientation: Orientation = UPRIGHT
    metadata: Metadata = field(default_factory=Metadata)
    page: int = 0
    block_px: tuple[int, int] | None = None
    lossless: bool = True
    notes: tuple[str, ...] = ()

    @property
    def bits(self) -> int:
        """Bits a sample."""
        return int(self.components[0].dtype.itemsize) * 8

    @property
    def stored_size(self) -> tuple[int, int]:
        """Width and height as stored."""
        height, width = self.components[0].shape
        return int(width), int(height)

    def frame(self, *, index: int | None = None, time_base: Fraction = TIME_BASE) -> NativeFrame:
        """Return a frame with the picture's samples, for the stages of a video.

        Args:
            index: Of the frame, which also is its time in ticks; the page's where None.
            time_base: Seconds a tick.
        """
        return still_frame(
            self.components,
            self.pixel_format,
            orientation=self.orientation,
            index=self.page if index is None else index,
            time_base=time_base,
        )


def rgb_or_grey(samples: Samples) -> tuple[tuple[Samples, ...], str, Samples | None]:
    """Split (h, w), (h, w, 2), (h, w, 3) or (h, w, 4) into components, their format and alpha."""
    samples = samples if samples.ndim == 3 else samples[:, :, None]
    channels = samples.shape[2]
    alpha = samples[:, :, -1] if channels in (2, 4) else None
    components = tuple(samples[:, :, index] for index in range(3 if channels > 2 else 1))
    name = ("gbrp" if channels > 2 else "gray") + ("16le" if samples.dtype == np.uint16 else "")
    return components, name, alpha
