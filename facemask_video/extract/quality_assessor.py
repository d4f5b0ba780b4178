"""What networks say of crops: a second look, masked or bare, and whether a mask sits right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from facemask_video.align.template import EYE_DISTANCE
from facemask_video.classify.mask_classifier import Gate, default_gate
from facemask_video.core import geometry
from facemask_video.core.faces import Detection
from facemask_video.core.geometry import Box, Points
from facemask_video.detect.cascade import CascadeDetector
from facemask_video.extract.crops import Cut
from facemask_video.extract.placement import OutlineDrawer, Placement, placement

# A second look sees the same face where its landmarks are this near, in eye distances, on average.
_SAME_FACE = 0.35
# In a crop of 256 px a face is 120 px wide or more.
_SMALLEST_OF_CROP = 0.2


@dataclass(frozen=True, slots=True)
class Opinion:
    """What is said of one crop.

    Attributes:
        second_score: Score of the detector's second look, [0, 1].
        domain: ``masked`` or ``bare``.
        domain_score: How surely, [0.5, 1].
        placement: Of the mask.
    """

    second_score: float
    domain: str
    domain_score: float
    placement: Placement


class Judge(Protocol):
    """Says of crops what no rule on pixels can."""

    def judge(self, cuts: Sequence[Cut]) -> list[Opinion]:
        """Return an opinion on each crop, in order."""
        ...


class NetworkJudge:
    """Asks the shipped networks.

    Args:
        device: Where they run.
        crop_size_px: Side of the crops.
    """

    def __init__(self, device: torch.device, *, crop_size_px: int) -> None:
        """Load them.

        Raises:
            WeightsError: One is missing or damaged.
        """
        self._detector = CascadeDetector(
            device=device,
            threshold=0.0,
            min_face_px=max(12.0, _SMALLEST_OF_CROP * crop_size_px),
            stage_thresholds=(0.5, 0.5),
        )
        self._gate = Gate.load(default_gate(), device=device)
        self._outlines = OutlineDrawer(device)

    def judge(self, cuts: Sequence[Cut]) -> list[Opinion]:
        """Return an opinion on each crop, in order; all of one size."""
        if not cuts:
            return []
        images = [cut.crop.image for cut in cuts]
        expected = [geometry.apply(cut.crop.frame_to_crop, cut.face.landmarks) for cut in cuts]
        seconds = self._second_scores(cuts, expected)
        masked = self._gate.masked_scores(images)
        outlines = self._outlines.draw(images)
        return [
            Opinion(
                second_score=second,
                domain="masked" if score > 0.5 else "bare",
                domain_score=max(score, 1 - score),
                placement=placement(outline, points / cut.crop.size_px),
            )
            for cut, points, second, score, outline in zip(
                cuts, expected, seconds, masked, outlines, strict=True
            )
        ]

    def _second_scores(self, cuts: Sequence[Cut], expected: Sequence[Points]) -> list[float]:
        """Look at the whole crop, and closely at where the face should be; the better look counts.

        A face that fills the crop may be missed by the first network, which the close look leaves
        out; a pattern that only looks like a face when it is small is one in neither.
        """
        images = [cut.crop.image for cut in cuts]
        boxes = [_box_in_crop(cut) for cut in cuts]
        whole = self._detector.detect(images)
        near = self._detector.refine(images, [[box] for box in boxes])
        return [
            max(
                (face.score for face in (*far, *close) if _is_same(face, points, cut)),
                default=0.0,
            )
            for far, close, points, cut in zip(whole, near, expected, cuts, strict=True)
        ]


def _is_same(found: Detection, expected: Points, cut: Cut) -> bool:
    apart = np.hypot(*(found.landmarks - expected).T).mean()
    return bool(apart < _SAME_FACE * EYE_DISTANCE * cut.crop.size_px)


def _box_in_crop(cut: Cut) -> Box:
    return geometry.bounding_box(
        geometry.apply(cut.crop.frame_to_crop, geometry.corners(cut.face.box))
    )
