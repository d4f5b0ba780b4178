"""MTCNN as facenet-pytorch runs it, picture by picture."""

from collections.abc import Sequence

import numpy as np
import torch
from facenet_pytorch import MTCNN

from facemask_video.core.faces import Detection
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.detect.mtcnn import CELL_PX, OFFSET_PX, STAGE_THRESHOLDS


class MtcnnDetector:
    """What tests and benchmarks hold `CascadeDetector` against; no conversion uses it.

    Args:
        device: Where the networks run.
        threshold: Least score of a face in O-Net, [0, 1].
        min_face_px: Smallest face looked for, in px of the images shown, >= 12.
    """

    def __init__(self, *, device: torch.device, threshold: float, min_face_px: float) -> None:
        if not 0.0 <= threshold <= 1.0:
            raise ValueError(f"threshold: got {threshold}, expected a score in [0, 1].")
        if min_face_px < CELL_PX:
            raise ValueError(f"min_face_px: got {min_face_px}, expected {CELL_PX} or more.")
        self._networks = MTCNN(
            keep_all=True,
            select_largest=False,
            min_face_size=min_face_px,
            thresholds=[*STAGE_THRESHOLDS, threshold],
            device=device,
        ).eval()
        self._min_face_px = min_face_px

    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        """Find the faces of each image; see `facemask_video.detect.detector.Detector`."""
        # MTCNN's pyramid is empty for an image smaller than its smallest face, and it then fails.
        if not images or min(images[0].shape[:2]) < self._min_face_px:
            return [[] for _ in images]
        boxes, scores, landmarks = self._networks.detect(np.stack(images), landmarks=True)
        return [
            _detections(*found) if found[0] is not None else []
            for found in zip(boxes, scores, landmarks, strict=True)
        ]


def _detections(
    boxes: Sequence[Sequence[float]], scores: Sequence[float], landmarks: Sequence[ImageU8]
) -> list[Detection]:
    found = []
    for corners, score, points in zip(boxes, scores, landmarks, strict=True):
        x0, y0, x1, y1 = (float(edge) - OFFSET_PX for edge in corners)
        if x1 <= x0 or y1 <= y0:
            continue
        in_our_convention = np.asarray(points, dtype=np.float32) - np.float32(OFFSET_PX)
        found.append(Detection(Box(x0, y0, x1, y1), in_our_convention, min(1.0, float(score))))
    return sorted(found, key=lambda detection: -detection.score)
