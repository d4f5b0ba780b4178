"""The stages of tracking keep the contract of stages; what each does beside is in its own file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facemask_video.config import DetectConfig, SelectConfig, TrackConfig
from facemask_video.core.faces import DetectedFrame, TrackedFrame
from facemask_video.core.stage import Stage
from facemask_video.track import (
    ReplayTracks,
    SelectFaces,
    Sidecar,
    SidecarFace,
    SidecarWriter,
    TrackFaces,
)
from tests.fakes import ArrayFrame, detection_at, fake_frames, tracked_at
from tests.stages import StageContract


class TestTrackFaces(StageContract):
    held_frames = 5

    def make_stage(self) -> Stage[Any, Any]:
        return TrackFaces(TrackConfig(look_ahead=5), DetectConfig())

    def make_item(self, frame: ArrayFrame) -> DetectedFrame:
        return DetectedFrame(frame, (detection_at(80, 60, 50),))

    def test_a_stage_run_twice_begins_anew(self) -> None:
        stage, items = self.make_stage(), self.items(9)

        runs = [[[face.track_id for face in item.faces] for item in stage(items)] for _ in "ab"]

        assert runs[0] == runs[1]


class TestSelectFaces(StageContract):
    held_frames = 0

    def make_stage(self) -> Stage[Any, Any]:
        return SelectFaces(SelectConfig(faces="largest"))

    def make_item(self, frame: ArrayFrame) -> TrackedFrame:
        return TrackedFrame(frame, (tracked_at(80, 60, 50), tracked_at(40, 60, 30, track_id=1)))


class TestReplayTracks(StageContract):
    held_frames = 0

    @pytest.fixture(autouse=True)
    def write_tracks(self, tmp_path: Path) -> None:
        self.path = tmp_path / "tracks.jsonl"
        with SidecarWriter(self.path, source={}) as writer:
            for frame in fake_frames(60):
                writer.write(frame, [SidecarFace(tracked_at(80, 60, 50))])
            writer.finish()

    def make_stage(self) -> Stage[Any, Any]:
        return ReplayTracks(Sidecar(self.path), partial=True)

    def make_item(self, frame: ArrayFrame) -> ArrayFrame:
        return frame


def test_frames_that_come_slowly_are_not_held_for_their_number() -> None:
    taken: list[int] = []

    def frames() -> Iterator[DetectedFrame]:
        for frame in fake_frames(8):
            taken.append(frame.index)
            yield DetectedFrame(frame, [], detector_ran=True, starts_shot=False)

    track = TrackFaces(TrackConfig(look_ahead=5), DetectConfig(), longest_s=0.05)
    tracked = track(frames())

    first = next(tracked)

    assert first.frame.index == 0
    # Each is shown for 40 ms: the third is later than the first by more than 50.
    assert taken == [0, 1, 2]
    assert [each.frame.index for each in tracked] == list(range(1, 8))
