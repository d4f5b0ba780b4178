"""MTCNN's three networks over all crops of a batch of images together.

On a processor a pass over more data takes up to twice as long a pixel: it leaves the cache, and
asks for its memory anew each time. So each network runs on a bounded part at a time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from facemask_video.detect.integral_image import Candidates, IntegralImages
from facemask_video.detect.mtcnn import CELL_PX, load_networks
from facemask_video.detect.optimize import optimize_for_cpu

STRIDE = 2
"""Of P-Net's output, in px of its input."""

_RNET_PX, _ONET_PX = 24, 48


@dataclass(frozen=True, slots=True)
class _Limits:
    """Most pixels of P-Net, most crops of the other two, and most pixels of images, in one pass."""

    pnet_px: int
    rnet_crops: int
    onet_crops: int
    image_px: int


LIMITS = {
    "cpu": _Limits(150_000, 128, 16, 2_000_000),
    # This bounds the memory: 2048 x 3 x 48 x 48 floats are 57 MB. An image takes 16 bytes a pixel.
    "cuda": _Limits(60_000_000, 2048, 2048, 60_000_000),
}


def limits_of(device: torch.device) -> _Limits:
    """Return the limits on a device."""
    return LIMITS["cpu" if device.type == "cpu" else "cuda"]


class BatchedMtcnn:
    """P-Net, R-Net and O-Net on parts of images.

    Args:
        device: Where the networks run.
        precision: Of the networks; results are in single precision.
        weights: See `load_networks`.
    """

    def __init__(
        self,
        device: torch.device,
        precision: torch.dtype = torch.float32,
        weights: Path | None = None,
    ) -> None:
        self._precision = precision
        self._limits = limits_of(device)
        networks = load_networks(device, weights)
        self._pnet, self._rnet, self._onet = (each.to(precision) for each in networks)
        if device.type == "cpu":
            optimize_for_cpu(networks, precision)

    def most_images(self, image_px: int) -> int:
        """Return how many images of so many pixels are looked at together, at least 1."""
        return max(1, self._limits.image_px // image_px)

    def pnet(
        self, integral: IntegralImages, size: tuple[int, int], rows: range, columns: range
    ) -> tuple[Tensor, ...]:
        """Run P-Net over part of all images, reduced to a size.

        Args:
            integral: The images.
            size: (height, width) of the reduced images.
            rows: Of the reduced images.
            columns: Likewise.

        Returns:
            Regression (n, 4, cells) and probabilities (n, 2, cells), cells (rows, columns).
        """
        most_px = self._limits.pnet_px
        n_images = max(1, most_px // (len(rows) * len(columns)))
        parts = []
        for start in range(0, integral.n_images, n_images):
            some = slice(start, start + n_images)
            strips = _strips(rows, most_px // len(columns))
            planes = (integral.resize(some, size, strip, columns) for strip in strips)
            parts.append(self._run(self._pnet, planes, dim=2))
        return tuple(torch.cat(each) for each in zip(*parts, strict=True))

    def rnet(self, candidates: Candidates, integral: IntegralImages) -> tuple[Tensor, ...]:
        """Run R-Net on the candidates' crops.

        Returns:
            Regression (n, 4), in sides of the box, probability of a face (n,), and that of R-Net's
            own last layers (n,).
        """
        parts = candidates.split(self._limits.rnet_crops)
        crops = (integral.crop(part, _RNET_PX) for part in parts)
        regression, score, own = self._run(self._rnet, crops)
        return regression, score[:, 1], own[:, 1]

    def onet(self, candidates: Candidates, integral: IntegralImages) -> tuple[Tensor, ...]:
        """Run O-Net on the candidates' crops.

        Returns:
            Regression (n, 4), in sides of the box, landmarks (n, 10), five x and five y as parts of
            the sides, probability of a face (n,), and that of O-Net's own last layers (n,).
        """
        parts = candidates.split(self._limits.onet_crops)
        crops = (integral.crop(part, _ONET_PX) for part in parts)
        regression, points, score, own = self._run(self._onet, crops)
        return regression, points, score[:, 1], own[:, 1]

    def _run(
        self, network: nn.Module, parts: Iterable[Tensor], *, dim: int = 0
    ) -> tuple[Tensor, ...]:
        each = (network(normalize(part).to(self._precision)) for part in parts)
        return tuple(torch.cat(some, dim).to(torch.float32) for some in zip(*each, strict=True))


def normalize(planes: Tensor) -> Tensor:
    """Scale 0-255 to about -1 to 1, as MTCNN's networks take it, in place."""
    return planes.sub_(127.5).mul_(0.0078125)


def _strips(rows: range, most_rows: int) -> Iterator[range]:
    """Divide rows into overlapping parts whose P-Net cells are those of all rows."""
    n_cells = (len(rows) - 1) // STRIDE - 4
    overlap = CELL_PX - STRIDE
    cells = max(1, (most_rows - overlap) // STRIDE)
    for first in range(0, n_cells, cells):
        yield rows[STRIDE * first : STRIDE * (first + cells) + overlap]
