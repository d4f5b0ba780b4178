"""The network that places landmarks under a mask, and its part in a refinement."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facemask_video.core.frame import ImageU8
from facemask_video.detect.cascade import CascadeDetector
from facemask_video.detect.landmarks import (
    LandmarkNetwork,
    default_landmarks,
    load_landmarks,
    save_landmarks,
)
from facemask_video.video import VideoReader

CPU = torch.device("cpu")
SAMPLES = Path(__file__).parents[2] / "samples"


def _frame(clip: str) -> ImageU8:
    with VideoReader(SAMPLES / clip) as reader:
        frame = next(iter(reader))
        return frame.thumbnail(640)[0]


def _detector(*, placed: bool, device: torch.device = CPU) -> CascadeDetector:
    landmarks = load_landmarks(default_landmarks(), device=device) if placed else None
    return CascadeDetector(device=device, threshold=0.6, min_face_px=40, landmarks=landmarks)


def test_a_network_comes_back_as_it_was_written(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = LandmarkNetwork(width=12).eval()
    crops = torch.randn(3, 3, 48, 48)

    save_landmarks(tmp_path / "points.safetensors", network, images_seen=7)

    again = load_landmarks(tmp_path / "points.safetensors", device=CPU)
    assert torch.allclose(again(crops), network(crops), atol=2e-3)


def test_points_of_a_bare_face_lie_where_mtcnn_has_them() -> None:
    image = _frame("astronaut.mp4")
    (face,) = _detector(placed=False).detect([image])[0]

    (theirs,), (ours,) = (
        _detector(placed=placed).refine([image], [[face.box]])[0] for placed in (False, True)
    )

    eyes_px = float(np.hypot(*(theirs.landmarks[1] - theirs.landmarks[0])))
    apart = np.linalg.norm(ours.landmarks - theirs.landmarks, axis=1) / eyes_px
    assert apart[:2].max() < 0.08
    assert apart.max() < 0.15


def test_points_stay_where_they_are_when_a_mask_is_put_on() -> None:
    bare, masked = _frame("astronaut.mp4"), _frame("astronaut_masked.mp4")
    if bare.shape != masked.shape:
        pytest.fail("the samples show the same frames")
    (face,) = _detector(placed=False).detect([bare])[0]
    eyes_px = float(np.hypot(*(face.landmarks[1] - face.landmarks[0])))

    def moved(*, placed: bool) -> float:
        detector = _detector(placed=placed)
        (without,), (with_mask,) = (
            detector.refine([image], [[face.box]])[0] for image in (bare, masked)
        )
        return float(np.linalg.norm(without.landmarks - with_mask.landmarks, axis=1).mean())

    assert moved(placed=True) < 0.08 * eyes_px
    assert moved(placed=True) < moved(placed=False)


def test_points_follow_a_face_that_is_moved_and_enlarged() -> None:
    image, detector = _frame("astronaut.mp4"), _detector(placed=True)
    (face,) = detector.detect([image])[0]
    (here,) = detector.refine([image], [[face.box]])[0]
    map_ = np.array([[1.3, 0.0, 11.0], [0.0, 1.3, -7.0]])
    # OpenCV's origin is the centre of the first pixel.
    shifted = map_.copy()
    shifted[:, 2] += 0.5 * 1.3 - 0.5
    height, width = image.shape[:2]
    larger = np.asarray(cv2.warpAffine(image, shifted, (int(1.3 * width), height)), np.uint8)

    (there,) = detector.refine([larger], [[detector.detect([larger])[0][0].box]])[0]

    expected = here.landmarks * 1.3 + map_[:, 2]
    eyes_px = float(np.hypot(*(there.landmarks[1] - there.landmarks[0])))
    assert np.linalg.norm(there.landmarks - expected, axis=1).mean() < 0.03 * eyes_px


@pytest.mark.needs_cuda
def test_cuda_places_the_same_points() -> None:
    image = _frame("astronaut_masked.mp4")
    here, cuda = (_detector(placed=True, device=torch.device(name)) for name in ("cpu", "cuda"))
    boxes = [[face.box for face in here.detect([image])[0]]]

    (expected,), (found,) = (each.refine([image], boxes)[0] for each in (here, cuda))

    np.testing.assert_allclose(found.landmarks, expected.landmarks, atol=0.5)
