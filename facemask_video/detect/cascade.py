"""MTCNN's three networks over a whole batch of pictures at once.

The networks, their weights and their arithmetic are those of `facemask_video.detect.mtcnn`; what
differs is the work between them. All candidates of all pictures of a batch are cut in one step and
go through the second and the third network together, and they stay on the device until the end.

Boxes inside this file count pixels from 1 and include both edges, as MTCNN's networks learnt them.
Detections that leave it are in our convention.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from facemask_video.core.faces import Detection
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.detect.boxes import moved, not_inside_a_better_one, placed, squared
from facemask_video.detect.integral_image import Candidates, IntegralImages, surroundings
from facemask_video.detect.landmarks import CROP_SCALE, INPUT_PX, LandmarkNetwork
from facemask_video.detect.mtcnn import OFFSET_PX, STAGE_THRESHOLDS, load_networks
from facemask_video.detect.optimize import optimize_for_cpu

CELL_PX = 12
"""Field of view of the first network: the smallest face it can be asked for."""

LENIENT_STAGE_THRESHOLDS = (0.5, 0.6)
LENIENT_THRESHOLD = 0.5
"""Thresholds of a look that leaves it to the track whether a face is one. MTCNN saw few masks: of
photographs of masked faces its own thresholds (0.6, 0.7, 0.7) find 91 % (web) and 84 % (RMFD),
these 94 and 91 %; of bare ones 99 and 100 % (`scripts/bench_recall.py --pictures`)."""

_STRIDE = 2
_PYRAMID_STEP = 0.709
# Half the area a level, MTCNN's own.

_SMALLER = 0.6
# Of a face's side: three or four levels of the pyramid show a face that changed by so much.

_CUT_2_PX, _CUT_3_PX = 24, 48
_WIDE = ((0.0, 0.0, 0.0), (0.12, 0.0, 0.0), (-0.12, 0.0, 0.0), (0.0, 0.12, 0.0), (0.0, -0.12, 0.0))
_NARROW = ((0.0, 0.0, 0.0), (0.03, 0.03, 0.0), (-0.03, -0.03, 0.0), (0.03, -0.03, 0.03))
_PLACED = _NARROW[1:3]
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
        landmarks: Places the points of a close look; MTCNN's third network where None, for which
            the mouth under a mask is a guess.
    """

    def __init__(
        self,
        *,
        device: torch.device,
        threshold: float,
        min_face_px: float,
        precision: torch.dtype = torch.float32,
        stage_thresholds: tuple[float, float] = STAGE_THRESHOLDS,
        landmarks: LandmarkNetwork | None = None,
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
        self._landmarks = landmarks
        networks = load_networks(device)
        self._first, self._second, self._third = (each.to(precision) for each in networks)
        at_once = _AT_ONCE["cpu" if device.type == "cpu" else "cuda"]
        self._at_once = dict(zip(networks, at_once, strict=True))
        if device.type == "cpu":
            optimize_for_cpu(networks, precision)

    @torch.inference_mode()
    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        """Find the faces of each image; see `facemask_video.detect.detector.Detector`."""
        if not images or min(images[0].shape[:2]) < self._min_face_px:
            return [[] for _ in images]
        height, width = images[0].shape[:2]
        found, landmarks = self._find(images, Box(0, 0, width, height), (0, math.inf))
        return _detections(found, landmarks, len(images))

    @torch.inference_mode()
    def detect_in_region(self, image: ImageU8, region: Box, side_px: float) -> list[Detection]:
        """Find faces of about a size in a part of an image.

        Sees what `detect` sees there, at a small part of the cost.

        Args:
            image: As for `detect`.
            region: In px of the image; may leave it.
            side_px: Side of the square of such a face's area. Faces from 0.6 to 1.6 of it are
                looked for.
        """
        if min(image.shape[:2]) < self._min_face_px:
            return []
        sides_px = (_SMALLER * side_px, side_px / _SMALLER)
        found, landmarks = self._find([image], region, sides_px)
        return _detections(found, landmarks, 1)[0]

    @torch.inference_mode()
    def refine(
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
        sums = IntegralImages(images, self._device)
        corners = torch.tensor([[box.x0, box.y0, box.x1, box.y1] for box in boxes])
        corners -= torch.tensor([x0, y0, x0, y0])
        picture = torch.tensor(of_image, device=self._device)
        wide, _ = self._settle(corners.to(self._device) + OFFSET_PX, picture, sums, _WIDE)
        found, landmarks = self._settle(wide.corners, picture, sums, _NARROW)
        found.score = (wide.score * len(_WIDE) + found.score * len(_NARROW)) / (
            len(_WIDE) + len(_NARROW)
        )
        if self._landmarks is not None:
            landmarks = self._place(found.corners, picture, sums, self._landmarks)
        origin = torch.tensor([x0, y0], device=self._device)
        found.corners, landmarks = found.corners + origin.repeat(2), landmarks + origin
        return _detections(found, landmarks, len(images))

    def _settle(
        self,
        corners: Tensor,
        picture: Tensor,
        sums: IntegralImages,
        tries: tuple[tuple[float, ...], ...],
    ) -> tuple[Candidates, Tensor]:
        """Average what the third network says of several cuts about each box."""
        squares = squared(corners)
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
        boxes = moved(cut_from.corners, regression).reshape(n_boxes, n_tries, 4)
        landmarks = placed(cut_from.corners, points).reshape(n_boxes, n_tries, 10)
        each = score[:, 1].reshape(n_boxes, n_tries)
        weight = each**2 + 1e-6
        weight = (weight / weight.sum(dim=1, keepdim=True))[..., None]
        found = Candidates((boxes * weight).sum(dim=1), each.mean(dim=1), picture)
        return found, (landmarks * weight).sum(dim=1).reshape(n_boxes, 5, 2)

    def _place(
        self, corners: Tensor, picture: Tensor, sums: IntegralImages, network: LandmarkNetwork
    ) -> Tensor:
        """Average the points (n, 5, 2) that a network sees in several cuts about each box."""
        squares = squared(corners)
        side = (squares[:, 2:3] - squares[:, :1] + 1)[:, None]
        shift = torch.tensor(list(_PLACED), device=corners.device)[None] * side
        reach = shift[..., 2:] + (CROP_SCALE - 1) / 2 * side
        around = squares[:, None] + torch.cat(
            [shift[..., :2] - reach, shift[..., :2] + reach], dim=2
        )
        # Whole pixels, so that what is cut is what the points are parts of.
        around = around.round().reshape(-1, 4)
        n_tries = len(_PLACED)
        score = torch.zeros(len(around), device=corners.device)
        cut_from = Candidates(around, score, picture.repeat_interleave(n_tries))
        points = network(_normalised(sums.cut(cut_from, INPUT_PX)))
        sides = around[:, 2:] - around[:, :2] + 1
        each = around[:, None, :2] - 1 + points * sides[:, None] + OFFSET_PX
        mean: Tensor = each.reshape(-1, n_tries, 5, 2).mean(dim=1)
        return mean

    def _find(
        self, images: Sequence[ImageU8], region: Box, sides_px: tuple[float, float]
    ) -> tuple[Candidates, Tensor]:
        """Find faces of some sides in a region; returns also their landmarks (n, 5, 2)."""
        sums = IntegralImages(images, self._device)
        found = self._propose(sums, region, sides_px)
        if len(found):
            found = self._check(found, sums)
        return self._finish(found, sums)

    def _propose(
        self, sums: IntegralImages, region: Box, sides_px: tuple[float, float]
    ) -> Candidates:
        """Run the first network over the pyramid of all pictures."""
        height, width = sums.height, sums.width
        scale = CELL_PX / self._min_face_px
        none = torch.zeros(0, dtype=torch.int64, device=self._device)
        corners, scores = [torch.zeros(0, 4, device=self._device)], [none.to(torch.float32)]
        picture, level, push = [none], [none], [corners[0]]
        n_levels = 0
        # A hair less, lest rounding leaves no level at all.
        while min(height, width, sides_px[1]) * scale >= CELL_PX - 1e-9:
            size = (int(height * scale + 1), int(width * scale + 1))
            rows = _lines(region.y0 * scale, region.y1 * scale, size[0])
            columns = _lines(region.x0 * scale, region.x1 * scale, size[1])
            if sides_px[0] * scale <= CELL_PX <= min(len(rows), len(columns)):
                regression, score = self._scan(sums, size, rows, columns)
                at = (score[:, 1] >= self._thresholds[0]).nonzero()
                first = torch.tensor([columns.start, rows.start], device=self._device)
                cell = (at[:, 1:].flip(1) * _STRIDE + first).to(torch.float32)
                edges = torch.cat([(cell + 1) / scale, (cell + CELL_PX) / scale], dim=1)
                corners.append(edges.floor())
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
        found.corners = squared(found.corners + pushes * sides.repeat(1, 2))
        return found

    def _check(self, found: Candidates, sums: IntegralImages) -> Candidates:
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
        found.corners = squared(moved(found.corners, regression))
        return found

    def _finish(self, found: Candidates, sums: IntegralImages) -> tuple[Candidates, Tensor]:
        """Keep what the third network takes for a face; also returns landmarks (n, 5, 2)."""
        found = sums.touched(found)
        if not len(found):
            return found, torch.zeros(0, 5, 2, device=self._device)
        regression, points, score = self._judge(self._third, found, sums, _CUT_3_PX)
        found.score = score[:, 1]
        pick = (found.score > self._thresholds[2]).nonzero()[:, 0]
        found, regression, points = found.at(pick), regression[pick], points[pick]
        landmarks = placed(found.corners, points)
        found.corners = moved(found.corners, regression)
        pick = not_inside_a_better_one(found)
        return found.at(pick), landmarks[pick]

    def _scan(
        self, sums: IntegralImages, size: tuple[int, int], rows: range, columns: range
    ) -> tuple[Tensor, ...]:
        """Run the first network over parts of all pictures at a size, some at a time."""
        most_px = self._at_once[self._first]
        at_once = max(1, most_px // (len(rows) * len(columns)))
        parts = []
        for start in range(0, sums.n_pictures, at_once):
            some = slice(start, start + at_once)
            strips = _strips(rows, most_px // len(columns))
            planes = (sums.reduce(some, size, strip, columns) for strip in strips)
            parts.append(self._joined(self._first, planes, dim=2))
        return tuple(torch.cat(each) for each in zip(*parts, strict=True))

    def _judge(
        self, network: nn.Module, found: Candidates, sums: IntegralImages, size_px: int
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


def _lines(low: float, high: float, n_lines: int) -> range:
    """Return the rows or columns between two places, from one on which the first network pools."""
    first = max(0, int(low) // _STRIDE * _STRIDE)
    return range(first, min(n_lines, math.ceil(high / _STRIDE + 1) * _STRIDE))


def _strips(rows: range, most_rows: int) -> Iterator[range]:
    """Cut rows into overlapping parts that together have the cells of the whole."""
    n_cells = (len(rows) - 1) // _STRIDE - 4
    overlap = CELL_PX - _STRIDE
    cells = max(1, (most_rows - overlap) // _STRIDE)
    for first in range(0, n_cells, cells):
        yield rows[_STRIDE * first : _STRIDE * (first + cells) + overlap]


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
