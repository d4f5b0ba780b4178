"""Stand-ins for networks that go by the pixels they are shown.

So every answer, vote, batch and past matters to a result.
"""

from collections.abc import Sequence

import numpy as np

from facemask_video.core.faces import Crop, Detection, TranslatedCrop
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.pipeline.load_networks import Finder, Networks
from tests.fakes import detection_at


class SquareFinder:
    """Finds the bright square; boxes and regions too. Counts the pictures it looked at."""

    def __init__(self) -> None:
        self.looked_at = 0

    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        self.looked_at += len(images)
        return [self._find(image) for image in images]

    def refine(
        self,
        images: Sequence[ImageU8],
        boxes: Sequence[Sequence[Box]],
    ) -> list[list[Detection]]:
        self.looked_at += sum(bool(each) for each in boxes)
        empty = detection_at(5, 5, 4, score=0.1)
        return [
            [(self._find(image) or [empty])[0] for _ in each]
            for image, each in zip(images, boxes, strict=True)
        ]

    def detect_in_region(self, image: ImageU8, region: Box, side_px: float) -> list[Detection]:
        self.looked_at += 1
        return self._find(image)

    def _find(self, image: ImageU8) -> list[Detection]:
        rows, columns = np.nonzero((image[:, :, 0] > 180) & (image[:, :, 2] < 110))
        if rows.size < 100:
            return []
        # The sum of all pixels in the fourth digit: another picture gives another face.
        wobble = float(image.sum() % 97) / 97
        seen = detection_at(columns.mean() + wobble, rows.mean(), 44.0 + wobble, score=0.97)
        return [seen]


class BatchPainter:
    """Paints by the crop, and by how many and which others are in its batch."""

    crop_size_px = 32
    notes = ()

    def __init__(self) -> None:
        self.painted = 0

    def translate(self, crops: Sequence[Crop]) -> list[TranslatedCrop]:
        self.painted += len(crops)
        shade = len(crops) * 7 + int(crops[0].image.mean()) if crops else 0
        alpha = np.full((32, 32), 0.8, np.float32)
        return [
            TranslatedCrop(crop, (255 - crop.image // 2 - np.uint8(shade % 90)), alpha)
            for crop in crops
        ]


class ShadeClassifier:
    """Says how surely a face is masked by its light."""

    crop_size_px = 32

    def masked_scores(self, images: Sequence[ImageU8]) -> list[float]:
        return [float(image.mean()) / 1000 for image in images]


def pixel_networks() -> Networks:
    """Return all of them."""
    return Networks(
        finder=Finder(SquareFinder(), 160),
        translator=BatchPainter(),
        classifier=ShadeClassifier(),
        weights={"path": "fake", "sha256": "0" * 64},
        device={"device": "cpu", "precision": "fp32"},
    )
