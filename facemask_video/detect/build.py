"""The detector as a conversion has it: lenient, as the tracker decides what is a face."""

from collections.abc import Sequence

import torch

from facemask_video.detect.cascade import (
    LENIENT_STAGE_THRESHOLDS,
    LENIENT_THRESHOLD,
    CascadeDetector,
)
from facemask_video.detect.close_up import CloseUpDetector
from facemask_video.detect.detector import RegionDetector
from facemask_video.detect.landmarks import default_landmarks, load_landmarks
from facemask_video.detect.rotation import RotatingDetector


def build_detector(
    *,
    device: torch.device,
    min_face_px: float,
    threshold: float = LENIENT_THRESHOLD,
    quarter_turns: Sequence[int] = (),
) -> RegionDetector:
    """Load the cascade with the shipped landmark network.

    Args:
        device: Where it runs.
        min_face_px: Smallest face looked for, in px of the images shown, >= 12.
        threshold: Least mean score asked of a track. Single detections may score less (down to
            `LENIENT_THRESHOLD`): they keep a track that others of its detections confirm.
        quarter_turns: Rotations at which images are shown besides as they are; see
            `facemask_video.detect.rotation.QUARTER_TURNS`.

    Raises:
        WeightsError: The shipped landmark network is missing or damaged.
    """
    cascade = CascadeDetector(
        device=device,
        threshold=min(threshold, LENIENT_THRESHOLD),
        stage_thresholds=LENIENT_STAGE_THRESHOLDS,
        min_face_px=min_face_px,
        landmarks=load_landmarks(default_landmarks(), device=device),
    )
    detector = CloseUpDetector(cascade)
    return RotatingDetector(detector, quarter_turns) if quarter_turns else detector
