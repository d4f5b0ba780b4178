"""The detector as a conversion has it: lenient, as the tracker decides what is a face."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from facemask_video.config import DetectConfig
from facemask_video.detect.cascade import (
    LENIENT_STAGE_THRESHOLDS,
    LENIENT_THRESHOLD,
    CascadeDetector,
)
from facemask_video.detect.close_up import CloseUpDetector
from facemask_video.detect.detector import RegionDetector
from facemask_video.detect.landmarks import default_landmarks, load_landmarks
from facemask_video.detect.mtcnn import default_mask_weights
from facemask_video.detect.rotation import RotatingDetector


@dataclass(frozen=True, slots=True)
class DetectorChoice:
    """Networks, and how sure the first two must be of a face.

    Attributes:
        weights: A file of `facemask-train detector`; None are facenet-pytorch's.
        stage_thresholds: Least scores in P-Net and R-Net, [0, 1].
    """

    weights: Path | None
    stage_thresholds: tuple[float, float]


DETECTORS = {
    "mtcnn": DetectorChoice(None, LENIENT_STAGE_THRESHOLDS),
    # Its R-Net scores masked faces higher: of 138 validation photographs of those as clips,
    # (0.4, 0.3) loses one more.
    "mtcnn-masks": DetectorChoice(default_mask_weights(), (0.5, 0.5)),
}
"""The choices of ``--detector``."""


def build_detector(
    *,
    device: torch.device,
    min_face_px: float,
    threshold: float = LENIENT_THRESHOLD,
    quarter_turns: Sequence[int] = (),
    detector: str = DetectConfig().detector,
) -> RegionDetector:
    """Load the cascade with the shipped landmark network.

    Args:
        device: Where it runs.
        min_face_px: Smallest face looked for, in px of the images shown, >= 12.
        threshold: Least mean score asked of a track. Single detections may score less (down to
            `LENIENT_THRESHOLD`): they keep a track that others of its detections confirm.
        quarter_turns: Rotations at which images are shown besides as they are; see
            `facemask_video.detect.rotation.QUARTER_TURNS`.
        detector: Which networks look, one of `DETECTORS`.

    Raises:
        WeightsError: A shipped network is missing or damaged.
    """
    choice = DETECTORS[detector]
    cascade = CascadeDetector(
        device=device,
        threshold=min(threshold, LENIENT_THRESHOLD),
        stage_thresholds=choice.stage_thresholds,
        min_face_px=min_face_px,
        landmarks=load_landmarks(default_landmarks(), device=device),
        weights=choice.weights,
    )
    looking = CloseUpDetector(cascade)
    return RotatingDetector(looking, quarter_turns) if quarter_turns else looking
