"""The detector of pictures that show a face each."""

import torch

from facemask_video.detect.mtcnn import MtcnnDetector

# Where a face is known to be, weak detections are more often right than wrong.
_THRESHOLD = 0.6
_MIN_FACE_PX = 40.0


def photograph_detector(device: torch.device) -> MtcnnDetector:
    """Return what finds the main face of a picture; see `trainers.data.crops.main_face`."""
    return MtcnnDetector(device=device, threshold=_THRESHOLD, min_face_px=_MIN_FACE_PX)
