"""The detector of pictures that show a face each: the converter's own, with its own limits."""

import torch

from facemask_video.detect.build import build_detector
from facemask_video.detect.detector import RegionDetector

MIN_FACE_PX = 40.0


def photograph_detector(device: torch.device) -> RegionDetector:
    """Build the detector of `find_main_face`."""
    return build_detector(device=device, min_face_px=MIN_FACE_PX)
