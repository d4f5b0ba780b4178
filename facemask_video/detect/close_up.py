"""Faces that fill the frame: a detector that looks beyond its edges too.

MTCNN proposes no face of which the frame cuts the chin, the forehead or an ear, because its boxes
lie inside the picture, and none has a surround there. With the frame's edges repeated around it
such a face is found. It is large, so a small picture is enough, and a look costs little.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from facemask_video.core.faces import Detection
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box, overlap_coefficient
from facemask_video.detect.detector import RegionDetector

_SIDE_PX = 112
"""Shorter side of the picture that is looked at, of which a face takes half and more."""

_BORDER = 0.4
"""Of that side, repeated around it."""

_FACE = 0.75
"""Of that side: faces from 0.45 to 1.25 of it are looked for, as of `detect_in_region`."""

_SAME_FACE_OVERLAP = 0.4
# Overlap coefficient of two boxes on one face.

_BEYOND = 0.05
# Of a face's side, that it may leave the frame by: where the frame cuts a crop, MTCNN stretches
# what is left to a square, and places faces badly.


class CloseUpDetector:
    """Finds what a detector finds, and faces that the frame cuts.

    Args:
        detector: Finds faces.
    """

    def __init__(self, detector: RegionDetector) -> None:
        self._detector = detector

    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        """Find the faces of each image; see `facemask_video.detect.detector.Detector`."""
        found = self._detector.detect(images)
        return [
            _joined(faces, self._large(image), image.shape[:2])
            for image, faces in zip(images, found, strict=True)
        ]

    def refine(
        self,
        images: Sequence[ImageU8],
        boxes: Sequence[Sequence[Box]],
    ) -> list[list[Detection]]:
        """Score boxes; see `facemask_video.detect.detector.RegionDetector`."""
        return self._detector.refine(images, boxes)

    def detect_in_region(self, image: ImageU8, region: Box, side_px: float) -> list[Detection]:
        """Find faces in a region; see `facemask_video.detect.detector.RegionDetector`."""
        return self._detector.detect_in_region(image, region, side_px)

    def _large(self, image: ImageU8) -> list[Detection]:
        """Return the faces that take half of an image's shorter side or more."""
        shorter = min(image.shape[:2])
        scale = min(1.0, _SIDE_PX / shorter)
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        border = round(_BORDER * min(small.shape[:2]))
        padded = np.asarray(
            cv2.copyMakeBorder(small, *(border,) * 4, cv2.BORDER_REPLICATE), np.uint8
        )
        height, width = padded.shape[:2]
        side_px = _FACE * min(small.shape[:2])
        found = self._detector.detect_in_region(padded, Box(0, 0, width, height), side_px)
        to_image = (image.shape[1] / small.shape[1], image.shape[0] / small.shape[0])
        return [_moved(each, border, to_image) for each in found]


def _moved(found: Detection, border: int, to_image: tuple[float, float]) -> Detection:
    """Map a detection from the padded picture to the image."""
    x, y = to_image
    box = found.box
    return Detection(
        Box(
            (box.x0 - border) * x, (box.y0 - border) * y,
            (box.x1 - border) * x, (box.y1 - border) * y,
        ),
        ((found.landmarks - np.float32(border)) * np.array(to_image, np.float32)),
        found.score,
    )  # fmt: skip


def _joined(
    faces: list[Detection], large: list[Detection], size: tuple[int, ...]
) -> list[Detection]:
    """Return both, each face once: as it was seen without a border where it lies in the frame."""
    inside = [face for face in faces if not _leaves(face.box, size)]
    cut = [face for face in faces if _leaves(face.box, size)]
    for others in (large, cut):
        inside += [face for face in others if not _is_among(face, inside)]
    return sorted(inside, key=lambda face: -face.score)


def _leaves(box: Box, size: tuple[int, ...]) -> bool:
    height, width = size
    beyond = max(-box.x0, -box.y0, box.x1 - width, box.y1 - height)
    return beyond > _BEYOND * max(box.width_px, box.height_px)


def _is_among(face: Detection, others: Sequence[Detection]) -> bool:
    return any(overlap_coefficient(face.box, each.box) > _SAME_FACE_OVERLAP for each in others)
