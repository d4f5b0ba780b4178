"""The detector as a conversion uses it: at limits that leave it to a track what is a face."""

import torch

from facemask_video.detect.cascade import LOOK_THRESHOLD, LOOK_THRESHOLDS, CascadeDetector
from facemask_video.detect.landmarks import default_landmarks, load_landmarks


def looking_detector(
    *, device: torch.device, min_face_px: float, threshold: float = LOOK_THRESHOLD
) -> CascadeDetector:
    """Load the cascade with the shipped landmark network.

    Args:
        device: Where it runs.
        min_face_px: Smallest face looked for, in px of the pictures shown, >= 12.
        threshold: Least mean score asked of a track. Weak sights keep a track, and only the track
            decides whether it is a face; so a look reports them too.

    Raises:
        WeightsError: The shipped landmark network is missing or damaged.
    """
    return CascadeDetector(
        device=device,
        threshold=min(threshold, LOOK_THRESHOLD),
        stage_thresholds=LOOK_THRESHOLDS,
        min_face_px=min_face_px,
        landmarks=load_landmarks(default_landmarks(), device=device),
    )
