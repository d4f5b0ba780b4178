"""The detector as a conversion uses it: at limits that leave it to a track what is a face."""

import torch

from facemask_video.detect.cascade import LOOK_THRESHOLD, LOOK_THRESHOLDS, CascadeDetector
from facemask_video.detect.detector import NearDetector
from facemask_video.detect.landmarks import default_landmarks, load_landmarks
from facemask_video.detect.turned import QUARTERS, TurnedDetector


def looking_detector(
    *,
    device: torch.device,
    min_face_px: float,
    threshold: float = LOOK_THRESHOLD,
    turned: str = "off",
) -> NearDetector:
    """Load the cascade with the shipped landmark network.

    Args:
        device: Where it runs.
        min_face_px: Smallest face looked for, in px of the pictures shown, >= 12.
        threshold: Least mean score asked of a track. Weak sights keep a track, and only the track
            decides whether it is a face; so a look reports them too.
        turned: Which faces that do not stand are looked for too, one of `QUARTERS`.

    Raises:
        WeightsError: The shipped landmark network is missing or damaged.
    """
    detector = CascadeDetector(
        device=device,
        threshold=min(threshold, LOOK_THRESHOLD),
        stage_thresholds=LOOK_THRESHOLDS,
        min_face_px=min_face_px,
        landmarks=load_landmarks(default_landmarks(), device=device),
    )
    quarters = QUARTERS[turned]
    return TurnedDetector(detector, quarters) if quarters else detector
