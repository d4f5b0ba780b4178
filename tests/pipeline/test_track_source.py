"""What the head of the pipeline holds in memory."""

from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
import pytest

from facemask_video.config import TrackConfig, TracksConfig
from facemask_video.pipeline.load_networks import Finder
from facemask_video.pipeline.timing import StageStack
from facemask_video.pipeline.track_source import FRAMES_HELD, track_faces
from facemask_video.video import VideoReader
from tests.fakes import ArrayFrame, ScriptedDetector, detection_at

N_FRAMES = 120


@dataclass(frozen=True, eq=False)
class _Counted(ArrayFrame):
    """Counts how many of it are alive."""

    alive: ClassVar[int] = 0

    def __post_init__(self) -> None:
        _Counted.alive += 1

    def __del__(self) -> None:
        _Counted.alive -= 1


@pytest.mark.parametrize("look_ahead", [0, 10, 40])
def test_live_frames_are_bounded_by_the_look_ahead(look_ahead: int) -> None:
    grey = np.full((48, 64, 3), 90, np.uint8)
    source = (_Counted(grey, index, pts=index) for index in range(N_FRAMES))
    finder = Finder(ScriptedDetector([detection_at(32, 24, 40)], frame_width_px=64), 64)
    config = TracksConfig(track=TrackConfig(look_ahead=look_ahead))
    alive = []
    with StageStack() as stages:
        followed = track_faces(cast(VideoReader, source), config, stages, finder)
        for _ in followed:
            alive.append(_Counted.alive)
    assert len(alive) == N_FRAMES
    assert look_ahead < max(alive) <= FRAMES_HELD + look_ahead
