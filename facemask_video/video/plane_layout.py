"""Where the samples of a picture lie in the planes of each pixel format.

Convention: storage orientation; a component is a view (rows, columns) of integers that writes
through to the plane. Chroma of a format with subsampling (sx, sy) covers sx x sy luma samples.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import av
import numpy as np
from av.codec.codec import find_best_pix_fmt_of_list
from numpy.typing import NDArray

Samples = NDArray[Any]
"""View of one component's samples, uint8 or little-endian uint16."""

ColourModel = Literal["yuv", "gray", "rgb"]


@dataclass(frozen=True, slots=True)
class Component:
    """One component's place: plane, first sample and distance between samples, in samples."""

    plane: int
    offset: int
    step: int


@dataclass(frozen=True, slots=True)
class PlaneLayout:
    """How a pixel format stores its samples.

    Attributes:
        name: FFmpeg's name of the format.
        model: ``yuv``, ``gray`` or ``rgb``; components come in the order Y Cb Cr or R G B.
        bits: Bits a sample.
        shift: Unused low bits below each sample (p010 keeps 10 bits at the top of 16).
        subsample: Luma samples a chroma sample, across and down.
        components: Places of the components, without alpha.
        jpeg: The name itself says full range and centred chroma (yuvj420p and its kind).
    """

    name: str
    model: ColourModel
    bits: int
    shift: int
    subsample: tuple[int, int]
    components: tuple[Component, ...]
    jpeg: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """Storage type of a sample."""
        return np.dtype(np.uint8) if self.bits + self.shift <= 8 else np.dtype("<u2")

    def views(self, frame: av.VideoFrame) -> list[Samples]:
        """Return a view of each component of a frame."""
        planes: dict[int, Samples] = {}
        views = []
        for index, component in enumerate(self.components):
            if component.plane not in planes:
                planes[component.plane] = plane_rows(frame, component.plane, self.dtype)
            rows = planes[component.plane]
            across, down = self.subsample if index and self.model == "yuv" else (1, 1)
            width, height = -(-frame.width // across), -(-frame.height // down)
            stop = component.offset + (width - 1) * component.step + 1
            views.append(rows[:height, component.offset : stop : component.step])
        return views


def plane_rows(frame: av.VideoFrame, plane_index: int, dtype: np.dtype[Any]) -> Samples:
    """Return a plane's whole lines, padding included, first line of the picture on top."""
    plane = frame.planes[plane_index]
    line_size = plane.line_size
    lines = np.frombuffer(plane, dtype=np.uint8)  # type: ignore[call-overload]
    lines = lines.reshape(-1, abs(line_size)).view(dtype)
    # A negative line size stores the picture bottom up; the buffer starts at its last line.
    upright: Samples = lines[::-1] if line_size < 0 else lines
    return upright


_SUBSAMPLES = {
    "420": (2, 2),
    "422": (2, 1),
    "444": (1, 1),
    "440": (1, 2),
    "411": (4, 1),
    "410": (4, 4),
}
_PLANAR_YUV = re.compile(r"yuv([aj]?)(420|422|444|440|411|410)p(\d*)(?:le)?$")
_SEMI_PLANAR_8 = {
    "nv12": ((2, 2), 0),
    "nv21": ((2, 2), 1),
    "nv16": ((2, 1), 0),
    "nv24": ((1, 1), 0),
    "nv42": ((1, 1), 1),
}
_SEMI_PLANAR_16 = re.compile(r"p([024])(10|12|16)le$")
_PACKED_YUV = {"yuyv422": (0, 1, 3), "uyvy422": (1, 0, 2), "yvyu422": (0, 3, 1)}
_PACKED_RGB = re.compile(r"([rgba0]{3,4})(24|48le|64le|)$")
_PLANAR_RGB = re.compile(r"gbra?p(9|10|12|14|16|)(?:le)?$|gbrap(10|12|14|16|)(?:le)?$")
_GRAY = re.compile(r"(?:gray|gray8|ya8|gray(9|10|12|14|16)le|ya(16)le)$")


@cache
def layout_of(name: str) -> PlaneLayout | None:
    """Return the layout of a pixel format, or None where this room cannot write its samples.

    >>> layout_of("yuv420p10le").subsample, layout_of("pal8")
    ((2, 2), None)
    """
    if match := _PLANAR_YUV.match(name):
        planes = tuple(Component(plane, 0, 1) for plane in range(3))
        bits = int(match[3] or 8)
        return PlaneLayout(name, "yuv", bits, 0, _SUBSAMPLES[match[2]], planes, match[1] == "j")
    if name in _SEMI_PLANAR_8:
        subsample, swapped = _SEMI_PLANAR_8[name]
        return PlaneLayout(name, "yuv", 8, 0, subsample, _interleaved(swapped))
    if match := _SEMI_PLANAR_16.match(name):
        subsample = {"0": (2, 2), "2": (2, 1), "4": (1, 1)}[match[1]]
        return PlaneLayout(
            name, "yuv", int(match[2]), 16 - int(match[2]), subsample, _interleaved(0)
        )
    if name == "nv20le":
        return PlaneLayout(name, "yuv", 10, 0, (2, 1), _interleaved(0))
    if name in _PACKED_YUV:
        luma, blue, red = _PACKED_YUV[name]
        packed = (Component(0, luma, 2), Component(0, blue, 4), Component(0, red, 4))
        return PlaneLayout(name, "yuv", 8, 0, (2, 1), packed)
    if match := _GRAY.match(name):
        step = 2 if name.startswith("ya") else 1
        bits = int(match[1] or match[2] or 8)
        return PlaneLayout(name, "gray", bits, 0, (1, 1), (Component(0, 0, step),))
    if match := _PLANAR_RGB.match(name):
        # FFmpeg stores planar RGB as G, B, R.
        planes = (Component(2, 0, 1), Component(0, 0, 1), Component(1, 0, 1))
        return PlaneLayout(name, "rgb", int(match[1] or match[2] or 8), 0, (1, 1), planes)
    if match := _PACKED_RGB.match(name):
        order = match[1]
        if sorted(order.replace("a", "").replace("0", "")) != ["b", "g", "r"]:
            return None
        bits = 16 if match[2] in ("48le", "64le") else 8
        places = tuple(Component(0, order.index(letter), len(order)) for letter in "rgb")
        return PlaneLayout(name, "rgb", bits, 0, (1, 1), places)
    return None


def _interleaved(swapped: int) -> tuple[Component, ...]:
    return Component(0, 0, 1), Component(1, swapped, 2), Component(1, 1 - swapped, 2)


_STAND_INS = (
    *(f"yuv{kind}p" for kind in ("420", "422", "444")),
    *(f"yuv{kind}p{bits}le" for kind in ("420", "422", "444") for bits in (10, 12, 16)),
    *("yuva420p", "yuva422p", "yuva444p", "gray", "gray10le", "gray12le", "gray16le", "ya8"),
    *("rgb24", "bgra", "gbrp", "gbrp10le", "gbrp12le", "gbrp16le", "gbrap", "gbrap16le"),
)


@cache
def nearest_layout(name: str) -> PlaneLayout:
    """Return the layout that a frame of a format is read in: its own, or the nearest we can write.

    Palette, bit-packed, big-endian, Bayer and float formats have none of their own; FFmpeg's loss
    score (bits, chroma, alpha, then size) picks the stand-in.
    """
    own = layout_of(name)
    if own is not None:
        return own
    best, _ = find_best_pix_fmt_of_list(_STAND_INS, name, has_alpha=True)
    layout = layout_of(best.name if best is not None else "rgb24")
    assert layout is not None, "every stand-in has a layout"
    return layout
