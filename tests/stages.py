"""The law of stages, as tests to subclass, and items to feed stages with."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from facemask_video.align.crop import align_face
from facemask_video.core.faces import (
    CroppedFrame,
    TranslatedFrame,
)
from facemask_video.core.stage import Stage
from tests.fakes import (
    ArrayFrame,
    InvertTranslator,
    fake_frames,
    tracked_at,
)

CROP_PX = 32


class StageContract:
    """Subclass it for a stage: say how to make one, what it eats, and how far it runs ahead."""

    held_frames: int
    """Frames that the stage may hold when it yields one, that one not counted."""

    def make_stage(self) -> Stage[Any, Any]:
        raise NotImplementedError

    def make_item(self, frame: ArrayFrame) -> Any:
        raise NotImplementedError

    def items(self, n_frames: int) -> list[Any]:
        return [self.make_item(frame) for frame in fake_frames(n_frames)]

    @pytest.mark.parametrize("n_frames", [1, 2, 7, 20])
    def test_one_item_out_for_one_in_in_order(self, n_frames: int) -> None:
        out = [_frame_of(item) for item in self.make_stage()(self.items(n_frames))]

        assert [frame.index for frame in out] == list(range(n_frames))
        assert [frame.pts for frame in out] == list(range(n_frames))

    def test_inputs_are_left_as_they_were(self) -> None:
        items = self.items(5)
        before = [_frame_of(item).image.copy() for item in items]

        for _ in self.make_stage()(items):
            pass

        for item, image in zip(items, before, strict=True):
            np.testing.assert_array_equal(_frame_of(item).image, image)

    def test_an_empty_source_gives_nothing(self) -> None:
        assert list(self.make_stage()([])) == []

    def test_closing_early_closes_upstream(self) -> None:
        closed = []

        def upstream() -> Iterator[Any]:
            try:
                yield from self.items(20)
            finally:
                closed.append(True)

        out = self.make_stage()(upstream())
        next(out)
        out.close()  # type: ignore[attr-defined]
        del out

        assert closed == [True]

    def test_an_error_upstream_comes_through(self) -> None:
        def upstream() -> Iterator[Any]:
            yield from self.items(3)
            raise OSError("the disk is gone")

        with pytest.raises(OSError, match="the disk is gone"):
            list(self.make_stage()(upstream()))

    def test_no_more_frames_are_held_than_stated(self) -> None:
        taken = 0

        def upstream() -> Iterator[Any]:
            nonlocal taken
            for item in self.items(60):
                taken += 1
                yield item

        most_held = 0
        for given, _ in enumerate(self.make_stage()(upstream()), start=1):
            most_held = max(most_held, taken - given)

        assert most_held <= self.held_frames


def _frame_of(item: Any) -> ArrayFrame:
    frame = item if isinstance(item, ArrayFrame) else item.frame
    assert isinstance(frame, ArrayFrame)
    return frame


def cropped(frame: ArrayFrame, n_faces: int = 1) -> CroppedFrame:
    faces = [tracked_at(60 + 20 * index, 60, 40, track_id=index) for index in range(n_faces)]
    return CroppedFrame(frame, tuple(align_face(frame, face, CROP_PX) for face in faces))


def translated(frame: ArrayFrame, alpha: float = 1.0) -> TranslatedFrame:
    crops = InvertTranslator(CROP_PX, alpha).translate(cropped(frame).crops)
    return TranslatedFrame(frame, tuple(crops))
