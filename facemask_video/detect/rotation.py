"""Faces that lie or hang: the same detector, shown turned pictures too.

MTCNN and what follows it know faces that stand, and those tilted by less than 45 degrees or so. By
quarter turns every other face comes to stand in one of four pictures.
"""

from collections.abc import Sequence

import numpy as np

from facemask_video.core.faces import Detection
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box, overlap_coefficient
from facemask_video.detect.detector import RegionDetector

QUARTER_TURNS = {"off": (), "sideways": (1, 3), "any": (1, 2, 3)}
"""Quarter turns, counterclockwise, at which pictures are shown besides as they are."""

Size = tuple[int, ...]
"""Height and width."""

_STANDS_AT = 0.9
# A close look of this score needs no other.
_COVERED = 0.5
# Part of the smaller of two boxes that the other covers, where both are one face.


class RotatingDetector:
    """Looks at pictures as they are and turned, and keeps what it sees best.

    Each turn costs a full look what the first costs. A close look turns a picture only for places
    where it is less than sure of a standing face.

    Args:
        detector: What looks.
        quarters: See `QUARTER_TURNS`.
    """

    def __init__(self, detector: RegionDetector, quarters: Sequence[int]) -> None:
        """Take both."""
        self._detector = detector
        self._quarters = tuple(quarters)

    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        """Find the faces of each image; see `facemask_video.detect.detector.Detector`."""
        looks = [self._detector.detect(images)]
        for quarter in self._quarters:
            turned = self._detector.detect([_turned(image, quarter) for image in images])
            looks.append(
                [
                    [_back(face, quarter, image.shape[:2]) for face in faces]
                    for faces, image in zip(turned, images, strict=True)
                ]
            )
        return [_best(ways) for ways in zip(*looks, strict=True)]

    def refine(
        self, images: Sequence[ImageU8], places: Sequence[Sequence[Box]]
    ) -> list[list[Detection]]:
        """Look at given places only; see `facemask_video.detect.detector.RegionDetector`."""
        found = [list(each) for each in self._detector.refine(images, places)]
        for quarter in self._quarters:
            todo = [[i for i, f in enumerate(each) if f.score < _STANDS_AT] for each in found]
            if not any(todo):
                break
            # Only pictures that have something to turn for: the others stay as they are.
            having = [index for index, each in enumerate(todo) if each]
            again = self._detector.refine(
                [_turned(images[index], quarter) for index in having],
                [
                    [
                        _turned_box(places[index][i], quarter, images[index].shape[:2])
                        for i in todo[index]
                    ]
                    for index in having
                ],
            )
            for index, faces in zip(having, again, strict=True):
                for i, face in zip(todo[index], faces, strict=True):
                    if face.score > found[index][i].score:
                        found[index][i] = _back(face, quarter, images[index].shape[:2])
        return found

    def detect_in_region(self, image: ImageU8, region: Box, side_px: float) -> list[Detection]:
        """Find faces in a part of an image; see `facemask_video.detect.detector.RegionDetector`."""
        looks = [self._detector.detect_in_region(image, region, side_px)]
        size = image.shape[:2]
        for quarter in self._quarters:
            around = _turned_box(region, quarter, size)
            turned = self._detector.detect_in_region(_turned(image, quarter), around, side_px)
            looks.append([_back(face, quarter, size) for face in turned])
        return _best(looks)


def _turned(image: ImageU8, quarter: int) -> ImageU8:
    return np.ascontiguousarray(np.rot90(image, quarter))


def _turned_point(x: float, y: float, quarter: int, size: Size) -> tuple[float, float]:
    """Return where a point of a picture of a size (height, width) is in the turned picture."""
    height, width = size
    if quarter == 1:
        return y, width - x
    if quarter == 2:
        return width - x, height - y
    return height - y, x


def _turned_box(box: Box, quarter: int, size: Size) -> Box:
    (x0, y0), (x1, y1) = (
        _turned_point(x, y, quarter, size) for x, y in ((box.x0, box.y0), (box.x1, box.y1))
    )
    return Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def _back(face: Detection, quarter: int, size: Size) -> Detection:
    """Take a face that was seen in a turned picture to where it is in the picture, of a size."""
    rest, (height, width) = 4 - quarter, size
    seen_size = size if quarter == 2 else (width, height)
    points = [_turned_point(float(x), float(y), rest, seen_size) for x, y in face.landmarks]
    box = _turned_box(face.box, rest, seen_size)
    return Detection(box, np.array(points, dtype=np.float32), face.score)


def _best(looks: Sequence[list[Detection]]) -> list[Detection]:
    """Join what several turns saw, best first: of each face the best sight alone.

    What one turn took for two faces stays two.
    """
    told = [(face, turn) for turn, faces in enumerate(looks) for face in faces]
    kept: list[tuple[Detection, int]] = []
    for face, turn in sorted(told, key=lambda each: -each[0].score):
        elsewhere = (other for other, of in kept if of != turn)
        if not any(overlap_coefficient(face.box, other.box) > _COVERED for other in elsewhere):
            kept.append((face, turn))
    return [face for face, _ in kept]
