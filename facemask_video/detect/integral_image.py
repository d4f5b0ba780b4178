"""Parts of pictures at other sizes, for all candidates of a batch in one step.

facenet-pytorch resizes each candidate by area averaging, so a cut of any size is a grid of means
over whole-pixel rectangles. A table of sums gives each mean from four numbers, in one gather for
all candidates, and the same value to the last bit but the rounding of one division.
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
    """Boxes of several pictures: corners (n, 4), score (n,), picture (n,).

    Convention: corners count pixels from 1 and include both edges, as MTCNN has them.
    """

    corners: Tensor
    score: Tensor
    picture: Tensor

    def __len__(self) -> int:
        """Count the boxes."""
        return len(self.score)

    def at(self, pick: Tensor) -> "Candidates":
        """Return those at an index."""
        return Candidates(self.corners[pick], self.score[pick], self.picture[pick])

    def split(self, most: int) -> "list[Candidates]":
        """Return them in parts of so many."""
        parts = (torch.split(each, most) for each in (self.corners, self.score, self.picture))
        return [Candidates(*part) for part in zip(*parts, strict=True)]


class IntegralImages:
    """Tables of sums of a batch of pictures, and cuts out of them."""

    def __init__(self, images: Sequence[ImageU8], device: torch.device) -> None:
        """Sum pictures of one size."""
        self.n_pictures = len(images)
        self.height, self.width = images[0].shape[:2]
        # 32 bits hold 255 x 8 million px, more than any thumbnail has. With a fourth, empty colour
        # a pixel's sums are 128 bits, and are fetched as one complex number: in half the time.
        if device.type == "cpu":
            # OpenCV sums in one pass over memory, a tenth of the time of two of PyTorch's.
            table = np.empty((len(images), self.height + 1, self.width + 1, 4), np.int32)
            for image, sums in zip(images, table, strict=True):
                cv2.integral(cv2.cvtColor(image, cv2.COLOR_RGB2RGBA), sums)
            self._table = _as_one(torch.from_numpy(table))
        else:
            pictures = torch.from_numpy(np.stack(images)).to(device)
            down = pictures.to(torch.int32).cumsum(dim=1, dtype=torch.int32)
            sums = down.cumsum(dim=2, dtype=torch.int32)
            self._table = _as_one(nn.functional.pad(sums, (0, 1, 1, 0, 1, 0)))
        self._stride_y = self.width + 1
        self._stride_picture = self._stride_y * (self.height + 1)

    def reduce(self, pictures: slice, size: tuple[int, int], rows: range, columns: range) -> Tensor:
        """Return a part, (n, 3, rows, columns), of pictures made smaller to (height, width)."""
        table = self._table[pictures]
        top, bottom = (side.to(table.device) for side in _whole(self.height, size[0], rows))
        left, right = (side.to(table.device) for side in _whole(self.width, size[1], columns))
        bands = _as_one(_differences(table, bottom, top, dim=1))
        total = _differences(bands, right, left, dim=2)
        area = (bottom - top)[:, None] * (right - left)
        means = torch.empty(len(table), 3, *area.shape, device=table.device)
        return means.copy_(total.permute(0, 3, 1, 2)[:, :3]).div_(area)

    def touched(self, found: Candidates) -> Candidates:
        """Return the candidates of which a part lies inside their picture."""
        x0, y0, x1, y1 = found.corners.trunc().unbind(dim=1)
        wide = x1.clamp(max=self.width) > x0.clamp(min=1) - 1
        high = y1.clamp(max=self.height) > y0.clamp(min=1) - 1
        return found.at((wide & high).nonzero()[:, 0])

    def cut(self, found: Candidates, size_px: int) -> Tensor:
        """Return the candidates' cuts (n, 3, size, size), planes last in memory.

        A cut is what of the box lies inside the picture, stretched to a square; of a box beside the
        picture it is the picture's edge.
        """
        whole = found.corners.trunc().to(torch.int64)
        x0 = (whole[:, 0] - 1).clamp(0, self.width - 1)
        y0 = (whole[:, 1] - 1).clamp(0, self.height - 1)
        x1 = torch.maximum(whole[:, 2].clamp(max=self.width), x0 + 1)
        y1 = torch.maximum(whole[:, 3].clamp(max=self.height), y0 + 1)
        left, right = _bins(x0, x1, size_px)
        top, bottom = _bins(y0, y1, size_px)
        numbers = self._table.reshape(-1)
        base = (found.picture * self._stride_picture)[:, None, None]

        def sums_at(y: Tensor, x: Tensor) -> Tensor:
            index = base + (y * self._stride_y)[:, :, None] + x[:, None, :]
            return _apart(numbers.index_select(0, index.reshape(-1)))

        total = sums_at(bottom, right).sub_(sums_at(top, right))
        total = total.sub_(sums_at(bottom, left)).add_(sums_at(top, left))
        area = (bottom - top)[:, :, None] * (right - left)[:, None, :]
        cuts = total.reshape(*area.shape, 4)[..., :3] / area[..., None]
        return cuts.permute(0, 3, 1, 2)


def _as_one(sums: Tensor) -> Tensor:
    """Take the last dimension, four numbers of 32 bits, as one number of 128."""
    return torch.view_as_complex(sums.view(torch.float64))


def _apart(numbers: Tensor) -> Tensor:
    """Undo `_as_one`."""
    return torch.view_as_real(numbers).view(torch.int32)


def _differences(table: Tensor, last: Tensor, first: Tensor, *, dim: int) -> Tensor:
    """Return the sums at some lines of a table less those at others, apart."""
    return _apart(table.index_select(dim, last)).sub_(_apart(table.index_select(dim, first)))


def _whole(n_px: int, n_bins: int, bins: range) -> tuple[Tensor, Tensor]:
    """Return some bins of a picture's whole side."""
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


def surroundings(images: Sequence[ImageU8], boxes: Sequence[Box]) -> tuple[list[ImageU8], int, int]:
    """Cut pictures to what close looks at the boxes can read; returns also the cut's origin.

    Beyond the picture its edge is repeated. Were a cut clipped there and stretched, as `detect` has
    it, a face that leaves the picture would look wide, and its box grow from look to look.
    """
    height, width = images[0].shape[:2]
    # Cuts reach less than half a side beyond the square about a box, which is half a side wider.
    reach = [min(max(box.width_px, box.height_px), 2 * (width + height)) for box in boxes]
    pairs = list(zip(boxes, reach, strict=True))
    left = int(min(max(min(box.x0 - side for box, side in pairs), -width), width - 1))
    top = int(min(max(min(box.y0 - side for box, side in pairs), -height), height - 1))
    right = int(min(max(max(box.x1 + side for box, side in pairs), left + 1), 2 * width))
    bottom = int(min(max(max(box.y1 + side for box, side in pairs), top + 1), 2 * height))
    inside = [image[max(top, 0) : max(bottom, 1), max(left, 0) : max(right, 1)] for image in images]
    border = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
    if any(border):
        inside = [
            np.asarray(cv2.copyMakeBorder(each, *border, cv2.BORDER_REPLICATE), dtype=np.uint8)
            for each in inside
        ]
    return inside, left, top
