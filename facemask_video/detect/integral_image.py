"""Crops and reductions of images by area averaging, for all candidates of a batch in one step.

facenet-pytorch resizes each candidate by area averaging, so a crop of any size is a grid of means
over whole-pixel rectangles. An integral image (summed-area table; Crow, "Summed-area tables for
texture mapping", SIGGRAPH 1984) gives each mean from four numbers, in one gather for all
candidates, and the same value to the last bit but the rounding of one division.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box


@dataclass(slots=True)
class Candidates:
    """Boxes in several images: corners (n, 4), score (n,), image_index (n,).

    Convention: corners count pixels from 1 and include both edges, as MTCNN has them.
    """

    corners: Tensor
    score: Tensor
    image_index: Tensor

    def __len__(self) -> int:
        return len(self.score)

    def at(self, index: Tensor) -> "Candidates":
        """Return those at an index."""
        return Candidates(self.corners[index], self.score[index], self.image_index[index])

    def split(self, size: int) -> "list[Candidates]":
        """Return them in parts of at most ``size``."""
        parts = (torch.split(each, size) for each in (self.corners, self.score, self.image_index))
        return [Candidates(*part) for part in zip(*parts, strict=True)]


class IntegralImages:
    """The integral images of a batch, and crops and reductions of the batch out of them.

    Args:
        images: RGB, all of one shape (h, w, 3).
        device: Where they lie.
    """

    def __init__(self, images: Sequence[ImageU8], device: torch.device) -> None:
        self.n_images = len(images)
        self.height, self.width = images[0].shape[:2]
        # 32 bits hold 255 x 8 million px, more than any thumbnail has. With a fourth, empty channel
        # a pixel's sums are 128 bits, and are fetched as one complex number: in half the time.
        if uses_opencv(device):
            # OpenCV sums in one pass over memory, a tenth of the time of two of PyTorch's.
            table = np.empty((len(images), self.height + 1, self.width + 1, 4), np.int32)
            for image, integral in zip(images, table, strict=True):
                cv2.integral(cv2.cvtColor(image, cv2.COLOR_RGB2RGBA), integral)
            self._table = _pack(torch.from_numpy(table))
        else:
            pixels = torch.from_numpy(np.stack(images)).to(device)
            down = pixels.to(torch.int32).cumsum(dim=1, dtype=torch.int32)
            integral = down.cumsum(dim=2, dtype=torch.int32)
            self._table = _pack(nn.functional.pad(integral, (0, 1, 1, 0, 1, 0)))
        self._row_stride = self.width + 1
        self._image_stride = self._row_stride * (self.height + 1)

    def resize(self, images: slice, size: tuple[int, int], rows: range, columns: range) -> Tensor:
        """Return some rows and columns, (n, 3, rows, columns), of images reduced to a size.

        Args:
            images: Which of the batch.
            size: (height, width) of the whole reduced image.
            rows: Of the reduced image.
            columns: Likewise.
        """
        table = self._table[images]
        top, bottom = (side.to(table.device) for side in _side_bins(self.height, size[0], rows))
        left, right = (side.to(table.device) for side in _side_bins(self.width, size[1], columns))
        bands = _pack(_differences(table, bottom, top, dim=1))
        total = _differences(bands, right, left, dim=2)
        area = (bottom - top)[:, None] * (right - left)
        means = torch.empty(len(table), 3, *area.shape, device=table.device)
        return means.copy_(total.permute(0, 3, 1, 2)[:, :3]).div_(area)

    def overlapping(self, candidates: Candidates) -> Candidates:
        """Return the candidates of which a part lies inside their image."""
        x0, y0, x1, y1 = candidates.corners.trunc().unbind(dim=1)
        in_columns = x1.clamp(max=self.width) > x0.clamp(min=1) - 1
        in_rows = y1.clamp(max=self.height) > y0.clamp(min=1) - 1
        return candidates.at((in_columns & in_rows).nonzero()[:, 0])

    def crop(self, candidates: Candidates, size_px: int) -> Tensor:
        """Return the candidates' crops (n, 3, size, size), 0 to 255, channels last in memory.

        A crop is what of the box lies inside the image, stretched to a square; of a box beside the
        image it is the image's edge.
        """
        corners = candidates.corners.trunc().to(torch.int64)
        x0 = (corners[:, 0] - 1).clamp(0, self.width - 1)
        y0 = (corners[:, 1] - 1).clamp(0, self.height - 1)
        x1 = torch.maximum(corners[:, 2].clamp(max=self.width), x0 + 1)
        y1 = torch.maximum(corners[:, 3].clamp(max=self.height), y0 + 1)
        left, right = _bins(x0, x1, size_px)
        top, bottom = _bins(y0, y1, size_px)
        flat = self._table.reshape(-1)
        base = (candidates.image_index * self._image_stride)[:, None, None]

        def integral_at(y: Tensor, x: Tensor) -> Tensor:
            index = base + (y * self._row_stride)[:, :, None] + x[:, None, :]
            return _unpack(flat.index_select(0, index.reshape(-1)))

        total = integral_at(bottom, right).sub_(integral_at(top, right))
        total = total.sub_(integral_at(bottom, left)).add_(integral_at(top, left))
        area = (bottom - top)[:, :, None] * (right - left)[:, None, :]
        crops = total.reshape(*area.shape, 4)[..., :3] / area[..., None]
        return crops.permute(0, 3, 1, 2)


def uses_opencv(device: torch.device) -> bool:
    """Tell whether images are summed where they lie: on a processor."""
    return device.type == "cpu"


def _pack(integral: Tensor) -> Tensor:
    """View the last dimension, four numbers of 32 bits, as one complex number of 128."""
    return torch.view_as_complex(integral.view(torch.float64))


def _unpack(packed: Tensor) -> Tensor:
    return torch.view_as_real(packed).view(torch.int32)


def _differences(table: Tensor, last: Tensor, first: Tensor, *, dim: int) -> Tensor:
    """Return the sums at some lines of a packed table less those at others, unpacked."""
    return _unpack(table.index_select(dim, last)).sub_(_unpack(table.index_select(dim, first)))


def _side_bins(n_px: int, n_bins: int, bins: range) -> tuple[Tensor, Tensor]:
    """Return some of the bins that a whole side of an image is divided into; see `_bins`."""
    none = torch.zeros(1, dtype=torch.int64)
    first, past = _bins(none, none + n_px, n_bins)
    return first[0, bins.start : bins.stop], past[0, bins.start : bins.stop]


def _bins(low: Tensor, high: Tensor, n_bins: int) -> tuple[Tensor, Tensor]:
    """Return first and past-the-last pixel of each bin, (n, bins), as area resizing has them."""
    step = torch.arange(n_bins, device=low.device)
    span = (high - low)[:, None]
    first = step * span // n_bins
    past = -(-(step + 1) * span // n_bins)
    return low[:, None] + first, low[:, None] + past


def crop_around(images: Sequence[ImageU8], boxes: Sequence[Box]) -> tuple[list[ImageU8], int, int]:
    """Crop images to what a refinement of the boxes can read.

    Beyond the image its edge is repeated. Were a crop clipped there and stretched, as `detect` has
    it, a face that leaves the image would look wide, and its box grow from frame to frame.

    Args:
        images: RGB, all of one shape (h, w, 3).
        boxes: Of all images, in px.

    Returns:
        The cropped images, and the origin (x, y) of the crop in px of the images.
    """
    height, width = images[0].shape[:2]
    # Crops reach less than half a side beyond the square about a box, which is half a side wider.
    margins = [min(max(box.width_px, box.height_px), 2 * (width + height)) for box in boxes]
    pairs = list(zip(boxes, margins, strict=True))
    left = int(min(max(min(box.x0 - margin for box, margin in pairs), -width), width - 1))
    top = int(min(max(min(box.y0 - margin for box, margin in pairs), -height), height - 1))
    right = int(min(max(max(box.x1 + margin for box, margin in pairs), left + 1), 2 * width))
    bottom = int(min(max(max(box.y1 + margin for box, margin in pairs), top + 1), 2 * height))
    inside = [image[max(top, 0) : max(bottom, 1), max(left, 0) : max(right, 1)] for image in images]
    border = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
    if any(border):
        inside = [
            np.asarray(cv2.copyMakeBorder(each, *border, cv2.BORDER_REPLICATE), dtype=np.uint8)
            for each in inside
        ]
    return inside, left, top
