"""Faces that lie or hang: the same detector, shown rotated images too.

MTCNN and what follows it know upright faces, and those tilted by less than 45 degrees or so. By
quarter turns every other face comes to stand in one of four images.
"""

from collections.abc import Sequence

import numpy as np

from facemask_video.core.faces import Detection
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box, overlap_coefficient
from facemask_video.detect.detector import RegionDetector

QUARTER_TURNS = {"off": (), "sideways": (1, 3), "any": (1, 2, 3)}
"""By the choices of ``--turned``: quarter turns, counterclockwise, at which images are shown
besides as they are."""

Size = tuple[int, ...]
"""Height and width."""

_UPRIGHT_SCORE = 0.9
# A box refined to this score needs no rotation.
_SAME_FACE_OVERLAP = 0.5
# Overlap coefficient of two boxes on one face.


class RotatingDetector:
    """Shows a detector images as they are and rotated, and keeps each face's best detection.

    Each rotation costs a full detection what the first costs. A refinement rotates an image only
    for boxes in which it is less than sure of an upright face.

    Args:
        detector: Finds upright faces.
        quarter_turns: See `QUARTER_TURNS`.
    """

    def __init__(self, detector: RegionDetector, quarter_turns: Sequence[int]) -> None:
        self._detector = detector
        self._quarter_turns = tuple(quarter_turns)

    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        """Find the faces of each image; see `facemask_video.detect.detector.Detector`."""
        by_turn = [self._detector.detect(images)]
        for turns in self._quarter_turns:
            rotated = self._detector.detect([_rotate(image, turns) for image in images])
            by_turn.append(
                [
                    [_rotate_back(face, turns, image.shape[:2]) for face in faces]
                    for faces, image in zip(rotated, images, strict=True)
                ]
            )
        return [_merge(each) for each in zip(*by_turn, strict=True)]

    def refine(
        self,
        images: Sequence[ImageU8],
        boxes: Sequence[Sequence[Box]],
    ) -> list[list[Detection]]:
        """Score boxes; see `facemask_video.detect.detector.RegionDetector`."""
        best = [list(each) for each in self._detector.refine(images, boxes)]
        for turns in self._quarter_turns:
            unsure = [[i for i, f in enumerate(each) if f.score < _UPRIGHT_SCORE] for each in best]
            if not any(unsure):
                break
            # Only images that have a box to be rotated for.
            having = [index for index, each in enumerate(unsure) if each]
            rotated = self._detector.refine(
                [_rotate(images[index], turns) for index in having],
                [
                    [
                        _rotate_box(boxes[index][i], turns, images[index].shape[:2])
                        for i in unsure[index]
                    ]
                    for index in having
                ],
            )
            for index, faces in zip(having, rotated, strict=True):
                for i, face in zip(unsure[index], faces, strict=True):
                    if face.score > best[index][i].score:
                        best[index][i] = _rotate_back(face, turns, images[index].shape[:2])
        return best

    def detect_in_region(self, image: ImageU8, region: Box, side_px: float) -> list[Detection]:
        """Find faces in a region; see `facemask_video.detect.detector.RegionDetector`."""
        by_turn = [self._detector.detect_in_region(image, region, side_px)]
        size = image.shape[:2]
        for turns in self._quarter_turns:
            rotated = self._detector.detect_in_region(
                _rotate(image, turns), _rotate_box(region, turns, size), side_px
            )
            by_turn.append([_rotate_back(face, turns, size) for face in rotated])
        return _merge(by_turn)


def _rotate(image: ImageU8, turns: int) -> ImageU8:
    return np.ascontiguousarray(np.rot90(image, turns))


def _rotate_point(x: float, y: float, turns: int, size: Size) -> tuple[float, float]:
    """Return where a point of an image of a size (height, width) is in the rotated image."""
    height, width = size
    if turns == 1:
        return y, width - x
    if turns == 2:
        return width - x, height - y
    return height - y, x


def _rotate_box(box: Box, turns: int, size: Size) -> Box:
    (x0, y0), (x1, y1) = (
        _rotate_point(x, y, turns, size) for x, y in ((box.x0, box.y0), (box.x1, box.y1))
    )
    return Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def _rotate_back(face: Detection, turns: int, size: Size) -> Detection:
    """Map a face from the rotated image to the image, which is of a size (height, width)."""
    inverse, (height, width) = 4 - turns, size
    rotated_size = size if turns == 2 else (width, height)
    points = [_rotate_point(float(x), float(y), inverse, rotated_size) for x, y in face.landmarks]
    box = _rotate_box(face.box, inverse, rotated_size)
    return Detection(box, np.array(points, dtype=np.float32), face.score)


def _merge(by_turn: Sequence[list[Detection]]) -> list[Detection]:
    """Join the detections of several rotations, best first: of each face the best alone.

    What one rotation took for two faces stays two.
    """
    all_faces = [(face, turn) for turn, faces in enumerate(by_turn) for face in faces]
    kept: list[tuple[Detection, int]] = []
    for face, turn in sorted(all_faces, key=lambda each: -each[0].score):
        others = (other for other, of in kept if of != turn)
        if not any(overlap_coefficient(face.box, each.box) > _SAME_FACE_OVERLAP for each in others):
            kept.append((face, turn))
    return [face for face, _ in kept]
