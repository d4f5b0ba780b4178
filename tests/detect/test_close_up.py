"""Faces that the frame cuts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box, iou
from facemask_video.detect.cascade import CascadeDetector
from facemask_video.detect.close_up import CloseUpDetector
from facemask_video.video import VideoReader

CPU = torch.device("cpu")
SAMPLE = Path(__file__).parents[2] / "samples" / "astronaut.mp4"


@pytest.fixture(scope="module")
def cascade() -> CascadeDetector:
    return CascadeDetector(device=CPU, threshold=0.5, min_face_px=20, stage_thresholds=(0.5, 0.6))


@pytest.fixture(scope="module")
def picture() -> ImageU8:
    with VideoReader(SAMPLE) as reader:
        return next(iter(reader)).thumbnail(480)[0]


def test_a_face_that_the_frame_cuts_is_placed_as_in_the_whole_picture(
    cascade: CascadeDetector, picture: ImageU8
) -> None:
    (face,) = cascade.detect([picture])[0]
    x0, y0 = int(face.box.x0 + 0.14 * face.box.width_px), int(face.box.y0 + 5)
    x1, y1 = int(face.box.x1), int(face.box.y1 - 0.18 * face.box.height_px)
    cut = np.ascontiguousarray(picture[y0:y1, x0:x1])

    found = CloseUpDetector(cascade).detect([cut])[0]

    wanted = Box(face.box.x0 - x0, face.box.y0 - y0, face.box.x1 - x0, face.box.y1 - y0)
    assert [iou(each.box, wanted) > 0.6 for each in found] == [True]
    assert not any(iou(each.box, wanted) > 0.6 for each in cascade.detect([cut])[0])


def test_a_face_that_is_seen_anyway_is_told_once(
    cascade: CascadeDetector, picture: ImageU8
) -> None:
    (face,) = cascade.detect([picture])[0]
    around = 0.3 * face.box.width_px
    close = np.ascontiguousarray(
        picture[
            int(face.box.y0 - around) : int(face.box.y1 + around),
            int(face.box.x0 - around) : int(face.box.x1 + around),
        ]
    )

    (expected,), (found,) = cascade.detect([close])[0], CloseUpDetector(cascade).detect([close])[0]

    np.testing.assert_array_equal(found.landmarks, expected.landmarks)
