from typing import Any

import numpy as np

from facemask_video.align.stage import AlignFaces
from facemask_video.core.faces import (
    TrackedFrame,
    TrackId,
)
from facemask_video.core.stage import Stage
from tests.fakes import (
    ArrayFrame,
    fake_frames,
    tracked_at,
)
from tests.stages import CROP_PX, StageContract


class TestAlignFaces(StageContract):
    held_frames = 0

    def make_stage(self) -> Stage[Any, Any]:
        return AlignFaces(crop_size_px=CROP_PX)

    def make_item(self, frame: ArrayFrame) -> TrackedFrame:
        return TrackedFrame(frame, (tracked_at(80, 60, 50),))

    def test_a_face_whose_landmarks_coincide_is_passed_over(self) -> None:
        good = tracked_at(80, 60, 50)
        flat = type(good)(TrackId(1), good.box, np.full((5, 2), 7, np.float32), 0.9, observed=True)
        (frame,) = fake_frames(1)

        (out,) = AlignFaces(crop_size_px=CROP_PX)([TrackedFrame(frame, (flat, good))])

        assert [crop.face.track_id for crop in out.crops] == [TrackId(0)]
