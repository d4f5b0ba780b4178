from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from facemask_video.align.crop import align_face
from facemask_video.classify.stage import ClassifyFaces
from facemask_video.composite.stage import BlendFaces
from facemask_video.core.direction import Direction
from facemask_video.core.faces import (
    CroppedFrame,
    TrackId,
)
from facemask_video.core.frame import ImageU8
from facemask_video.core.stage import Stage
from facemask_video.translate.stage import TranslateFaces
from tests.fakes import (
    ArrayFrame,
    InvertTranslator,
    ScriptedClassifier,
    fake_frames,
    tracked_at,
)
from tests.stages import CROP_PX, StageContract, cropped


class TestClassifyFaces(StageContract):
    held_frames = 4

    def make_stage(self) -> Stage[Any, Any]:
        return ClassifyFaces(ScriptedClassifier([0.9]), direction=Direction.UNMASK, look_ahead=4)

    def make_item(self, frame: ArrayFrame) -> CroppedFrame:
        return cropped(frame, n_faces=(0, 1, 3)[frame.index % 3])

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
        items = [cropped(frame) for frame in fake_frames(3)]

        out = list(ClassifyFaces(ScriptedClassifier([score]), direction=direction)(items))

        verdicts = [crop.face.verdict for item in out for crop in item.crops]
        assert [verdict.translate for verdict in verdicts if verdict] == [translate] * 3

    def test_one_odd_frame_and_a_passing_change_change_nothing(self) -> None:
        # The first frame looks bare, the vote says masked; then it looks bare for 21 frames.
        scores = [0.2, 0.9, 0.9, 0.9, 0.9] + [0.0] * 7 + [0.9]
        items = [cropped(frame) for frame in fake_frames(60)]

        classify = ClassifyFaces(
            ScriptedClassifier(scores), direction=Direction.UNMASK, look_ahead=4
        )
        faces = [crop.face for item in classify(items) for crop in item.crops]

        assert {face.verdict.domain for face in faces if face.verdict} == {"masked"}
        assert {face.track_id for face in faces} == {TrackId(0)}

    def test_who_puts_a_mask_on_and_keeps_it_goes_on_under_another_number(self) -> None:
        scores = [0.1] * 10 + [0.95] * 10
        items = [cropped(frame) for frame in fake_frames(80)]
        classifier = ScriptedClassifier(scores)

        out = list(ClassifyFaces(classifier, direction=Direction.UNMASK, look_ahead=4)(items))

        said = _said(out)
        # Five frames vote, then each third is scored: the eighth masked one is frame 43, and the
        # four frames before it are still held.
        assert said == [(0, 0, "bare", False)] * 39 + [(0, 1, "masked", True)] * 41
        assert classifier.asked == 5 + 75 // 3

    @pytest.mark.parametrize(
        ("vote", "then", "verdicts"),
        [
            # Decided as what it is not for: no longer worked on, under another number.
            (0.45, 0.01, [(0, 0, "bare", True), (0, 1, "bare", False)]),
            # Decided as what it is for: all goes on as before.
            (0.45, 0.99, [(0, 0, "bare", True), (0, 0, "masked", True)]),
        ],
    )
    def test_a_toss_up_is_decided_by_what_comes(
        self, vote: float, then: float, verdicts: list[tuple[int, int, str, bool]]
    ) -> None:
        items = [cropped(frame) for frame in fake_frames(80)]
        classifier = ScriptedClassifier([vote] * 5 + [then])

        out = list(ClassifyFaces(classifier, direction=Direction.UNMASK, look_ahead=4)(items))

        said = _said(out)
        n_before = said.index(verdicts[1])
        assert said == verdicts[:1] * n_before + verdicts[1:] * (80 - n_before)
        assert 20 <= n_before <= 30

    def test_a_refused_face_reaches_no_generator_and_changes_no_pixel(self) -> None:
        translator = InvertTranslator(CROP_PX)
        items = [cropped(frame) for frame in fake_frames(2)]
        classified = ClassifyFaces(ScriptedClassifier([0.1]), direction=Direction.UNMASK)(items)

        out = list(
            BlendFaces(coverage=0.9, grain=False)(
                TranslateFaces(translator, batch_size=4)(classified)
            )
        )

        assert translator.batch_sizes == []
        assert all(result.frame is result.source for result in out)
        assert [len(result.unchanged) for result in out] == [1, 1]


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


class Recorder:
    """Keeps what it is shown."""

    crop_size_px = 48

    def __init__(self) -> None:
        self.shown: list[ImageU8] = []

    def masked_scores(self, images: Sequence[ImageU8]) -> list[float]:
        self.shown += images
        return [0.9] * len(images)


@pytest.mark.parametrize("generator_size_px", [32, 48, 96])
def test_the_classifier_sees_the_same_crops_whatever_a_generator_works_on(
    generator_size_px: int,
) -> None:
    classifier = Recorder()
    frames = list(fake_frames(3))
    face = tracked_at(80, 60, 40)
    crops = [CroppedFrame(f, (align_face(f, face, generator_size_px),)) for f in frames]

    out = list(ClassifyFaces(classifier, direction=None)(crops))

    assert [item.crops[0].size_px for item in out] == [generator_size_px] * 3
    for frame, shown in zip(frames, classifier.shown, strict=True):
        np.testing.assert_array_equal(shown, align_face(frame, face, 48).image)
