"""The detector as a conversion uses it: at limits that leave it to a track what is a face."""

import torch

from facemask_video.detect.cascade import (
    LENIENT_STAGE_THRESHOLDS,
    LENIENT_THRESHOLD,
    CascadeDetector,
)
from facemask_video.detect.detector import RegionDetector
from facemask_video.detect.landmarks import default_landmarks, load_landmarks
from facemask_video.detect.rotation import QUARTER_TURNS, RotatingDetector


def build_detector(
    *,
    device: torch.device,
    min_face_px: float,
    threshold: float = LENIENT_THRESHOLD,
    turned: str = "off",
) -> RegionDetector:
    """Load the cascade with the shipped landmark network.

    Args:
        device: Where it runs.
        min_face_px: Smallest face looked for, in px of the pictures shown, >= 12.
        threshold: Least mean score asked of a track. Weak sights keep a track, and only the track
            decides whether it is a face; so a look reports them too.
        turned: Which faces that do not stand are looked for too, one of `QUARTER_TURNS`.

    Raises:
        WeightsError: The shipped landmark network is missing or damaged.
    """
    detector = CascadeDetector(
        device=device,
        threshold=min(threshold, LENIENT_THRESHOLD),
        stage_thresholds=LENIENT_STAGE_THRESHOLDS,
        min_face_px=min_face_px,
        landmarks=load_landmarks(default_landmarks(), device=device),
    )
    quarters = QUARTER_TURNS[turned]
    return RotatingDetector(detector, quarters) if quarters else detector
