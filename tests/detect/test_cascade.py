"""The batched cascade against facenet-pytorch's own, on real faces with the real weights."""

import platform
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from facemask_video.core.errors import WeightsError
from facemask_video.core.faces import Detection
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box, expand, iou
from facemask_video.detect import batching, mtcnn
from facemask_video.detect.boxes import nms_in_groups
from facemask_video.detect.cascade import CascadeDetector
from facemask_video.detect.facenet_mtcnn import MtcnnDetector
from facemask_video.video import VideoReader

CPU = torch.device("cpu")
SAMPLE = Path(__file__).parents[2] / "samples" / "astronaut.mp4"


@pytest.fixture(scope="module")
def pictures() -> list[ImageU8]:
    with VideoReader(SAMPLE) as reader:
        return [frame.thumbnail(480)[0] for frame in reader if frame.index % 25 == 0][:4]


def edges(box: Box) -> list[float]:
    return [box.x0, box.y0, box.x1, box.y1]


def same_faces(ours: Sequence[Detection], theirs: Sequence[Detection]) -> None:
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(edges(mine.box), edges(other.box), atol=1.0)
        np.testing.assert_allclose(mine.landmarks, other.landmarks, atol=1.0)
        assert abs(mine.score - other.score) < 0.01


def test_same_faces_as_mtcnn_in_every_picture_of_a_batch(pictures: list[ImageU8]) -> None:
    options = {"device": CPU, "threshold": 0.7, "min_face_px": 20.0}
    theirs = MtcnnDetector(**options).detect(pictures)  # type: ignore[arg-type]
    ours = CascadeDetector(**options).detect(pictures)  # type: ignore[arg-type]
    assert any(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        same_faces(mine, other)


def test_same_faces_as_mtcnn_in_photographs(shared_data: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    paths = [
        path
        for folder in ("faces_unmasked/web", "faces_masked/web")
        for path in sorted((shared_data / folder).glob("*.jpg"))[:12]
    ]
    theirs = MtcnnDetector(device=CPU, threshold=0.9, min_face_px=20)
    ours = CascadeDetector(device=CPU, threshold=0.9, min_face_px=20)
    for path in paths:
        image = np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])
        same_faces(ours.detect([image])[0], theirs.detect([image])[0])


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtcnn, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"data/pnet\.pt is not there; install facenet-pytorch"):
        CascadeDetector(device=CPU, threshold=0.7, min_face_px=20)


def test_suppression_sees_one_group_at_a_time_and_lets_the_best_stand() -> None:
    corners = torch.tensor([[0, 0, 10, 10], [1, 0, 11, 10], [30, 0, 40, 10], [0, 0, 10, 10.0]])
    score = torch.tensor([0.6, 0.9, 0.8, 0.7])
    keep = nms_in_groups(corners, score, torch.tensor([0, 0, 0, 1]), 0.5)
    assert keep.tolist() == [1, 2, 3]
    assert nms_in_groups(corners[:0], score[:0], keep[:0], 0.5).tolist() == []


def test_same_faces_when_the_networks_take_little_at_once(
    pictures: list[ImageU8], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"device": CPU, "threshold": 0.7, "min_face_px": 20.0}
    usual = CascadeDetector(**options)  # type: ignore[arg-type]
    monkeypatch.setattr(batching, "LIMITS", {"cpu": batching._Limits(5000, 3, 2, 1)})
    little = CascadeDetector(**options)  # type: ignore[arg-type]
    found = usual.detect(pictures)
    boxes = [[face.box for face in faces] for faces in found]
    for detected, refined, mine, other in zip(
        found,
        usual.refine(pictures, boxes),
        little.detect(pictures),
        little.refine(pictures, boxes),
        strict=True,
    ):
        same_faces(mine, detected)
        same_faces(other, refined)


def test_same_faces_where_the_processor_has_no_blocked_layout(
    pictures: list[ImageU8], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"device": CPU, "threshold": 0.7, "min_face_px": 20.0}
    usual = CascadeDetector(**options).detect(pictures)  # type: ignore[arg-type]
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    plain = CascadeDetector(**options).detect(pictures)  # type: ignore[arg-type]
    for mine, other in zip(plain, usual, strict=True):
        same_faces(mine, other)


def test_half_precision_finds_the_same_faces(pictures: list[ImageU8]) -> None:
    single = CascadeDetector(device=CPU, threshold=0.9, min_face_px=40).detect(pictures[:1])[0]
    half = CascadeDetector(
        device=CPU, threshold=0.9, min_face_px=40, precision=torch.bfloat16
    ).detect(pictures[:1])[0]
    assert len(half) == len(single)
    for mine, other in zip(half, single, strict=True):
        assert iou(mine.box, other.box) > 0.8


def test_landmarks_are_where_they_are_in_the_mirror(pictures: list[ImageU8]) -> None:
    # An offset would show as a shift between a picture and its mirror image.
    detector = CascadeDetector(device=CPU, threshold=0.8, min_face_px=20)
    (face,) = detector.detect(pictures[:1])[0]
    width = pictures[0].shape[1]
    mirrored = np.ascontiguousarray(pictures[0][:, ::-1])
    box = Box(width - face.box.x1, face.box.y0, width - face.box.x0, face.box.y1)
    there = detector.refine([mirrored], [[box]])[0][0]
    here = detector.refine(pictures[:1], [[face.box]])[0][0]
    back = np.array([[width, 0]]) + there.landmarks[[1, 0, 2, 4, 3]] * [-1, 1]
    # A face is not its own mirror image: within a fortieth of its width.
    assert np.abs(back - here.landmarks).mean() < face.box.width_px / 40


def test_a_region_shows_the_faces_that_the_whole_image_shows_there(
    pictures: list[ImageU8],
) -> None:
    detector = CascadeDetector(device=CPU, threshold=0.8, min_face_px=20)
    (face,) = detector.detect(pictures[:1])[0]
    side = face.box.area_px2**0.5
    aside = Box(face.box.x0 - 3 * side, face.box.y0 - side / 2, face.box.x1 + 9, face.box.y1 + 9)
    for region, about in ((expand(face.box, 3), side), (aside, 1.3 * side)):
        (found,) = detector.detect_in_region(pictures[0], region, about)
        # Not the very same: without the other levels another of its many candidates may win.
        assert iou(found.box, face.box) > 0.9
        assert abs(found.score - face.score) < 0.01
    assert detector.detect_in_region(pictures[0], Box(0, 0, side, side), side) == []
    assert detector.detect_in_region(pictures[0], expand(face.box, 3), 3 * side) == []
    assert detector.detect_in_region(pictures[0], Box(-900, -900, -700, -700), side) == []
    assert detector.detect_in_region(pictures[0], expand(face.box, 3), 1.0) == []


def test_refinement_finds_the_face_near_a_poor_box_and_none_elsewhere(
    pictures: list[ImageU8],
) -> None:
    detector = CascadeDetector(device=CPU, threshold=0.8, min_face_px=20)
    (face,) = detector.detect(pictures[:1])[0]
    off = face.box.width_px * 0.1
    near = Box(*(edge + off for edge in edges(face.box)))
    nowhere = Box(0, 0, face.box.width_px, face.box.width_px)
    outside = Box(-900, -900, -800, -800)
    found, nothing, beyond = detector.refine(pictures[:1], [[near, nowhere, outside]])[0]
    assert found.score > 0.9
    assert iou(found.box, face.box) > 0.7
    assert nothing.score < 0.6
    assert beyond.score < 0.6


def test_a_face_that_leaves_the_picture_keeps_its_size(pictures: list[ImageU8]) -> None:
    detector = CascadeDetector(device=CPU, threshold=0.8, min_face_px=20)
    (face,) = detector.detect(pictures[:1])[0]
    right = int(face.box.x1 - 0.25 * face.box.width_px)
    cropped = np.ascontiguousarray(pictures[0][:, :right])
    box = face.box
    for _ in range(5):
        found = detector.refine([cropped], [[box]])[0][0]
        box = found.box
    assert found.score > 0.8
    assert iou(box, face.box) > 0.75


def test_refinement_jitters_less_than_the_crop_at_whole_pixels(pictures: list[ImageU8]) -> None:
    detector = CascadeDetector(device=CPU, threshold=0.8, min_face_px=20)
    rng = np.random.default_rng(2)
    noisy = [
        np.clip(pictures[0] + rng.normal(0, 4, pictures[0].shape), 0, 255).astype(np.uint8)
        for _ in range(8)
    ]
    faces = [found[0] for found in detector.detect(noisy)]
    refined = [found[0] for found in detector.refine(noisy, [[face.box] for face in faces])]
    raw = np.std([face.landmarks[:2] for face in faces], axis=0).mean()
    steady = np.std([face.landmarks[:2] for face in refined], axis=0).mean()
    assert steady < 0.7 * raw


@pytest.mark.parametrize("detector", [MtcnnDetector, CascadeDetector])
def test_nothing_is_found_where_nothing_is(
    detector: type[MtcnnDetector] | type[CascadeDetector],
) -> None:
    finder = detector(device=CPU, threshold=0.8, min_face_px=20)
    assert finder.detect([]) == []
    assert finder.detect([np.zeros((8, 8, 3), np.uint8)]) == [[]]
    assert finder.detect([np.full((64, 80, 3), 128, np.uint8)] * 2) == [[], []]


@pytest.mark.needs_cuda
def test_cuda_finds_the_same_faces(pictures: list[ImageU8]) -> None:
    options = {"threshold": 0.9, "min_face_px": 20.0}
    cuda = CascadeDetector(device=torch.device("cuda"), **options)  # type: ignore[arg-type]
    here = CascadeDetector(device=CPU, **options)  # type: ignore[arg-type]
    for mine, other in zip(cuda.detect(pictures), here.detect(pictures), strict=True):
        same_faces(mine, other)


@pytest.mark.needs_cuda
def test_cuda_refines_the_same_faces(pictures: list[ImageU8]) -> None:
    options = {"threshold": 0.8, "min_face_px": 20.0}
    cuda = CascadeDetector(device=torch.device("cuda"), **options)  # type: ignore[arg-type]
    here = CascadeDetector(device=CPU, **options)  # type: ignore[arg-type]
    boxes = [[each.box for each in found] for found in here.detect(pictures)]
    near_cuda, near_here = (each.refine(pictures, boxes) for each in (cuda, here))
    for mine, other in zip(near_cuda, near_here, strict=True):
        same_faces(mine, other)
    region, side = expand(boxes[0][0], 3), boxes[0][0].area_px2 ** 0.5
    found = [each.detect_in_region(pictures[0], region, side) for each in (cuda, here)]
    assert len(found[1]) == 1
    same_faces(*found)
    outside = Box(-900, -900, -800, -800)
    assert cuda.detect_in_region(pictures[0], outside, side) == []
    assert cuda.detect([np.full((64, 80, 3), 128, np.uint8)] * 2) == [[], []]
    (beyond,) = cuda.refine(pictures[:1], [[outside]])[0]
    assert beyond.score < 0.6


@pytest.mark.parametrize(("option", "value"), [("threshold", 1.2), ("min_face_px", 5.0)])
def test_options_out_of_range_are_refused(option: str, value: float) -> None:
    options = {"threshold": 0.8, "min_face_px": 20.0, option: value}
    with pytest.raises(ValueError, match=option):
        CascadeDetector(device=CPU, **options)  # type: ignore[arg-type]
