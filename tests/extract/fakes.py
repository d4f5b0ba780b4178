"""Stand-ins for the networks of an extraction, and settings for a clip with a scripted face."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from facemask_video.core.faces import Detection
from facemask_video.core.frame import ImageU8
from facemask_video.detect.detector import Detector
from facemask_video.extract.crops import CropCandidate
from facemask_video.extract.load import Networks
from facemask_video.extract.mask_coverage import MaskCoverage
from facemask_video.extract.quality_assessor import Assessment
from facemask_video.pipeline.load_networks import Finder
from tests.fakes import ScriptedDetector, detection_at

WIDTH_PX, HEIGHT_PX = 160, 120


@dataclass
class FakeAssessor:
    """Calls faces right of the middle masked, and counts the crops it saw."""

    asked: int = 0

    def assess(self, candidates: Sequence[CropCandidate]) -> list[Assessment]:
        self.asked += len(candidates)
        return [self._assessment(candidate) for candidate in candidates]

    def _assessment(self, candidate: CropCandidate) -> Assessment:
        masked = candidate.face.box.center[0] > candidate.frame_width_px / 2
        covered = MaskCoverage(0.9, 0.9) if masked else MaskCoverage(0.0, 0.0)
        return Assessment(0.99, "masked" if masked else "bare", 0.98, covered)


@dataclass
class StillDetector:
    """Finds one face in the middle of every picture, but for pictures that are all black."""

    seen: list[tuple[int, ...]] = field(default_factory=list)

    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        self.seen += [image.shape for image in images]
        return [
            [detection_at(image.shape[1] / 2, image.shape[0] / 2, 0.4 * image.shape[0])]
            if image.any()
            else []
            for image in images
        ]


def fake_networks(
    script: Sequence[Detection] | dict[int, Sequence[Detection]] | None = None,
    *,
    width_px: int = WIDTH_PX,
    assessor: FakeAssessor | None = None,
    detector: Detector | None = None,
) -> Networks:
    """Return networks that find what a script says in each frame of each video."""
    faces = [detection_at(50, 60, 44)] if script is None else script
    return Networks(
        load_finder=lambda info: Finder(ScriptedDetector(faces, frame_width_px=width_px), width_px),
        detector=detector or StillDetector(),
        assessor=assessor or FakeAssessor(),
    )
