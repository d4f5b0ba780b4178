"""Every stage keeps the law of stages."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest

from facemask_video.align.crop import cut_crop
from facemask_video.align.stage import AlignFaces
from facemask_video.classify.stage import GateFaces
from facemask_video.composite.stage import BlendFaces, MatchColours, SteadyFaces
from facemask_video.core.direction import Direction
from facemask_video.core.faces import (
    CroppedFrame,
    DetectedFrame,
    TrackedFrame,
    TrackId,
    TranslatedCrop,
    TranslatedFrame,
)
from facemask_video.core.stage import Stage
from facemask_video.detect.stage import DetectFaces
from facemask_video.pipeline.prefetch import prefetch
from facemask_video.track import Tracker, TrackFaces
from facemask_video.translate.stage import TranslateFaces
from tests.fakes import (
    ArrayFrame,
    InvertTranslator,
    ScriptedDetector,
    ScriptedGate,
    detection_at,
    fake_frames,
    tracked_at,
)

_CROP_PX = 32


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


class TestAlignFaces(StageContract):
    held_frames = 0

    def make_stage(self) -> Stage[Any, Any]:
        return AlignFaces(crop_size_px=_CROP_PX)

    def make_item(self, frame: ArrayFrame) -> TrackedFrame:
        return TrackedFrame(frame, (tracked_at(80, 60, 50),))

    def test_a_face_whose_landmarks_coincide_is_passed_over(self) -> None:
        good = tracked_at(80, 60, 50)
        flat = type(good)(TrackId(1), good.box, np.full((5, 2), 7, np.float32), 0.9, observed=True)
        (frame,) = fake_frames(1)

        (out,) = AlignFaces(crop_size_px=_CROP_PX)([TrackedFrame(frame, (flat, good))])

        assert [crop.face.track_id for crop in out.crops] == [TrackId(0)]


def _cropped(frame: ArrayFrame, n_faces: int = 1) -> CroppedFrame:
    faces = [tracked_at(60 + 20 * index, 60, 40, track_id=index) for index in range(n_faces)]
    return CroppedFrame(frame, tuple(cut_crop(frame, face, _CROP_PX) for face in faces))


class TestTranslateFaces(StageContract):
    held_frames = 8

    def make_stage(self) -> Stage[Any, Any]:
        return TranslateFaces(InvertTranslator(_CROP_PX), batch_size=4)

    def make_item(self, frame: ArrayFrame) -> CroppedFrame:
        # Frames without a face among them, and one with more faces than a batch holds.
        return _cropped(frame, n_faces=(0, 1, 6, 0, 2)[frame.index % 5])

    def test_batches_are_filled_over_frames(self) -> None:
        translator = InvertTranslator(_CROP_PX)
        items = [_cropped(frame, n_faces=3) for frame in fake_frames(6)]

        list(TranslateFaces(translator, batch_size=4)(items))

        assert translator.batch_sizes == [4, 4, 4, 4, 2]

    def test_each_crop_comes_back_to_its_frame(self) -> None:
        items = self.items(20)

        out = list(self.make_stage()(items))

        for item, result in zip(items, out, strict=True):
            assert [crop.source for crop in result.crops] == list(item.crops)

    def test_frames_without_faces_are_not_held_for_a_full_batch(self) -> None:
        translator = InvertTranslator(_CROP_PX)
        items: Iterable[CroppedFrame] = (
            _cropped(frame, n_faces=int(frame.index == 0)) for frame in fake_frames(50)
        )
        stage = TranslateFaces(translator, batch_size=8, max_held_frames=4)

        out = stage(items)
        next(out)

        assert translator.batch_sizes == [1]
        assert next(items).frame.index == 4  # type: ignore[call-overload]


class TestGateFaces(StageContract):
    held_frames = 4

    def make_stage(self) -> Stage[Any, Any]:
        return GateFaces(ScriptedGate([0.9]), direction=Direction.UNMASK, look_ahead=4)

    def make_item(self, frame: ArrayFrame) -> CroppedFrame:
        return _cropped(frame, n_faces=(0, 1, 3)[frame.index % 3])

    @pytest.mark.parametrize(
        ("direction", "score", "translate"),
        [
            (Direction.UNMASK, 0.9, True),
            (Direction.UNMASK, 0.1, False),
            (Direction.MASK, 0.9, False),
            (Direction.MASK, 0.1, True),
            # A toss-up: a face left out shows, a translation that is not needed changes nothing.
            (Direction.UNMASK, 0.45, True),
            (Direction.MASK, 0.55, True),
            (Direction.MASK, 0.65, False),
        ],
    )
    def test_only_the_faces_that_the_direction_is_for_are_translated(
        self, direction: Direction, score: float, translate: bool
    ) -> None:
        items = [_cropped(frame) for frame in fake_frames(3)]

        out = list(GateFaces(ScriptedGate([score]), direction=direction)(items))

        verdicts = [crop.face.verdict for item in out for crop in item.crops]
        assert [verdict.translate for verdict in verdicts if verdict] == [translate] * 3

    def test_one_odd_frame_and_a_passing_change_change_nothing(self) -> None:
        # The first frame looks bare, the vote says masked; then it looks bare for 21 frames.
        scores = [0.2, 0.9, 0.9, 0.9, 0.9] + [0.0] * 7 + [0.9]
        items = [_cropped(frame) for frame in fake_frames(60)]

        gate = GateFaces(ScriptedGate(scores), direction=Direction.UNMASK, look_ahead=4)
        faces = [crop.face for item in gate(items) for crop in item.crops]

        assert {face.verdict.domain for face in faces if face.verdict} == {"masked"}
        assert {face.track_id for face in faces} == {TrackId(0)}

    def test_who_puts_a_mask_on_and_keeps_it_goes_on_under_another_number(self) -> None:
        scores = [0.1] * 10 + [0.95] * 10
        items = [_cropped(frame) for frame in fake_frames(80)]
        gate = ScriptedGate(scores)

        out = list(GateFaces(gate, direction=Direction.UNMASK, look_ahead=4)(items))

        said = _said(out)
        # Five frames vote, then each third is scored: the eighth masked one is frame 43, and the
        # four frames before it are still held.
        assert said == [(0, 0, "bare", False)] * 39 + [(0, 1, "masked", True)] * 41
        assert gate.asked == 5 + 75 // 3

    @pytest.mark.parametrize(
        ("vote", "then", "verdicts"),
        [
            # Settled as what it is not for: no longer worked on, under another number.
            (0.45, 0.01, [(0, 0, "bare", True), (0, 1, "bare", False)]),
            # Settled as what it is for: all goes on as before.
            (0.45, 0.99, [(0, 0, "bare", True), (0, 0, "masked", True)]),
        ],
    )
    def test_a_toss_up_is_settled_by_what_comes(
        self, vote: float, then: float, verdicts: list[tuple[int, int, str, bool]]
    ) -> None:
        items = [_cropped(frame) for frame in fake_frames(80)]
        gate = ScriptedGate([vote] * 5 + [then])

        out = list(GateFaces(gate, direction=Direction.UNMASK, look_ahead=4)(items))

        said = _said(out)
        n_before = said.index(verdicts[1])
        assert said == verdicts[:1] * n_before + verdicts[1:] * (80 - n_before)
        assert 20 <= n_before <= 30

    def test_a_refused_face_reaches_no_generator_and_changes_no_pixel(self) -> None:
        translator = InvertTranslator(_CROP_PX)
        items = [_cropped(frame) for frame in fake_frames(2)]
        gated = GateFaces(ScriptedGate([0.1]), direction=Direction.UNMASK)(items)

        out = list(BlendFaces(coverage=0.9)(TranslateFaces(translator, batch_size=4)(gated)))

        assert translator.batch_sizes == []
        assert all(result.frame is result.source for result in out)
        assert [len(result.unchanged) for result in out] == [1, 1]


class TestSteadyFaces(StageContract):
    held_frames = 0

    def make_stage(self) -> Stage[Any, Any]:
        return SteadyFaces(temporal=0.5)

    def make_item(self, frame: ArrayFrame) -> TranslatedFrame:
        return _translated(frame)

    def test_zero_leaves_the_crops_alone(self) -> None:
        items = self.items(3)

        out = list(SteadyFaces(temporal=0.0)(items))

        assert [result.crops for result in out] == [item.crops for item in items]


def _said(out: list[CroppedFrame]) -> list[tuple[int, int, str | None, bool | None]]:
    """Return person, part, domain and translation of each classified face."""
    return [
        (
            crop.face.track_id.person,
            crop.face.track_id.part,
            crop.face.verdict.domain,
            crop.face.verdict.translate,
        )
        for item in out
        for crop in item.crops
        if crop.face.verdict is not None
    ]


def _translated(frame: ArrayFrame, alpha: float = 1.0) -> TranslatedFrame:
    crops = InvertTranslator(_CROP_PX, alpha).translate(_cropped(frame).crops)
    return TranslatedFrame(frame, tuple(crops))


class TestMatchColours(StageContract):
    held_frames = 0

    def make_stage(self) -> Stage[Any, Any]:
        return MatchColours(mode="histogram")

    def make_item(self, frame: ArrayFrame) -> TranslatedFrame:
        return _translated(frame)

    def test_none_leaves_the_crops_alone(self) -> None:
        (item,) = self.items(1)

        (out,) = MatchColours(mode="none")([item])

        np.testing.assert_array_equal(out.crops[0].image, item.crops[0].image)


class TestBlendFaces(StageContract):
    held_frames = 0

    def make_stage(self) -> Stage[Any, Any]:
        return BlendFaces(coverage=0.9)

    def make_item(self, frame: ArrayFrame) -> TranslatedFrame:
        return _translated(frame)

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

        (out,) = self.make_stage()([_translated(frame, alpha=0.0)])

        assert out.frame is frame
        assert out.pasted == ()
        assert [face.track_id for face in out.unchanged] == [TrackId(0)]

    def test_a_face_outside_the_frame_changes_nothing(self) -> None:
        (frame,) = fake_frames(1)
        crop = cut_crop(frame, tracked_at(-500, 60, 40), _CROP_PX)
        alpha = np.ones((_CROP_PX, _CROP_PX), np.float32)

        (out,) = self.make_stage()(
            [TranslatedFrame(frame, (TranslatedCrop(crop, 255 - crop.image, alpha),))]
        )

        assert out.frame is frame


class TestPrefetch(StageContract):
    # Two in the queue, and one in the worker's hand.
    held_frames = 3

    def make_stage(self) -> Stage[Any, Any]:
        return lambda items, /: prefetch(iter(items), depth=2, name="test")

    def make_item(self, frame: ArrayFrame) -> ArrayFrame:
        return frame
