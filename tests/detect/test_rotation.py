"""Faces that lie or hang are found where they are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from facemask_video.config import DetectConfig, TracksConfig
from facemask_video.core.faces import Detection
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box, iou
from facemask_video.detect.build import build_detector
from facemask_video.detect.rotation import QUARTER_TURNS, RotatingDetector
from facemask_video.pipeline.load_networks import load_finder
from facemask_video.pipeline.timing import StageStack
from facemask_video.pipeline.track_source import track_faces
from facemask_video.video import VideoReader
from tests.synthetic import encode_clip

SAMPLE = Path(__file__).parents[2] / "samples" / "astronaut.mp4"


@pytest.fixture(scope="module")
def image() -> ImageU8:
    with VideoReader(SAMPLE) as reader:
        return next(iter(reader)).thumbnail(320)[0][:, 60:260]


@pytest.fixture(scope="module")
def detector() -> RotatingDetector:
    upright = build_detector(device=torch.device("cpu"), min_face_px=30)
    return RotatingDetector(upright, QUARTER_TURNS["any"])


@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
def test_a_turned_face_is_found_where_it_lies(
    quarter: int, image: ImageU8, detector: RotatingDetector
) -> None:
    (upright,) = detector.detect([image])[0]
    turned = np.ascontiguousarray(np.rot90(image, quarter))

    (found,) = detector.detect([turned])[0]
    (near,) = detector.refine([turned], [[found.box]])[0]
    (in_region,) = detector.detect_in_region(turned, found.box, upright.box.width_px)

    # The same pixels are judged, so even parts of a px agree.
    height, width = image.shape[:2]
    x, y = upright.landmarks.T
    there = {
        0: (x, y),
        1: (y, width - x),
        2: (width - x, height - y),
        3: (height - y, x),
    }[quarter]
    assert np.allclose(found.landmarks, np.stack(there, axis=1), atol=1e-3)
    for other in (near, in_region):
        assert other.score > 0.95
        assert iou(other.box, found.box) > 0.8
        assert np.abs(other.landmarks - found.landmarks).max() < 0.1 * upright.box.width_px


def test_boxes_of_several_images_stay_in_order(image: ImageU8, detector: RotatingDetector) -> None:
    side = min(image.shape[:2])
    standing = np.ascontiguousarray(image[:side, :side])
    lying = np.ascontiguousarray(np.rot90(standing))
    boxes = [detector.detect([each])[0][0].box for each in (standing, lying)]
    nothing = Box(2, 2, 32, 32)

    found = detector.refine([standing, lying], [[boxes[0], nothing], [nothing, boxes[1]]])

    assert [[face.score > 0.9 for face in faces] for faces in found] == [
        [True, False],
        [False, True],
    ]
    assert iou(found[1][1].box, boxes[1]) > 0.8


class TwoNear:
    """Sees the same two faces, one half over the other, however it is shown a picture."""

    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        points = np.zeros((5, 2), np.float32)
        boxes = Box(20, 20, 60, 60), Box(38, 20, 78, 60)
        return [[Detection(box, points, 0.95) for box in boxes] for _ in images]

    def refine(
        self,
        images: Sequence[ImageU8],
        boxes: Sequence[Sequence[Box]],
    ) -> list[list[Detection]]:
        raise NotImplementedError

    def detect_in_region(self, image: ImageU8, region: Box, side_px: float) -> list[Detection]:
        return self.detect([image])[0]


def test_two_faces_of_one_rotation_stay_two() -> None:
    detector = RotatingDetector(TwoNear(), [2])
    image = np.zeros((100, 98, 3), np.uint8)

    (found,) = detector.detect([image])

    # Turned by half, the second pair lies elsewhere, one of it on one of the first.
    upright = [face for face in found if face.box.y0 == 20]
    assert len(upright) == 2
    assert len(detector.detect_in_region(image, Box(0, 0, 98, 100), 40)) == len(found)


@pytest.mark.parametrize(("turned", "n_tracks"), [("off", 0), ("sideways", 1)])
def test_a_lying_face_is_followed_where_that_is_asked_for(
    turned: str, n_tracks: int, image: ImageU8, tmp_path: Path
) -> None:
    side = min(image.shape[:2]) // 2 * 2
    lying = np.ascontiguousarray(np.rot90(image[:side, :side]))
    clip = tmp_path / "lying.mkv"
    encode_clip(clip, [np.roll(lying, i, axis=1) for i in range(12)], rate=25)
    config = DetectConfig(turned=turned, min_face_px=30)

    with VideoReader(clip) as reader, StageStack() as stages:
        finder = load_finder(config, reader.info, torch.device("cpu"))
        items = list(track_faces(reader, TracksConfig(detect=config), stages, finder))

    assert [len(item.faces) for item in items] == [n_tracks] * 12
    for item in items:
        for face in item.faces:
            across = face.landmarks[1] - face.landmarks[0]
            assert abs(across[1]) > 4 * abs(across[0])
