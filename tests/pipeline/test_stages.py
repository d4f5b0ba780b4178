"""The stages of detection and tracking keep the law of stages."""

from typing import Any

from facemask_video.core.faces import (
    DetectedFrame,
)
from facemask_video.core.stage import Stage
from facemask_video.detect.stage import DetectFaces
from facemask_video.track import Tracker, TrackFaces
from tests.fakes import (
    ArrayFrame,
    ScriptedDetector,
    detection_at,
)
from tests.stages import StageContract


class TestDetectFaces(StageContract):
    # Two groups.
    held_frames = 8

    def make_stage(self) -> Stage[Any, Any]:
        detector = ScriptedDetector([detection_at(80, 60, 50)], frame_width_px=160)
        return DetectFaces(detector, max_side_px=80, detect_every=0, batch_frames=4)

    def make_item(self, frame: ArrayFrame) -> ArrayFrame:
        return frame


class TestTrackFaces(StageContract):
    held_frames = 5

    def make_stage(self) -> Stage[Any, Any]:
        return TrackFaces(Tracker(look_ahead=5))

    def make_item(self, frame: ArrayFrame) -> DetectedFrame:
        return DetectedFrame(frame, (detection_at(80, 60, 50),))
