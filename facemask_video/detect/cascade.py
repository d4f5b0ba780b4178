"""MTCNN's cascade over a whole batch of images at once.

The networks, their weights and their arithmetic are those of `facemask_video.detect.mtcnn`; what
differs is the work between them. All candidates of all images of a batch are cropped in one step
and go through R-Net and O-Net together, and they stay on the device until the end.

Boxes inside this file count pixels from 1 and include both edges, as MTCNN's networks learnt them.
Detections that leave it are in our convention.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facemask_video.core.faces import Detection
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.detect.batching import STRIDE, BatchedMtcnn
from facemask_video.detect.boxes import (
    apply_regression,
    landmarks_px,
    nms_in_groups,
    nms_over_smaller,
    to_squares,
)
from facemask_video.detect.integral_image import Candidates, IntegralImages, crop_around
from facemask_video.detect.landmarks import LandmarkNetwork
from facemask_video.detect.mtcnn import CELL_PX, OFFSET_PX, STAGE_THRESHOLDS
from facemask_video.detect.refinement import refine_boxes

LENIENT_STAGE_THRESHOLDS = (0.5, 0.6)
LENIENT_THRESHOLD = 0.5
"""Thresholds that leave it to the tracker what is a face. MTCNN saw few masks: of photographs of
masked faces its own thresholds (0.6, 0.7, 0.7) find 91 % (web) and 84 % (RMFD), these 94 and 91 %;
of bare ones 99 and 100 % (`scripts/bench_recall.py --pictures`)."""

_PYRAMID_STEP = 0.709
# Half the area a level, MTCNN's own.

_SIZE_RANGE = 0.6
# Of a face's side: three or four levels of the pyramid show a face that changed by so much.


class CascadeDetector:
    """MTCNN, batched; same faces as `facemask_video.detect.facenet_mtcnn.MtcnnDetector`.

    Args:
        device: Where the networks run.
        threshold: Least score of a face in O-Net, [0, 1].
        min_face_px: Smallest face looked for, in px of the images shown, >= 12.
        precision: Of the networks; boxes are always computed in single precision.
        stage_thresholds: Least scores in P-Net and R-Net, [0, 1].
        landmarks: Places the landmarks of `refine`; O-Net where None, for which the mouth under a
            mask is a guess.
        weights: Of the networks, a file of `facemask-train detector`; None are the original ones.
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
        weights: Path | None = None,
    ) -> None:
        if not all(0.0 <= value <= 1.0 for value in (threshold, *stage_thresholds)):
            raise ValueError(
                f"thresholds: got {(*stage_thresholds, threshold)}, expected scores in [0, 1]."
            )
        if min_face_px < CELL_PX:
            raise ValueError(f"min_face_px: got {min_face_px}, expected {CELL_PX} or more.")
        self._device = device
        self._thresholds = (*stage_thresholds, threshold)
        self._min_face_px = min_face_px
        self._landmarks = landmarks
        self._networks = BatchedMtcnn(device, precision, weights)

    @torch.inference_mode()
    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        """Find the faces of each image; see `facemask_video.detect.detector.Detector`."""
        if not images or min(images[0].shape[:2]) < self._min_face_px:
            return [[] for _ in images]
        height, width = images[0].shape[:2]
        faces, landmarks = self._cascade(images, Box(0, 0, width, height), (0, math.inf))
        return _detections(faces, landmarks, len(images))

    @torch.inference_mode()
    def detect_in_region(self, image: ImageU8, region: Box, side_px: float) -> list[Detection]:
        """Find faces of about a size in a region of an image.

        Finds what `detect` finds there, at a small part of the cost.

        Args:
            image: As for `detect`.
            region: In px of the image; may leave it.
            side_px: Side of the square of such a face's area. Faces from 0.6 to 1.6 of it are
                looked for.
        """
        if min(image.shape[:2]) < self._min_face_px:
            return []
        sides_px = (_SIZE_RANGE * side_px, side_px / _SIZE_RANGE)
        faces, landmarks = self._cascade([image], region, sides_px)
        return _detections(faces, landmarks, 1)[0]

    @torch.inference_mode()
    def refine(
        self,
        images: Sequence[ImageU8],
        boxes: Sequence[Sequence[Box]],
    ) -> list[list[Detection]]:
        """Score boxes and place the faces near them; see `facemask_video.detect.refinement`.

        Args:
            images: As for `detect`.
            boxes: For each image, boxes near which a face may be, in px of that image.

        Returns:
            For each image a detection a box, in order, whatever its score.
        """
        all_boxes = [box for each in boxes for box in each]
        if not all_boxes:
            return [[] for _ in images]
        parts, x0, y0 = crop_around(images, all_boxes)
        n_images = self._networks.most_images(parts[0].shape[0] * parts[0].shape[1])
        found: list[list[Detection]] = []
        for start in range(0, len(images), n_images):
            some = slice(start, start + n_images)
            found += self._refine(parts[some], boxes[some], (x0, y0))
        return found

    def _refine(
        self,
        images: Sequence[ImageU8],
        boxes: Sequence[Sequence[Box]],
        origin_px: tuple[int, int],
    ) -> list[list[Detection]]:
        """Refine boxes on images that are cropped at an origin."""
        corners = [[box.x0, box.y0, box.x1, box.y1] for each in boxes for box in each]
        if not corners:
            return [[] for _ in images]
        image_index = [index for index, each in enumerate(boxes) for _ in each]
        integral = IntegralImages(images, self._device)
        origin = torch.tensor(origin_px)
        in_crops = torch.tensor(corners) - origin.repeat(2)
        candidates = Candidates(
            in_crops.to(self._device) + OFFSET_PX,
            torch.zeros(len(corners), device=self._device),
            torch.tensor(image_index, device=self._device),
        )
        faces, landmarks = refine_boxes(candidates, integral, self._networks, self._landmarks)
        origin = origin.to(self._device)
        faces.corners, landmarks = faces.corners + origin.repeat(2), landmarks + origin
        return _detections(faces, landmarks, len(images))

    @torch.inference_mode()
    def proposals(
        self,
        images: Sequence[ImageU8],
        sides_px: tuple[float, float] = (0, math.inf),
        *,
        for_rnet: Candidates | None = None,
    ) -> tuple[Candidates, Candidates]:
        """Return the boxes that R-Net reads and those that O-Net reads, each with its score there.

        Those are what the networks learn from.

        Convention: corners as MTCNN has them, counted from 1.

        Args:
            images: As for `detect`.
            sides_px: Of faces that are looked for, from and to.
            for_rnet: What P-Net proposed before; None asks it.
        """
        integral = IntegralImages(images, self._device)
        if for_rnet is None:
            region = Box(0, 0, integral.width, integral.height)
            for_rnet = integral.overlapping(self._run_pnet(integral, region, sides_px))
        if not len(for_rnet):
            return for_rnet, for_rnet
        for_onet = integral.overlapping(self._run_rnet(for_rnet, integral))
        if len(for_onet):
            _, _, for_onet.score, _ = self._networks.onet(for_onet, integral)
        _, for_rnet.score, _ = self._networks.rnet(for_rnet, integral)
        return for_rnet, for_onet

    def _cascade(
        self, images: Sequence[ImageU8], region: Box, sides_px: tuple[float, float]
    ) -> tuple[Candidates, Tensor]:
        """Find faces of some sides in a region; returns also their landmarks (n, 5, 2)."""
        integral = IntegralImages(images, self._device)
        candidates = self._run_pnet(integral, region, sides_px)
        if len(candidates):
            candidates = self._run_rnet(candidates, integral)
        return self._run_onet(candidates, integral)

    def _run_pnet(
        self, integral: IntegralImages, region: Box, sides_px: tuple[float, float]
    ) -> Candidates:
        """Return P-Net's proposals in the image pyramid of all images, as squares."""
        size = (integral.height, integral.width)
        levels = list(_pyramid(size, region, CELL_PX / self._min_face_px, sides_px[1]))
        shown = {
            index: level
            for index, level in enumerate(levels)
            if sides_px[0] * level.scale <= CELL_PX <= min(len(level.rows), len(level.columns))
        }
        if not shown:
            none = torch.zeros(0, device=self._device)
            return Candidates(none.reshape(0, 4), none, none.to(torch.int64))
        parts = [self._proposals(integral, level) for level in shown.values()]
        corners, score, image_index, regression = map(torch.cat, zip(*parts, strict=True))
        level_index = torch.cat(
            [torch.full_like(part[2], index) for index, part in zip(shown, parts, strict=True)]
        )
        found = Candidates(corners, score, image_index)
        # Within each level of each image, then within each image.
        group = found.image_index * len(levels) + level_index
        pick = nms_in_groups(found.corners, found.score, group, 0.5)
        found, regression = found.at(pick), regression[pick]
        pick = nms_in_groups(found.corners, found.score, found.image_index, 0.7)
        found, regression = found.at(pick), regression[pick]
        sides = found.corners[:, 2:] - found.corners[:, :2]
        found.corners = to_squares(found.corners + regression * sides.repeat(1, 2))
        return found

    def _proposals(
        self, integral: IntegralImages, level: "_Level"
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return corners, score, image index and regression of one level's proposals."""
        regression, score = self._networks.pnet(integral, level.size, level.rows, level.columns)
        at = (score[:, 1] >= self._thresholds[0]).nonzero()
        first = torch.tensor([level.columns.start, level.rows.start], device=self._device)
        cell = (at[:, 1:].flip(1) * STRIDE + first).to(torch.float32)
        corners = torch.cat([(cell + 1) / level.scale, (cell + CELL_PX) / level.scale], dim=1)
        return (
            corners.floor(),
            score[at[:, 0], 1, at[:, 1], at[:, 2]],
            at[:, 0],
            regression[at[:, 0], :, at[:, 1], at[:, 2]],
        )

    def _run_rnet(self, found: Candidates, integral: IntegralImages) -> Candidates:
        """Keep what R-Net takes for a face, and let it move the boxes."""
        found = integral.overlapping(found)
        if not len(found):
            return found
        regression, found.score, own = self._networks.rnet(found, integral)
        pick = (found.score > self._thresholds[1]).nonzero()[:, 0]
        found, regression, own = found.at(pick), regression[pick], own[pick]
        # Of several boxes the one of whose place it is most sure, which a scorer says nothing of.
        pick = nms_in_groups(found.corners, own.clamp(min=1e-9), found.image_index, 0.7)
        found, regression = found.at(pick), regression[pick]
        found.corners = to_squares(apply_regression(found.corners, regression))
        return found

    def _run_onet(self, found: Candidates, integral: IntegralImages) -> tuple[Candidates, Tensor]:
        """Keep what O-Net takes for a face; also returns landmarks (n, 5, 2)."""
        found = integral.overlapping(found)
        if not len(found):
            return found, torch.zeros(0, 5, 2, device=self._device)
        regression, points, found.score, own = self._networks.onet(found, integral)
        pick = (found.score > self._thresholds[2]).nonzero()[:, 0]
        found, regression, points = found.at(pick), regression[pick], points[pick]
        landmarks = landmarks_px(found.corners, points)
        found.corners = apply_regression(found.corners, regression)
        # As after R-Net: where the place is surest; then the surest face first.
        pick = nms_over_smaller(Candidates(found.corners, own[pick], found.image_index))
        pick = pick[found.score[pick].argsort(descending=True, stable=True)]
        return found.at(pick), landmarks[pick]


@dataclass(frozen=True, slots=True)
class _Level:
    """A level of the image pyramid: its scale, its (height, width), and the part that is read."""

    scale: float
    size: tuple[int, int]
    rows: range
    columns: range


def _pyramid(
    size: tuple[int, int], region: Box, scale: float, largest_px: float
) -> Iterator[_Level]:
    """Yield the levels for faces up to a size, largest image first."""
    height, width = size
    # A hair less, lest rounding leaves no level at all.
    while min(height, width, largest_px) * scale >= CELL_PX - 1e-9:
        reduced = (int(height * scale + 1), int(width * scale + 1))
        rows = _read_lines(region.y0 * scale, region.y1 * scale, reduced[0])
        columns = _read_lines(region.x0 * scale, region.x1 * scale, reduced[1])
        yield _Level(scale, reduced, rows, columns)
        scale *= _PYRAMID_STEP


def _read_lines(low: float, high: float, n_lines: int) -> range:
    """Return the rows or columns that show a range, from one on which P-Net's pooling begins."""
    first = max(0, int(low) // STRIDE * STRIDE)
    return range(first, min(n_lines, math.ceil(high / STRIDE + 1) * STRIDE))


def _detections(faces: Candidates, landmarks: Tensor, n_images: int) -> list[list[Detection]]:
    corners = (faces.corners - OFFSET_PX).cpu().numpy().astype(np.float64)
    points = (landmarks - OFFSET_PX).cpu().numpy().astype(np.float32)
    scores = faces.score.clamp(0, 1).cpu().numpy()
    found: list[list[Detection]] = [[] for _ in range(n_images)]
    for index, image_index in enumerate(faces.image_index.cpu().tolist()):
        x0, y0, x1, y1 = (float(edge) for edge in corners[index])
        # A regression can turn a box inside out, though none that is a face.
        box = Box(x0, y0, max(x0, x1), max(y0, y1))
        found[image_index].append(Detection(box, points[index], float(scores[index])))
    return found
