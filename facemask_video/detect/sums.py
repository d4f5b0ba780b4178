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
from numpy.typing import NDArray
from torch import Tensor, nn

from facemask_video.frames import ImageU8
from facemask_video.geometry import Box


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


class SumTables:
    """Tables of sums of a batch of pictures, and cuts out of them."""

    def __init__(self, images: Sequence[ImageU8], device: torch.device) -> None:
        """Sum pictures of one size."""
        self.height, self.width = images[0].shape[:2]
        # 32 bits hold 255 x 8 million px, more than any thumbnail has.
        if device.type == "cpu":
            # OpenCV sums in one pass over memory, a tenth of the time of two of PyTorch's.
            tables = [cv2.integral(np.ascontiguousarray(image)) for image in images]
            self._table = torch.from_numpy(np.stack(tables))
        else:
            pictures = torch.from_numpy(np.stack(images)).to(device)
            down = pictures.to(torch.int32).cumsum(dim=1, dtype=torch.int32)
            table = down.cumsum(dim=2, dtype=torch.int32)
            self._table = nn.functional.pad(table, (0, 0, 1, 0, 1, 0))
        self._stride_y = self.width + 1
        self._stride_picture = self._stride_y * (self.height + 1)

    def reduce(self, height: int, width: int) -> Tensor:
        """Return the whole pictures at a smaller size, (n, 3, height, width)."""
        device = self._table.device
        (top, bottom), (left, right) = _whole(self.height, height), _whole(self.width, width)
        area = torch.from_numpy((bottom - top)[:, None] * (right - left)).to(device, torch.float32)
        if device.type == "cpu":
            # NumPy takes rows and columns in a third of the time of PyTorch's indexing.
            table = self._table.numpy()
            rows = table.take(bottom, axis=1)
            rows -= table.take(top, axis=1)
            columns = rows.take(right, axis=2)
            columns -= rows.take(left, axis=2)
            total = torch.from_numpy(columns)
        else:
            first, past = (torch.from_numpy(each).to(device) for each in (top, bottom))
            bands = self._table[:, past] - self._table[:, first]
            first, past = (torch.from_numpy(each).to(device) for each in (left, right))
            total = bands[:, :, past] - bands[:, :, first]
        means: Tensor = total.permute(0, 3, 1, 2) / area
        return means.contiguous()

    def cut(
        self, found: Candidates, size_px: int, *, inside_only: bool = True
    ) -> tuple[Candidates, Tensor]:
        """Return the candidates that touch their picture, and their cuts (n, 3, size, size).

        A cut is what of the box lies inside the picture, stretched to a square. Without
        ``inside_only`` a box beside the picture is kept, and cut from the picture's edge.
        """
        whole = found.corners.trunc().to(torch.int64)
        x0, y0 = whole[:, 0].clamp(min=1) - 1, whole[:, 1].clamp(min=1) - 1
        x1, y1 = whole[:, 2].clamp(max=self.width), whole[:, 3].clamp(max=self.height)
        if not inside_only:
            x0, y0 = x0.clamp(max=self.width - 1), y0.clamp(max=self.height - 1)
            x1, y1 = torch.maximum(x1, x0 + 1), torch.maximum(y1, y0 + 1)
        pick = ((x1 > x0) & (y1 > y0)).nonzero()[:, 0]
        found, x0, y0, x1, y1 = found.at(pick), x0[pick], y0[pick], x1[pick], y1[pick]
        left, right = _bins(x0, x1, size_px)
        top, bottom = _bins(y0, y1, size_px)
        numbers = self._table.reshape(-1, 3)
        base = (found.picture * self._stride_picture)[:, None, None]

        def sums_at(y: Tensor, x: Tensor) -> Tensor:
            index = base + (y * self._stride_y)[:, :, None] + x[:, None, :]
            return nn.functional.embedding(index, numbers)

        total = (sums_at(bottom, right) - sums_at(top, right)) - (
            sums_at(bottom, left) - sums_at(top, left)
        )
        area = (bottom - top)[:, :, None] * (right - left)[:, None, :]
        cuts = total.to(torch.float32) / area[..., None].to(torch.float32)
        return found, cuts.permute(0, 3, 1, 2)


def _whole(n_px: int, n_bins: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the bins of a picture's whole side."""
    none = torch.zeros(1, dtype=torch.int64)
    first, past = _bins(none, none + n_px, n_bins)
    return first[0].numpy(), past[0].numpy()


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
