"""What a frame of video is to the rest of the program.

Only the video room knows planes, codecs and containers. Everyone else sees this protocol.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facemask_video.geometry import Box

ImageU8 = NDArray[np.uint8]
"""RGB image, shape (height, width, 3), values 0-255, C-contiguous."""

AlphaF32 = NDArray[np.float32]
"""Opacity, shape (height, width), values in [0, 1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """Pixels to blend into a frame.

    Attributes:
        box: Where it goes, whole-pixel edges, inside the frame, display orientation.
        image: RGB, shape (h, w, 3) of the box.
        alpha: Shape (h, w); 0 keeps the frame's own samples bit for bit, 1 replaces them.
    """

    box: Box
    image: ImageU8
    alpha: AlphaF32

    def __post_init__(self) -> None:
        """Refuse a patch whose arrays do not fit its box."""
        edges = (self.box.x0, self.box.y0, self.box.x1, self.box.y1)
        if any(edge != int(edge) for edge in edges):
            raise ValueError(f"Patch.box: got {self.box}, expected whole-pixel edges; round_out it.")
        height, width = int(self.box.height_px), int(self.box.width_px)
        if self.image.shape != (height, width, 3) or self.image.dtype != np.uint8:
            raise ValueError(
                f"Patch.image: got {self.image.dtype} {self.image.shape}, expected uint8 "
                f"({height}, {width}, 3) as the box says."
            )
        if self.alpha.shape != (height, width) or self.alpha.dtype != np.float32:
            raise ValueError(
                f"Patch.alpha: got {self.alpha.dtype} {self.alpha.shape}, expected float32 "
                f"({height}, {width}) as the box says."
            )

    def __repr__(self) -> str:
        """Name the place, not the pixels."""
        return f"Patch(box={self.box})"


class Frame(Protocol):
    """One picture of a video, in display orientation, held as the decoder delivered it.

    Storage orientation, planes, bit depth, matrix and range are the video room's business.
    """

    @property
    def index(self) -> int:
        """Position in decoding order of display, 0 for the first frame delivered."""
        ...

    @property
    def pts(self) -> int:
        """Presentation time in ticks of ``time_base``."""
        ...

    @property
    def time_base(self) -> Fraction:
        """Seconds a tick."""
        ...

    @property
    def width_px(self) -> int:
        """Width as displayed."""
        ...

    @property
    def height_px(self) -> int:
        """Height as displayed."""
        ...

    def thumbnail(self, max_side_px: int) -> tuple[ImageU8, float]:
        """Return a small RGB picture and its scale (thumbnail px a frame px, at most 1)."""
        ...

    def read_region(self, box: Box) -> ImageU8:
        """Return RGB of a whole-pixel box through the frame's own matrix and range.

        Parts outside the frame repeat the nearest edge pixel.
        """
        ...

    def with_patches(self, patches: Sequence[Patch]) -> "Frame":
        """Return a new frame with the patches blended in, in order, in the native planes.

        Where every alpha is 0 each luma and chroma sample is the decoder's own. This frame is left
        as it was.
        """
        ...


def time_s(frame: Frame) -> float:
    """Return the presentation time in seconds."""
    return float(frame.pts * frame.time_base)
