"""The detectors that a conversion may choose."""

from pathlib import Path

import numpy as np
import pytest
import torch

from facemask_video.core.geometry import iou
from facemask_video.detect.build import DETECTORS, build_detector
from facemask_video.detect.mtcnn import default_mask_weights, load_networks
from facemask_video.video import VideoReader

CPU = torch.device("cpu")
SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.mark.parametrize("clip", ["astronaut.mp4", "astronaut_masked.mp4"])
def test_each_detector_places_a_face_where_the_others_do(clip: str) -> None:
    with VideoReader(SAMPLES / clip) as reader:
        picture = next(iter(reader)).thumbnail(480)[0]

    found = []
    for name in DETECTORS:
        detector = build_detector(device=CPU, min_face_px=30, detector=name)
        (face,) = detector.detect([picture])[0]
        found.append(detector.refine([picture], [[face.box]])[0][0])

    original, taught = found
    eyes_px = float(np.hypot(*(original.landmarks[1] - original.landmarks[0])))
    assert iou(original.box, taught.box) > 0.8
    assert np.linalg.norm(original.landmarks - taught.landmarks, axis=1).max() < 0.1 * eyes_px
    assert taught.score > 0.95


def test_the_networks_taught_masks_propose_as_the_original_ones() -> None:
    original, taught = load_networks(CPU), load_networks(CPU, default_mask_weights())

    assert torch.allclose(original[0].conv3.weight, taught[0].conv3.weight, atol=1e-3)
    assert not torch.allclose(original[2].conv3.weight, taught[2].conv3.weight, atol=1e-3)
