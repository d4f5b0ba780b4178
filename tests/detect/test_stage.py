"""When the stage runs the detector, how it follows faces, and what it holds."""

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from facemask_video.core.faces import DetectedFrame, Detection
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box, iou
from facemask_video.core.stage import Stage
from facemask_video.detect.propagate import SEARCH_FRAMES
from facemask_video.detect.shot_boundary import ShotBoundaryDetector
from facemask_video.detect.size import detect_size_px, to_frame_px
from facemask_video.detect.stage import DetectFaces
from tests.fakes import ArrayFrame, ScriptedDetector, detection_at
from tests.stages import StageContract

WIDTH, HEIGHT = 160, 120


class SeesSquares:
    """Sees bright squares: the centre of brightness, where there is enough of it.

    Attributes:
        detected: Index of each image that `detect` was given, read from its corner pixel.
        searched: Likewise of `detect_in_region`.
        refined: Number of images that each call of `refine` was given.
    """

    def __init__(self) -> None:
        self.detected: list[int] = []
        self.searched: list[int] = []
        self.refined: list[int] = []

    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        self.detected += [int(image[0, 0, 0]) for image in images]
        return [
            self._seen(image, Box(0, 0, image.shape[1], image.shape[0]), 0.99) for image in images
        ]

    def refine(
        self,
        images: Sequence[ImageU8],
        boxes: Sequence[Sequence[Box]],
    ) -> list[list[Detection]]:
        self.refined += [len(images)] if any(boxes) else []
        return [
            [
                (self._seen(image, place, 0.98) or [detection_at(*place.center, 20, score=0.1)])[0]
                for place in each
            ]
            for image, each in zip(images, boxes, strict=True)
        ]

    def detect_in_region(self, image: ImageU8, region: Box, side_px: float) -> list[Detection]:
        self.searched.append(int(image[0, 0, 0]))
        return self._seen(image, region, 0.99)

    @staticmethod
    def _seen(image: ImageU8, place: Box, score: float) -> list[Detection]:
        x0, y0, x1, y1 = (max(0, round(edge)) for edge in (place.x0, place.y0, place.x1, place.y1))
        rows, columns = np.nonzero(image[y0:y1, x0:x1, 1] > 200)
        if len(rows) < 100:
            return []
        return [detection_at(columns.mean() + x0 + 0.5, rows.mean() + y0 + 0.5, 20, score=score)]


def frames(centres: Iterable[tuple[float, float] | None]) -> Iterator[ArrayFrame]:
    """A square of 20 px on grey, where a centre is given."""
    for index, centre in enumerate(centres):
        image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        if centre is not None:
            x, y = round(centre[0]) - 10, round(centre[1]) - 10
            image[max(y, 0) : y + 20, max(x, 0) : x + 20, 1] = 255
        image[0, 0] = index
        yield ArrayFrame(image, index, index, Fraction(1, 25))


def run(
    centres: Sequence[tuple[float, float] | None], *, detect_every: int = 0
) -> list[DetectedFrame]:
    detector = SeesSquares()
    stage = DetectFaces(detector, max_side_px=WIDTH, detect_every=detect_every)
    out = list(stage(frames(centres)))
    assert [item.frame.index for item in out] == list(range(len(centres)))
    assert sorted(detector.detected) == [item.frame.index for item in out if item.detector_ran]
    return out


STEADY: list[tuple[float, float] | None] = [(80.0, 60.0)] * 60


def test_the_detector_runs_on_every_frame_when_asked() -> None:
    assert all(item.detector_ran for item in run(STEADY, detect_every=1))


def test_the_detector_runs_on_every_nth_frame_and_the_face_is_found_in_all() -> None:
    out = run(STEADY, detect_every=5)
    assert [item.frame.index for item in out if item.detector_ran] == list(range(0, 60, 5))
    assert all(len(item.detections) == 1 for item in out)


def test_automatic_detection_is_rare_while_nothing_happens() -> None:
    out = run(STEADY)
    assert sum(item.detector_ran for item in out) <= 8
    assert all(len(item.detections) == 1 for item in out)


def test_automatic_detection_is_dense_while_faces_come_and_go() -> None:
    coming: list[tuple[float, float] | None] = [
        (80.0, 60.0) if index % 20 < 10 else None for index in range(60)
    ]
    busy, calm = (sum(item.detector_ran for item in run(each)) for each in (coming, STEADY))
    assert busy > 2 * calm


@pytest.mark.parametrize("detect_every", [0, 4, 7])
def test_a_face_is_carried_to_its_first_and_last_frame(detect_every: int) -> None:
    centres = [(80.0, 60.0) if 19 <= index < 43 else None for index in range(60)]
    out = run(centres, detect_every=detect_every)
    assert [len(item.detections) for item in out] == [int(19 <= i < 43) for i in range(60)]


def test_a_moving_face_is_followed_between_detections() -> None:
    centres = [(20.0 + 3 * index, 60.0) for index in range(40)]
    out = run(centres, detect_every=8)
    for (x, y), item in zip(centres, out, strict=True):
        (face,) = item.detections
        assert iou(face.box, detection_at(x, y, 20).box) > 0.8


@pytest.mark.parametrize("speed_px", [0.0, 2.0])
def test_faces_that_move_evenly_are_refined_for_all_frames_of_a_group_at_once(
    speed_px: float,
) -> None:
    detector = SeesSquares()
    centres = [(20.0 + speed_px * index, 60.0) for index in range(60)]
    out = list(DetectFaces(detector, max_side_px=WIDTH, detect_every=0)(frames(centres)))
    assert all(len(item.detections) == 1 for item in out)
    # In each of the groups those found in full, and those between; the last few frames, after which
    # nobody looked in full, one by one.
    last = max(item.frame.index for item in out if item.detector_ran)
    assert len(detector.refined) <= 2 * 6 + (59 - last)


def test_a_face_that_turns_back_between_detections_is_followed_all_the_same() -> None:
    # At both ends it is in the same place, between them its width away.
    centres = [(40.0 + 10 * (1 - math.cos(math.pi * index / 6)), 60.0) for index in range(60)]
    out = run(centres)
    for (x, y), item in zip(centres, out, strict=True):
        (face,) = item.detections
        assert iou(face.box, detection_at(x, y, 20).box) > 0.6


@pytest.mark.parametrize("there", [range(14, 60), range(19)])
def test_a_face_too_fast_to_be_followed_is_searched_for(there: range) -> None:
    # Between frames 14 and 18 it jumps by more than its width.
    centres = [
        (15.0 + 30 * min(max(index - 14, 0), 4), 60.0) if index in there else None
        for index in range(60)
    ]
    out = run(centres)
    assert [len(item.detections) for item in out] == [int(index in there) for index in range(60)]
    assert sum(item.detector_ran for item in out) < 30


def test_a_lost_face_is_searched_for_where_it_was_and_not_in_whole_frames() -> None:
    there = [index for index in range(50) if not 20 <= index < 23]
    centres = [(80.0, 60.0) if index in there else None for index in range(50)]
    detector = SeesSquares()
    out = list(DetectFaces(detector, max_side_px=WIDTH, detect_every=25)(frames(centres)))
    assert [index for index, item in enumerate(out) if item.detections] == there
    assert detector.detected == [0, 25]
    # Forward until it is there again, and back from there once.
    assert sorted(detector.searched) == [20, 21, 22, 22, 23]


def test_the_search_for_a_lost_face_ends() -> None:
    detector = SeesSquares()
    centres = [(80.0, 60.0) if index < 12 else None for index in range(50)]
    list(DetectFaces(detector, max_side_px=WIDTH, detect_every=25)(frames(centres)))
    assert detector.searched == list(range(12, 12 + SEARCH_FRAMES + 1))


def test_no_face_is_followed_across_a_shot_boundary() -> None:
    rng = np.random.default_rng(4)
    scenes = [rng.integers(0, 255, (6, 8, 3), dtype=np.uint8) for _ in range(2)]
    pictures = [np.kron(scene, np.ones((20, 20, 1), np.uint8)) for scene in scenes]
    source = [
        ArrayFrame(pictures[index >= 23], index, index, Fraction(1, 25)) for index in range(40)
    ]
    out = list(DetectFaces(SeesSquares(), max_side_px=WIDTH, detect_every=0)(source))
    assert [item.frame.index for item in out if item.starts_shot] == [23]
    assert out[23].detector_ran


def test_brightness_and_motion_are_no_shot_boundary() -> None:
    rng = np.random.default_rng(4)
    scene = np.kron(rng.integers(40, 160, (6, 16, 3)), np.ones((20, 20, 1))).astype(np.uint8)
    shots = ShotBoundaryDetector()
    flash = [np.clip(scene * level, 0, 255).astype(np.uint8) for level in (1, 1, 1.5, 1, 0.5)]
    pan = [np.ascontiguousarray(scene[:, 2 * step : 160 + 2 * step]) for step in range(60)]
    assert not any(shots.begins_shot(image) for image in flash)
    shots = ShotBoundaryDetector()
    assert not any(shots.begins_shot(image) for image in pan)


def test_a_plain_detector_runs_on_every_frame() -> None:
    class Plain:
        def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
            return [[detection_at(80, 60, 20)] for _ in images]

    out = list(DetectFaces(Plain(), max_side_px=WIDTH, detect_every=0)(frames(STEADY)))
    assert all(item.detector_ran and len(item.detections) == 1 for item in out)


class TestDetectFaces(StageContract):
    # Two groups.
    held_frames = 8

    def make_stage(self) -> Stage[Any, Any]:
        return DetectFaces(SeesSquares(), max_side_px=80, detect_every=0, batch_frames=4)

    def make_item(self, frame: ArrayFrame) -> ArrayFrame:
        return frame


class TestDetectFacesOfAPlainDetector(TestDetectFaces):
    def make_stage(self) -> Stage[Any, Any]:
        detector = ScriptedDetector([detection_at(80, 60, 50)], frame_width_px=160)
        return DetectFaces(detector, max_side_px=80, detect_every=0, batch_frames=4)


def test_a_change_of_size_begins_anew() -> None:
    small = [ArrayFrame(np.full((60, 80, 3), 90, np.uint8), 5 + index) for index in range(5)]
    out = list(
        DetectFaces(SeesSquares(), max_side_px=WIDTH, detect_every=0)([*frames([None] * 5), *small])
    )
    assert [item.starts_shot for item in out] == [index == 5 for index in range(10)]


def test_thumbnail_still_shows_the_smallest_face() -> None:
    for side in (35, 60, 200):
        assert detect_size_px(1920, 1080, min_face_px=side) * side / 1920 >= 20
    with pytest.raises(ValueError, match="min_face_px"):
        detect_size_px(1920, 1080, min_face_px=0)


def test_detections_are_taken_to_frame_px() -> None:
    (face,) = to_frame_px([detection_at(40, 30, 10)], 0.5)
    assert face.box == Box(70, 50, 90, 70)
    np.testing.assert_allclose(face.landmarks, detection_at(80, 60, 20).landmarks)
