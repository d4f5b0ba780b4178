"""The turn and flip between a picture as stored and as displayed.

Convention: a display matrix is FFmpeg's: nine integers, x' = (a x + c y), y' = (b x + d y) with
a, b, c, d at places 0, 1, 3, 4 in 16.16 fixed point.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.geometry import Affine, Box


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways to lay a picture down: transpose first, then flip."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def from_matrix(cls, matrix: Sequence[int]) -> "Orientation | None":
        """Read a display matrix; None where it is not a multiple of a quarter turn.

        >>> Orientation.from_matrix([0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30]).rotation_deg
        90
        """
        a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
        # 1/64 of a turn's sine: encoders round the sines, cameras do not write such small tilts.
        if max(abs(b), abs(c)) * 64 <= max(abs(a), abs(d)):
            return cls(False, a < 0, d < 0)
        if max(abs(a), abs(d)) * 64 <= max(abs(b), abs(c)):
            return cls(True, c < 0, b < 0)
        return None

    @property
    def mirrored(self) -> bool:
        """Whether the picture is flipped as well as turned."""
        return self.transpose ^ self.flip_x ^ self.flip_y

    @property
    def rotation_deg(self) -> int:
        """Clockwise turn from storage to display; a mirrored picture is then flipped sideways."""
        if self.transpose:
            return 90 if self.flip_x != self.mirrored else 270
        return 180 if self.flip_y else 0

    def display_size(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Return (width, height) as displayed of a stored size."""
        return (height_px, width_px) if self.transpose else (width_px, height_px)

    def to_display(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return a stored picture (h, w, ...) as displayed; a view."""
        turned = stored.swapaxes(0, 1) if self.transpose else stored
        return turned[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]

    def to_storage(self, displayed: NDArray[Any]) -> NDArray[Any]:
        """Undo `to_display`; a view."""
        flat = displayed[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]
        return flat.swapaxes(0, 1) if self.transpose else flat

    def storage_to_display(self, width_px: int, height_px: int) -> Affine:
        """Return the map of px of a stored picture of a size to px of the displayed one."""
        across, down = self.display_size(width_px, height_px)
        turned = np.array([[0.0, 1.0], [1.0, 0.0]]) if self.transpose else np.eye(2)
        flips = np.array([-1.0 if self.flip_x else 1.0, -1.0 if self.flip_y else 1.0])
        shift = np.array([across if self.flip_x else 0.0, down if self.flip_y else 0.0])
        return np.concatenate([turned * flips[:, None], shift[:, None]], axis=1)

    def box_to_storage(self, box: Box, width_px: int, height_px: int) -> Box:
        """Map a box of the displayed picture, whose size is given, to the stored one."""
        x0, x1 = (width_px - box.x1, width_px - box.x0) if self.flip_x else (box.x0, box.x1)
        y0, y1 = (height_px - box.y1, height_px - box.y0) if self.flip_y else (box.y0, box.y1)
        return Box(y0, x0, y1, x1) if self.transpose else Box(x0, y0, x1, y1)


UPRIGHT = Orientation()


def display_matrix_of(side_data: bytes | None) -> tuple[int, ...] | None:
    """Return the nine integers of a DISPLAYMATRIX side data block, or None."""
    if side_data is None or len(side_data) < 36:
        return None
    return tuple(int(value) for value in np.frombuffer(side_data[:36], dtype="<i4"))
