"""A frame's own colour: between its code values and RGB, through its own matrix and range.

Convention: RGB is in [0, 255] as float32, shape (h, w, 3); code values are float32 at the frame's
bit depth. Matrix coefficients follow ITU-T H.273.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorTrc
from numpy.typing import NDArray

from facemask_video.video.plane_layout import ColourModel, PlaneLayout

Floats = NDArray[np.float32]

# Listed, as PyAV's enumeration of matrices lacks half of FFmpeg's.
MATRIX_NAMES = {
    0: "rgb",
    1: "bt709",
    2: "unspecified",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    14: "ictcp",
}
RANGE_NAMES = {0: "unspecified", 1: "limited", 2: "full"}
PRIMARIES_NAMES = {int(tag): tag.name.lower() for tag in ColorPrimaries}
TRANSFER_NAMES = {int(tag): tag.name.lower().replace("_", "-") for tag in ColorTrc}
# FFmpeg's own name.
TRANSFER_NAMES[12] = "bt1361e"

# Kr and Kb of each matrix tag. Constant-luminance BT.2020 and ICtCp are not linear in R'G'B'; their
# nearest linear relative stands in, and is undone by the same numbers on the way back.
_LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
    14: (0.2627, 0.0593),
}
_YCGCO = np.array([[0.25, 0.5, 0.25], [-0.25, 0.5, -0.25], [0.5, 0.0, -0.5]])


def effective_matrix(tag: int, *, width_px: int, height_px: int) -> int:
    """Return the matrix to use for a tag.

    An unspecified matrix is read as players do: BT.709 for HD (1280 wide or 720 high and up, storage
    size), BT.601 below.

    >>> effective_matrix(2, width_px=1920, height_px=1080), effective_matrix(2, width_px=640, height_px=480)
    (1, 6)
    """  # noqa: E501
    if tag in _LUMA_WEIGHTS or tag == 8:
        return tag
    return 1 if width_px >= 1280 or height_px >= 720 else 6


@dataclass(frozen=True)
class Colour:
    """How a frame's code values stand for colour.

    Attributes:
        model: ``yuv``, ``gray`` or ``rgb``.
        bits: Bits a sample.
        matrix: H.273 number, already resolved by `effective_matrix`.
        full_range: Code values use the whole range.
    """

    model: ColourModel
    bits: int
    matrix: int
    full_range: bool

    @classmethod
    def of(
        cls, layout: PlaneLayout, matrix_tag: int, range_tag: int, *, width_px: int, height_px: int
    ) -> "Colour":
        """Resolve a frame's tags. Untagged RGB and grey are full range, untagged YCbCr limited."""
        untagged_is_full = layout.model != "yuv"
        full = layout.jpeg or range_tag == 2 or (range_tag != 1 and untagged_is_full)
        if layout.model == "rgb":
            full = True
        matrix = effective_matrix(matrix_tag, width_px=width_px, height_px=height_px)
        return cls(layout.model, layout.bits, matrix, full)

    @property
    def peak(self) -> int:
        """Largest code value."""
        return (1 << self.bits) - 1

    @cached_property
    def _rgb_to_code(self) -> NDArray[np.float64]:
        """Affine map (3, 4) from RGB in [0, 255] to code values."""
        if self.model == "rgb":
            linear, offset = np.eye(3) * self.peak / 255, np.zeros(3)
            return np.concatenate([linear, offset[:, None]], axis=1)
        if self.matrix == 8:
            linear = _YCGCO.copy()
        else:
            red, blue = _LUMA_WEIGHTS[self.matrix]
            luma = np.array([red, 1 - red - blue, blue])
            linear = np.stack(
                [
                    luma,
                    (np.array([0, 0, 1]) - luma) / (2 * (1 - blue)),
                    (np.array([1, 0, 0]) - luma) / (2 * (1 - red)),
                ]
            )
        step = 1 << (self.bits - 8)
        if self.full_range:
            scale, offset = np.full(3, float(self.peak)), np.array([0.0, 128 * step, 128 * step])
        else:
            scale = np.array([219.0, 224.0, 224.0]) * step
            offset = np.array([16.0, 128.0, 128.0]) * step
        return np.concatenate([linear * scale[:, None] / 255, offset[:, None]], axis=1)

    @cached_property
    def _code_to_rgb(self) -> NDArray[np.float64]:
        forward = self._rgb_to_code
        linear = np.linalg.inv(forward[:, :3])
        return np.concatenate([linear, -linear @ forward[:, 3:]], axis=1)

    def to_rgb(self, codes: NDArray[Any]) -> NDArray[np.uint8]:
        """Return uint8 RGB, shape (h, w, 3), of code values (h, w, 3), or (h, w, 1) for grey."""
        codes = np.ascontiguousarray(codes, dtype=np.float32)
        if self.model == "gray":
            neutral = self._rgb_to_code[0]
            grey = (codes - np.float32(neutral[3])) / np.float32(neutral[:3].sum())
            rgb = np.repeat(grey.reshape(*codes.shape[:2], 1), 3, axis=2)
        else:
            rgb = cv2.transform(codes, self._code_to_rgb)
        # Rounds to even and saturates, as rint and clip would in seven times the time.
        rounded = cv2.add(rgb, 0, dtype=cv2.CV_8U)  # type: ignore[call-overload]  # no scalars
        return np.asarray(rounded, np.uint8)

    def grey_codes(self) -> tuple[float, float]:
        """Return the luma (or R, G and B) code values of black and white."""
        black, white = self._rgb_to_code[0, 3], self._rgb_to_code[0] @ [255, 255, 255, 1]
        return float(black), float(white)

    def luma(self, rgb: Floats) -> Floats:
        """Return the luma (or, for RGB, red) code values of RGB in [0, 255]."""
        return self._component(rgb, 0)

    def component(self, rgb: Floats, index: int) -> Floats:
        """Return one component's code values, not rounded: 0 Y or R, 1 Cb or G, 2 Cr or B."""
        return self._component(rgb, index)

    def _component(self, rgb: Floats, index: int) -> Floats:
        row = self._rgb_to_code[index : index + 1]
        return np.asarray(cv2.transform(rgb, row), dtype=np.float32).reshape(rgb.shape[:2])
