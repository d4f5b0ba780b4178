"""What a frame of video is to the rest of the program.

Only the video room knows planes, codecs and containers. Everyone else sees this protocol.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.geometry import Affine, Box

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
        edges = (self.box.x0, self.box.y0, self.box.x1, self.box.y1)
        if any(edge != int(edge) for edge in edges):
            raise ValueError(f"Patch.box: got {self.box}, expected whole edges; round_out it.")
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

    def read_crop(self, frame_to_crop: Affine, size_px: int) -> ImageU8:
        """Return RGB of what lies under a square crop of ``size_px``; see `warp`.

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


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of a file, as its header describes it.

    Attributes:
        index: Position in the file.
        kind: ``video``, ``audio``, ``subtitle``, ``data``, ``attachment`` or ``unknown``.
        codec: FFmpeg's name of the codec, or None where it has none.
        language: Language tag, or None.
        title: Title tag, or None.
        dispositions: Names of the dispositions that are set, such as ``default``.
        time_base: Seconds a tick, or None.
        metadata: The stream's tags.
    """

    index: int
    kind: str
    codec: str | None
    language: str | None = None
    title: str | None = None
    dispositions: tuple[str, ...] = ()
    time_base: Fraction | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChapterInfo:
    """One chapter: half-open range in seconds and its tags."""

    start_s: Fraction
    end_s: Fraction
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a file says about itself and about its main video stream; or of a still picture.

    Attributes:
        path: The file.
        container: FFmpeg's name of the container format.
        width_px: Width as displayed, after rotation.
        height_px: Height as displayed, after rotation.
        frame_rate: Average frame rate from the header, or None.
        frame_count_from_header: Number of frames that the header promises, or None.
        duration_s: Duration that the header promises, or None.
        start_s: Where the file's own timeline begins.
        time_base: Seconds a tick of the main video stream.
        pixel_format: FFmpeg's name, from the first decoded frame.
        bit_depth: Bits a luma sample.
        codec: FFmpeg's name of the main video stream's codec.
        rotation_deg: Clockwise turn from storage to display: 0, 90, 180 or 270.
        mirrored: Whether display also flips the picture.
        sample_aspect: Width to height of a displayed pixel, or None where untagged.
        matrix: Name of the colour matrix tag, ``unspecified`` where untagged.
        color_range: ``limited``, ``full`` or ``unspecified``.
        primaries: Name of the primaries tag.
        transfer: Name of the transfer tag.
        video_index: Which of ``streams`` is the main video stream.
        streams: Every stream, in the file's order.
        metadata: The container's tags.
        chapters: The chapters.
        interlaced: Whether the first picture is two fields.
        side_data: What the first picture says of itself beside its samples, by FFmpeg's names;
            ``ALPHA`` where it has a transparency that is not read.
        chroma_siting: Where chroma samples lie, ``left`` unless a header says otherwise.
        is_picture: Whether it is a still picture, which has no stream; ``container`` and ``codec``
            are its format, and frames its pages.
    """

    path: Path
    container: str
    width_px: int
    height_px: int
    frame_rate: Fraction | None
    frame_count_from_header: int | None
    duration_s: Fraction | None
    start_s: Fraction
    time_base: Fraction
    pixel_format: str
    bit_depth: int
    codec: str
    rotation_deg: int
    mirrored: bool
    sample_aspect: Fraction | None
    matrix: str
    color_range: str
    primaries: str
    transfer: str
    video_index: int
    streams: tuple[StreamInfo, ...]
    metadata: dict[str, str] = field(default_factory=dict)
    chapters: tuple[ChapterInfo, ...] = ()
    interlaced: bool = False
    side_data: tuple[str, ...] = ()
    chroma_siting: str = "left"
    is_picture: bool = False
