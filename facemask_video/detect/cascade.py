"""MTCNN's three networks over a whole batch of pictures at once.

The networks, their weights and their arithmetic are those of `facemask_video.detect.mtcnn`; what
differs is the work between them. All candidates of all pictures of a batch are cut in one step and
go through the second and the third network together, and they stay on the device until the end.

Boxes inside this file count pixels from 1 and include both edges, as MTCNN's networks learnt them.
Detections that leave it are in our convention.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from facemask_video.detect.mtcnn import OFFSET_PX, STAGE_THRESHOLDS, load_networks
from facemask_video.detect.processor import make_quick
from facemask_video.detect.sums import Candidates, SumTables, surroundings
from facemask_video.faces import Detection
from facemask_video.frames import ImageU8
from facemask_video.geometry import Box

CELL_PX = 12
"""Field of view of the first network: the smallest face it can be asked for."""

LOOK_THRESHOLDS = (0.5, 0.6)
LOOK_THRESHOLD = 0.5
"""Thresholds of a look that leaves it to the track whether a face is one. MTCNN saw few masks: of
photographs of masked faces its own thresholds (0.6, 0.7, 0.7) find 91 % (web) and 84 % (RMFD),
these 94 and 91 %; of bare ones 99 and 100 % (`scripts/bench_recall.py --pictures`)."""

_STRIDE = 2
_PYRAMID_STEP = 0.709
# Half the area a level, MTCNN's own.

_CUT_2_PX, _CUT_3_PX = 24, 48
_WIDE = ((0.0, 0.0, 0.0), (0.12, 0.0, 0.0), (-0.12, 0.0, 0.0), (0.0, 0.12, 0.0), (0.0, -0.12, 0.0))
_NARROW = ((0.0, 0.0, 0.0), (0.03, 0.03, 0.0), (-0.03, -0.03, 0.0), (0.03, -0.03, 0.03))
# Cuts about a place: shift right, shift down and growth on each side, as parts of its side.

_AT_ONCE = {"cpu": (150_000, 128, 16), "cuda": (60_000_000, 2048, 2048)}
# Pixels of the first network and cuts of the others in one pass. On a processor a larger pass takes
# up to twice as long: it leaves the cache, and asks for its memory anew each time. On a GPU this
# bounds the memory: 2048 x 3 x 48 x 48 floats are 57 MB.


class CascadeDetector:
    """MTCNN, batched; same faces as `facemask_video.detect.mtcnn.MtcnnDetector`.

    Args:
        device: Where the networks run.
        threshold: Least score of a face in the third network, [0, 1].
        min_face_px: Smallest face looked for, in px of the pictures shown, >= 12.
        precision: Of the networks; boxes are always computed in single precision.
        stage_thresholds: Least scores in the first and the second network.
    """

    def __init__(
        self,
        *,
        device: torch.device,
        threshold: float,
        min_face_px: float,
        precision: torch.dtype = torch.float32,
        stage_thresholds: tuple[float, float] = STAGE_THRESHOLDS,
    ) -> None:
        """Load the networks."""
        if not all(0.0 <= value <= 1.0 for value in (threshold, *stage_thresholds)):
            raise ValueError(
                f"thresholds: got {(*stage_thresholds, threshold)}, expected scores in [0, 1]."
            )
        if min_face_px < CELL_PX:
            raise ValueError(f"min_face_px: got {min_face_px}, expected {CELL_PX} or more.")
        self._device = device
        self._precision = precision
        self._thresholds = (*stage_thresholds, threshold)
        self._min_face_px = min_face_px
        networks = load_networks(device)
        self._first, self._second, self._third = (each.to(precision) for each in networks)
        at_once = _AT_ONCE["cpu" if device.type == "cpu" else "cuda"]
        self._at_once = dict(zip(networks, at_once, strict=True))
        if device.type == "cpu":
            make_quick(networks, precision)

    @torch.inference_mode()
    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        """Find the faces of each image; see `facemask_video.detect.detector.Detector`."""
        if not images or min(images[0].shape[:2]) < self._min_face_px:
            return [[] for _ in images]
        sums = SumTables(images, self._device)
        found = self._propose(sums)
        if len(found):
            found = self._check(found, sums)
        if not len(found):
            return [[] for _ in images]
        found, landmarks = self._finish(found, sums)
        return _detections(found, landmarks, len(images))

    @torch.inference_mode()
    def look_near(
        self, images: Sequence[ImageU8], places: Sequence[Sequence[Box]]
    ) -> list[list[Detection]]:
        """Look at given places only, with the third network alone.

        A few cuts about each place are judged, and what they say is averaged by how much of a face
        they see. So it costs a hundredth of `detect`, finds fainter faces, and its landmarks jitter
        less than those of one cut at whole pixels.

        Args:
            images: As for `detect`.
            places: For each image, boxes near which a face may be, in px of that image.

        Returns:
            For each image a detection a place, in order, whatever its score. The score is the mean
            over the cuts: a face stays one when the cut is moved by an eighth (0.95 and more), a
            pattern that looks like one seldom does (0.75 and less, on the clips this was tried on).
        """
        boxes = [box for each in places for box in each]
        if not boxes:
            return [[] for _ in images]
        of_image = [index for index, each in enumerate(places) for _ in each]
        images, x0, y0 = surroundings(images, boxes)
        sums = SumTables(images, self._device)
        corners = torch.tensor([[box.x0, box.y0, box.x1, box.y1] for box in boxes])
        corners -= torch.tensor([x0, y0, x0, y0])
        picture = torch.tensor(of_image, device=self._device)
        wide, _ = self._settle(corners.to(self._device) + OFFSET_PX, picture, sums, _WIDE)
        found, landmarks = self._settle(wide.corners, picture, sums, _NARROW)
        found.score = (wide.score * len(_WIDE) + found.score * len(_NARROW)) / (
            len(_WIDE) + len(_NARROW)
        )
        origin = torch.tensor([x0, y0], device=self._device)
        found.corners, landmarks = found.corners + origin.repeat(2), landmarks + origin
        return _detections(found, landmarks, len(images))

    def _settle(
        self,
        corners: Tensor,
        picture: Tensor,
        sums: SumTables,
        tries: tuple[tuple[float, ...], ...],
    ) -> tuple[Candidates, Tensor]:
        """Average what the third network says of several cuts about each box."""
        squares = _squared(corners)
        side = squares[:, 2:3] - squares[:, :1]
        shift = torch.tensor(list(tries), device=corners.device)[None] * side[:, None]
        around = squares[:, None] + torch.cat(
            [shift[..., :2] - shift[..., 2:], shift[..., :2] + shift[..., 2:]], dim=2
        )
        n_boxes, n_tries = around.shape[:2]
        cut_from = Candidates(
            around.reshape(-1, 4),
            torch.zeros(n_boxes * n_tries, device=corners.device),
            picture.repeat_interleave(n_tries),
        )
        regression, points, score = self._judge(self._third, cut_from, sums, _CUT_3_PX)
        moved = _moved(cut_from.corners, regression).reshape(n_boxes, n_tries, 4)
        landmarks = _landmarks(cut_from.corners, points).reshape(n_boxes, n_tries, 10)
        each = score[:, 1].reshape(n_boxes, n_tries)
        weight = each**2 + 1e-6
        weight = (weight / weight.sum(dim=1, keepdim=True))[..., None]
        found = Candidates((moved * weight).sum(dim=1), each.mean(dim=1), picture)
        return found, (landmarks * weight).sum(dim=1).reshape(n_boxes, 5, 2)

    def _propose(self, sums: SumTables) -> Candidates:
        """Run the first network over the pyramid of all pictures."""
        height, width = sums.height, sums.width
        scale = CELL_PX / self._min_face_px
        corners, scores, picture, level, push = [], [], [], [], []
        n_levels = 0
        while min(height, width) * scale >= CELL_PX:
            size = (int(height * scale + 1), int(width * scale + 1))
            regression, score = self._scan(sums, size)
            at = (score[:, 1] >= self._thresholds[0]).nonzero()
            cell = at[:, 1:].flip(1).to(torch.float32) * _STRIDE
            corners.append(torch.cat([(cell + 1) / scale, (cell + CELL_PX) / scale], dim=1).floor())
            scores.append(score[at[:, 0], 1, at[:, 1], at[:, 2]])
            push.append(regression[at[:, 0], :, at[:, 1], at[:, 2]])
            picture.append(at[:, 0])
            level.append(torch.full_like(at[:, 0], n_levels))
            n_levels += 1
            scale *= _PYRAMID_STEP
        found = Candidates(torch.cat(corners), torch.cat(scores), torch.cat(picture))
        pushes = torch.cat(push)
        # Within each level of each picture, then within each picture.
        group = found.picture * n_levels + torch.cat(level)
        pick = batched_nms(found.corners, found.score, group, 0.5)
        found, pushes = found.at(pick), pushes[pick]
        pick = batched_nms(found.corners, found.score, found.picture, 0.7)
        found, pushes = found.at(pick), pushes[pick]
        sides = found.corners[:, 2:] - found.corners[:, :2]
        found.corners = _squared(found.corners + pushes * sides.repeat(1, 2))
        return found

    def _check(self, found: Candidates, sums: SumTables) -> Candidates:
        """Keep what the second network takes for a face, and let it move the boxes."""
        found = sums.touched(found)
        if not len(found):
            return found
        regression, score = self._judge(self._second, found, sums, _CUT_2_PX)
        found.score = score[:, 1]
        pick = (found.score > self._thresholds[1]).nonzero()[:, 0]
        found, regression = found.at(pick), regression[pick]
        pick = batched_nms(found.corners, found.score, found.picture, 0.7)
        found, regression = found.at(pick), regression[pick]
        found.corners = _squared(_moved(found.corners, regression))
        return found

    def _finish(self, found: Candidates, sums: SumTables) -> tuple[Candidates, Tensor]:
        """Keep what the third network takes for a face; also returns landmarks (n, 5, 2)."""
        found = sums.touched(found)
        if not len(found):
            return found, torch.zeros(0, 5, 2)
        regression, points, score = self._judge(self._third, found, sums, _CUT_3_PX)
        found.score = score[:, 1]
        pick = (found.score > self._thresholds[2]).nonzero()[:, 0]
        found, regression, points = found.at(pick), regression[pick], points[pick]
        landmarks = _landmarks(found.corners, points)
        found.corners = _moved(found.corners, regression)
        pick = _not_inside_a_better_one(found)
        return found.at(pick), landmarks[pick]

    def _scan(self, sums: SumTables, size: tuple[int, int]) -> tuple[Tensor, ...]:
        """Run the first network over all pictures at a size, some at a time."""
        most_px = self._at_once[self._first]
        at_once = max(1, most_px // (size[0] * size[1]))
        parts = []
        for start in range(0, sums.n_pictures, at_once):
            some = slice(start, start + at_once)
            strips = (sums.reduce(some, *size, rows) for rows in _strips(*size, most_px))
            parts.append(self._joined(self._first, strips, dim=2))
        return tuple(torch.cat(each) for each in zip(*parts, strict=True))

    def _judge(
        self, network: nn.Module, found: Candidates, sums: SumTables, size_px: int
    ) -> tuple[Tensor, ...]:
        """Run a network over the candidates' cuts, some at a time."""
        parts = (sums.cut(part, size_px) for part in found.split(self._at_once[network]))
        return self._joined(network, parts)

    def _joined(
        self, network: nn.Module, parts: Iterable[Tensor], *, dim: int = 0
    ) -> tuple[Tensor, ...]:
        """Run a network over pictures of 0 to 255 in parts; results in single precision."""
        each = (network(_normalised(part).to(self._precision)) for part in parts)
        return tuple(torch.cat(some, dim).to(torch.float32) for some in zip(*each, strict=True))


def _normalised(planes: Tensor) -> Tensor:
    # MTCNN's networks take 0-255 as about -1 to 1. In place: each plane is cut for them alone.
    return planes.sub_(127.5).mul_(0.0078125)


def _strips(height: int, width: int, most_px: int) -> Iterator[slice]:
    """Cut a picture's rows into overlapping parts whose cells are those of the whole picture."""
    n_cells = (height - 1) // _STRIDE - 4
    overlap = CELL_PX - _STRIDE
    cells = max(1, (most_px // width - overlap) // _STRIDE)
    for first in range(0, n_cells, cells):
        yield slice(_STRIDE * first, min(_STRIDE * (first + cells) + overlap, height))


def _moved(corners: Tensor, regression: Tensor) -> Tensor:
    sides = corners[:, 2:] - corners[:, :2] + 1
    return corners + regression * sides.repeat(1, 2)


def _squared(corners: Tensor) -> Tensor:
    sides = corners[:, 2:] - corners[:, :2]
    longest = sides.max(dim=1, keepdim=True).values
    first = corners[:, :2] + (sides - longest) * 0.5
    return torch.cat([first, first + longest], dim=1)


def _landmarks(corners: Tensor, points: Tensor) -> Tensor:
    sides = corners[:, 2:] - corners[:, :2] + 1
    as_fractions = torch.stack([points[:, :5], points[:, 5:]], dim=2)
    return as_fractions * sides[:, None] + corners[:, None, :2] - 1


def _not_inside_a_better_one(found: Candidates, share: float = 0.7) -> Tensor:
    """Return which boxes to keep: none whose overlap with a better one covers most of the smaller.

    Whether a box falls depends on whether those above it stand. All are decided at once and again
    until nothing changes, which takes as many rounds as the longest chain of such boxes.
    """
    # Boxes that leave the picture on two sides can have one and the same cut: of equals, the last
    # stands, as in facenet-pytorch.
    order = found.score.argsort(stable=True).flip(0)
    corners, picture = found.corners[order], found.picture[order]
    area = (corners[:, 2] - corners[:, 0] + 1) * (corners[:, 3] - corners[:, 1] + 1)
    low = torch.maximum(corners[:, None, :2], corners[None, :, :2])
    high = torch.minimum(corners[:, None, 2:], corners[None, :, 2:])
    shared = (high - low + 1).clamp(min=0).prod(dim=2)
    covers = shared / torch.minimum(area[:, None], area[None, :]) > share
    covers &= picture[:, None] == picture[None, :]
    covers = covers.triu(diagonal=1)
    keep = torch.ones(len(order), dtype=torch.bool, device=order.device)
    while True:
        stands = ~(covers & keep[:, None]).any(dim=0)
        if bool((stands == keep).all()):
            return order[keep]
        keep = stands


def _detections(found: Candidates, landmarks: Tensor, n_pictures: int) -> list[list[Detection]]:
    corners = (found.corners - OFFSET_PX).cpu().numpy().astype(np.float64)
    points = (landmarks - OFFSET_PX).cpu().numpy().astype(np.float32)
    scores = found.score.clamp(0, 1).cpu().numpy()
    faces: list[list[Detection]] = [[] for _ in range(n_pictures)]
    for index, picture in enumerate(found.picture.cpu().tolist()):
        x0, y0, x1, y1 = (float(edge) for edge in corners[index])
        # A regression can turn a box inside out, though none that is a face.
        box = Box(x0, y0, max(x0, x1), max(y0, y1))
        faces[picture].append(Detection(box, points[index], float(scores[index])))
    return faces
