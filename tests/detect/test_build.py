"""The detectors that a conversion may choose."""

from pathlib import Path

import numpy as np
import pytest
import torch

from facemask_video.core.geometry import iou
from facemask_video.detect.build import DETECTORS, build_detector
from facemask_video.detect.mtcnn import begin_scorers, default_mask_weights, load_networks
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


def test_networks_taught_masks_differ_from_the_original_ones_in_scores_alone() -> None:
    _, *original = load_networks(CPU)
    _, *taught = load_networks(CPU, default_mask_weights())

    for network, other, side_px in zip(original, taught, (24, 48), strict=True):
        crops = torch.rand(8, 3, side_px, side_px, generator=torch.manual_seed(1)) * 2 - 1
        found, from_other = network(crops), other(crops)
        score = len(found) - 2
        for index, pair in enumerate(zip(found, from_other, strict=True)):
            assert torch.allclose(*pair, atol=1e-3) == (index != score)


def test_scorers_begin_as_the_networks_own_last_layers() -> None:
    _, rnet, onet = load_networks(CPU)
    crops = torch.rand(4, 3, 48, 48, generator=torch.manual_seed(1)) * 2 - 1
    own = onet(crops)[2]
    onet.scorer = begin_scorers(rnet, onet).onet

    assert torch.allclose(onet(crops)[2], own, atol=1e-6)
