from collections.abc import Sequence

import numpy as np
import pytest

from facemask_video.align.template import TEMPLATE
from facemask_video.core.faces import Detection
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.detect.single_image import find_main_face


class _RefiningDetector:
    """Detects one face, and refines it to another place."""

    def __init__(self, full: Box, refined: Box) -> None:
        self.full, self.refined = full, refined

    @staticmethod
    def _face(box: Box) -> Detection:
        points = np.asarray(TEMPLATE * box.width_px + [box.x0, box.y0], np.float32)
        return Detection(box, points, 0.9)

    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        return [[self._face(self.full)] for _ in images]

    def refine(
        self,
        images: Sequence[ImageU8],
        boxes: Sequence[Sequence[Box]],
    ) -> list[list[Detection]]:
        assert list(boxes) == [[self.full]]
        return [[self._face(self.refined)] for _ in images]

    def detect_in_region(self, image: ImageU8, region: Box, side_px: float) -> list[Detection]:
        raise AssertionError("a photograph is searched as a whole")


@pytest.mark.parametrize(
    ("refined", "taken"),
    [(Box(32, 31, 72, 71), True), (Box(80, 80, 110, 110), False)],
    ids=["nearby", "another face"],
)
def test_a_main_face_is_placed_by_refining_where_that_stays_on_the_face(
    refined: Box, taken: bool
) -> None:
    detector = _RefiningDetector(Box(30, 30, 70, 70), refined)

    # A border of a fifth is put around pictures.
    found = find_main_face(np.zeros((100, 100, 3), np.uint8), detector)

    assert found is not None
    assert found.box.x0 == (refined.x0 if taken else 30) - 20
