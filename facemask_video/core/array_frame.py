"""A picture in memory that goes through the stages of a video."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from facemask_video.core import geometry
from facemask_video.core.frame import ImageU8, Patch
from facemask_video.core.geometry import Affine, Box
from facemask_video.core.warp import covered_box, warp


@dataclass(frozen=True, eq=False)
class ArrayFrame:
    """A `Frame` on an RGB array."""

    image: ImageU8
    index: int = 0
    pts: int = 0
    time_base: Fraction = Fraction(1, 25)

    @property
    def width_px(self) -> int:
        """Width of the array."""
        return int(self.image.shape[1])

    @property
    def height_px(self) -> int:
        """Height of the array."""
        return int(self.image.shape[0])

    def thumbnail(self, max_side_px: int) -> tuple[ImageU8, float]:
        """Return a small picture and its scale, by area; see `Frame.thumbnail`."""
        scale = min(1.0, max_side_px / max(self.width_px, self.height_px))
        if scale == 1:
            return self.image, scale
        size = (max(1, round(self.width_px * scale)), max(1, round(self.height_px * scale)))
        small = cv2.resize(self.image, size, interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.uint8), scale

    def read_region(self, box: Box) -> ImageU8:
        """Return the pixels of a whole-pixel box; outside the array its edge repeats."""
        rows = np.clip(np.arange(int(box.y0), int(box.y1)), 0, self.height_px - 1)
        columns = np.clip(np.arange(int(box.x0), int(box.x1)), 0, self.width_px - 1)
        return np.ascontiguousarray(self.image[np.ix_(rows, columns)])

    def read_crop(self, frame_to_crop: Affine, size_px: int) -> ImageU8:
        """Return what lies under a square crop; see `Frame.read_crop`."""
        region = covered_box(frame_to_crop, size_px)
        to_crop = geometry.compose(geometry.translation(region.x0, region.y0), frame_to_crop)
        return warp(self.read_region(region), to_crop, width_px=size_px, height_px=size_px)

    def with_patches(self, patches: Sequence[Patch]) -> "ArrayFrame":
        """Return a copy with the patches blended in; pixels of alpha 0 stay bit for bit."""
        image = self.image.copy()
        for patch in patches:
            box, alpha = patch.box, patch.alpha[:, :, None]
            part = image[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)]
            part[:] = np.rint(part * (1 - alpha) + patch.image * alpha).astype(np.uint8)
        return ArrayFrame(image, self.index, self.pts, self.time_base)
