from dataclasses import replace
from typing import Any

import numpy as np

from facemask_video.align.crop import align_face
from facemask_video.composite.reference import RecallFaces
from facemask_video.composite.stage import (
    BlendFaces,
    DrawFaces,
    LabelFrames,
    MatchColours,
    SteadyFaces,
)
from facemask_video.core.faces import (
    BlendedFrame,
    TrackId,
    TranslatedCrop,
    TranslatedFrame,
)
from facemask_video.core.stage import Stage
from tests.fakes import (
    ArrayFrame,
    fake_frames,
    tracked_at,
)
from tests.stages import CROP_PX, StageContract, translated


class TestMatchColours(StageContract):
    held_frames = 0

    def make_stage(self) -> Stage[Any, Any]:
        return MatchColours(mode="histogram")

    def make_item(self, frame: ArrayFrame) -> TranslatedFrame:
        return translated(frame)

    def test_none_leaves_the_crops_alone(self) -> None:
        (item,) = self.items(1)

        (out,) = MatchColours(mode="none")([item])

        np.testing.assert_array_equal(out.crops[0].image, item.crops[0].image)


class TestSteadyFaces(StageContract):
    held_frames = 0

    def make_stage(self) -> Stage[Any, Any]:
        return SteadyFaces(temporal=0.5)

    def make_item(self, frame: ArrayFrame) -> TranslatedFrame:
        return translated(frame)

    def test_zero_leaves_the_crops_alone(self) -> None:
        items = self.items(3)

        out = list(SteadyFaces(temporal=0.0)(items))

        assert [result.crops for result in out] == [item.crops for item in items]


def test_what_hides_the_face_behind_it_does_so_after_every_stage() -> None:
    items = [translated(frame) for frame in fake_frames(3)]
    opaque = [
        replace(item, crops=tuple(replace(crop, is_opaque=True) for crop in item.crops))
        for item in items
    ]
    for stage in (
        MatchColours(mode="histogram"),
        MatchColours(mode="xyz"),
        SteadyFaces(temporal=0.5),
        RecallFaces(),
    ):
        assert all(crop.is_opaque for item in stage(opaque) for crop in item.crops)


class TestBlendFaces(StageContract):
    held_frames = 0

    def make_stage(self) -> Stage[Any, Any]:
        return BlendFaces(coverage=0.9, grain=True)

    def make_item(self, frame: ArrayFrame) -> TranslatedFrame:
        return translated(frame)

    def test_only_the_region_changes(self) -> None:
        (item,) = self.items(1)

        (out,) = self.make_stage()([item])

        box = out.pasted[0].patch.box
        changed = (out.frame.image != out.source.image).any(axis=2)
        assert changed.any()
        changed[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = False
        assert not changed.any()

    def test_a_face_that_the_generator_leaves_alone_passes_the_frame_on(self) -> None:
        (frame,) = fake_frames(1)

        (out,) = self.make_stage()([translated(frame, alpha=0.0)])

        assert out.frame is frame
        assert out.pasted == ()
        assert [face.track_id for face in out.unchanged] == [TrackId(0)]

    def test_a_face_outside_the_frame_changes_nothing(self) -> None:
        (frame,) = fake_frames(1)
        crop = align_face(frame, tracked_at(-500, 60, 40), CROP_PX)
        alpha = np.ones((CROP_PX, CROP_PX), np.float32)

        (out,) = self.make_stage()(
            [TranslatedFrame(frame, (TranslatedCrop(crop, 255 - crop.image, alpha),))]
        )

        assert out.frame is frame


class TestDrawFaces(StageContract):
    held_frames = 0

    def make_stage(self) -> Stage[Any, Any]:
        return DrawFaces()

    def make_item(self, frame: ArrayFrame) -> BlendedFrame:
        return BlendedFrame(frame, frame, unchanged=(tracked_at(80, 60, 50),))

    def test_only_the_picture_to_show_is_drawn_on(self) -> None:
        (item,) = self.items(1)

        (out,) = self.make_stage()([item])

        assert out.source is item.source
        assert (out.frame.image != item.frame.image).any()


class TestLabelFrames(StageContract):
    held_frames = 0

    def make_stage(self) -> Stage[Any, Any]:
        return LabelFrames("Synthetic face", everywhere=True)

    def make_item(self, frame: ArrayFrame) -> BlendedFrame:
        (blended,) = BlendFaces(coverage=0.9, grain=False)([translated(frame)])
        return blended

    def test_only_the_place_that_is_named_changes(self) -> None:
        (item,) = self.items(1)

        (out,) = self.make_stage()([item])

        changed = (out.frame.image != item.frame.image).any(axis=2)
        assert changed.any()
        box = out.label
        changed[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = False
        assert not changed.any()

    def test_a_frame_without_a_translated_face_is_passed_on(self) -> None:
        (frame,) = fake_frames(1)
        item = BlendedFrame(frame, frame, unchanged=(tracked_at(80, 60, 50),))

        (out,) = LabelFrames("Synthetic face")([item])

        assert out is item
