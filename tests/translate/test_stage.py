from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from facemask_video.core.errors import BrokenCropError
from facemask_video.core.faces import Crop, CroppedFrame, TranslatedCrop
from facemask_video.core.stage import Stage
from facemask_video.translate.stage import TranslateFaces
from tests.fakes import (
    ArrayFrame,
    InvertTranslator,
    fake_frames,
)
from tests.stages import CROP_PX, StageContract, cropped


class TestTranslateFaces(StageContract):
    held_frames = 8

    def make_stage(self) -> Stage[Any, Any]:
        return TranslateFaces(InvertTranslator(CROP_PX), batch_size=4)

    def make_item(self, frame: ArrayFrame) -> CroppedFrame:
        # Frames without a face among them, and one with more faces than a batch holds.
        return cropped(frame, n_faces=(0, 1, 6, 0, 2)[frame.index % 5])

    def test_batches_are_filled_over_frames(self) -> None:
        translator = InvertTranslator(CROP_PX)
        items = [cropped(frame, n_faces=3) for frame in fake_frames(6)]

        list(TranslateFaces(translator, batch_size=4)(items))

        assert translator.batch_sizes == [4, 4, 4, 4, 2]

    def test_each_crop_comes_back_to_its_frame(self) -> None:
        items = self.items(20)

        out = list(self.make_stage()(items))

        for item, result in zip(items, out, strict=True):
            assert [crop.source for crop in result.crops] == list(item.crops)

    def test_frames_without_faces_are_not_held_for_a_full_batch(self) -> None:
        translator = InvertTranslator(CROP_PX)
        items: Iterable[CroppedFrame] = (
            cropped(frame, n_faces=int(frame.index == 0)) for frame in fake_frames(50)
        )
        stage = TranslateFaces(translator, batch_size=8, max_held_frames=4)

        out = stage(items)
        next(out)

        assert translator.batch_sizes == [1]
        assert next(items).frame.index == 4  # type: ignore[call-overload]

    def test_a_face_without_a_translation_ends_it_and_its_frame_is_named(self) -> None:
        items = [cropped(frame, n_faces=(1, 0, 3)[frame.index]) for frame in fake_frames(3)]
        stage = TranslateFaces(_Breaks(CROP_PX), batch_size=4)

        with pytest.raises(BrokenCropError, match=r"^frame 2 \(at 0\.080 s\): NaN$"):
            list(stage(items))


class _Breaks(InvertTranslator):
    """Gives no numbers for the second of each batch's crops."""

    def translate(self, crops: Sequence[Crop]) -> list[TranslatedCrop]:
        raise BrokenCropError("NaN", 1)
