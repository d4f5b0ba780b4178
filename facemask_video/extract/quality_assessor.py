"""What networks say of crops: detected again, masked or bare, and what a mask covers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from facemask_video.align.template import EYE_DISTANCE
from facemask_video.classify.mask_classifier import MaskClassifier, default_mask_classifier
from facemask_video.core import geometry
from facemask_video.core.faces import Detection
from facemask_video.core.geometry import Box, Points
from facemask_video.detect.cascade import CascadeDetector
from facemask_video.extract.crops import CropCandidate
from facemask_video.extract.mask_coverage import MaskCoverage, MaskSegmenter, mask_coverage

# A second detection is of the same face where its landmarks are this near, in eye distances, on
# average.
_SAME_FACE = 0.35
# In a crop of 256 px a face is 120 px wide or more.
_SMALLEST_OF_CROP = 0.2


@dataclass(frozen=True, slots=True)
class Assessment:
    """What networks say of one crop.

    Attributes:
        second_score: The detector's score for the face in its crop, in [0, 1]; 0 where it finds
            none.
        domain: ``masked`` or ``bare``.
        domain_score: How surely, in [0.5, 1].
        mask_coverage: How well the mask covers nose and chin.
    """

    second_score: float
    domain: str
    domain_score: float
    mask_coverage: MaskCoverage


class QualityAssessor(Protocol):
    """Assesses what no rule on pixels can."""

    def assess(self, candidates: Sequence[CropCandidate]) -> list[Assessment]:
        """Return an assessment of each crop, in order."""
        ...


class NetworkAssessor:
    """Asks the shipped networks.

    Args:
        device: Where they run.
        crop_size_px: Side of the crops.

    Raises:
        WeightsError: Weights are missing or damaged.
    """

    def __init__(self, device: torch.device, *, crop_size_px: int) -> None:
        self._detector = CascadeDetector(
            device=device,
            threshold=0.0,
            min_face_px=max(12.0, _SMALLEST_OF_CROP * crop_size_px),
            stage_thresholds=(0.5, 0.5),
        )
        self._classifier = MaskClassifier.load(default_mask_classifier(), device=device)
        self._segmenter = MaskSegmenter(device)

    def assess(self, candidates: Sequence[CropCandidate]) -> list[Assessment]:
        """Return an assessment of each crop, in order; all of one size."""
        if not candidates:
            return []
        images = [candidate.crop.image for candidate in candidates]
        expected = [
            geometry.apply(candidate.crop.frame_to_crop, candidate.face.landmarks)
            for candidate in candidates
        ]
        seconds = self._second_scores(candidates, expected)
        masked = self._classifier.masked_scores(images)
        segmentations = self._segmenter.segment(images)
        return [
            Assessment(
                second_score=second,
                domain="masked" if score > 0.5 else "bare",
                domain_score=max(score, 1 - score),
                mask_coverage=mask_coverage(segmentation, points / candidate.crop.size_px),
            )
            for candidate, points, second, score, segmentation in zip(
                candidates, expected, seconds, masked, segmentations, strict=True
            )
        ]

    def _second_scores(
        self, candidates: Sequence[CropCandidate], expected: Sequence[Points]
    ) -> list[float]:
        """Detect in the whole crop, and refine where the face should be; the better score counts.

        A face that fills the crop may be missed by the first network, which refining leaves
        out; a pattern that only looks like a face when it is small is one in neither.
        """
        images = [candidate.crop.image for candidate in candidates]
        boxes = [_box_in_crop(candidate) for candidate in candidates]
        in_whole = self._detector.detect(images)
        near = self._detector.refine(images, [[box] for box in boxes])
        return [
            max(
                (face.score for face in (*far, *close) if _is_same(face, points, candidate)),
                default=0.0,
            )
            for far, close, points, candidate in zip(
                in_whole, near, expected, candidates, strict=True
            )
        ]


def _is_same(found: Detection, expected: Points, candidate: CropCandidate) -> bool:
    apart = np.hypot(*(found.landmarks - expected).T).mean()
    return bool(apart < _SAME_FACE * EYE_DISTANCE * candidate.crop.size_px)


def _box_in_crop(candidate: CropCandidate) -> Box:
    return geometry.bounding_box(
        geometry.apply(candidate.crop.frame_to_crop, geometry.corners(candidate.face.box))
    )
