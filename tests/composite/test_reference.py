from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from facemask_video.composite.reference import RecallFaces
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.faces import TranslatedCrop, TranslatedFrame, Verdict
from facemask_video.core.frame import ImageU8
from facemask_video.core.stage import Stage
from tests.composite.crops import SIZE_PX, lower_half, picture, similarity, translated
from tests.stages import StageContract
from tests.stages import translated as translated_frame

BARE = Verdict("bare", 0.95, translate=False)
MASKED = Verdict("masked", 0.95, translate=True)
MOUTH = (slice(74, 90), slice(56, 72))
"""In the middle of the lower face."""

PAINTED = np.full((SIZE_PX, SIZE_PX, 3), 90, np.uint8)


class TestRecallFaces(StageContract):
    held_frames = 0

    def make_stage(self) -> Stage[Any, Any]:
        return RecallFaces()

    def make_item(self, frame: ArrayFrame) -> TranslatedFrame:
        return translated_frame(frame)


def frame(index: int, crop: TranslatedCrop, verdict: Verdict, *, observed: bool = True) -> Any:
    face = replace(crop.source.face, verdict=verdict, observed=observed)
    crop = TranslatedCrop(replace(crop.source, face=face), crop.image, crop.alpha)
    return TranslatedFrame(ArrayFrame(np.zeros((4, 4, 3), np.uint8), index), (crop,))


def bare_frames(n_frames: int, *, verdict: Verdict = BARE, **options: Any) -> Iterator[Any]:
    """Yield frames in which the person of `picture` is bare."""
    nothing = np.zeros((SIZE_PX, SIZE_PX))
    for index in range(n_frames):
        yield frame(index, translated(picture(), nothing, source=picture(), **options), verdict)


def masked_frame(index: int, *, face: ImageU8 | None = None, track_id: int = 0) -> Any:
    """Return a frame with that face, its lower half covered and painted grey."""
    source = (picture() if face is None else face).copy()
    source[62:] = 230
    return frame(index, translated(PAINTED, lower_half(), source=source, track_id=track_id), MASKED)


def painted(*frames: Any) -> ImageU8:
    """Return the picture painted in the last of some frames."""
    return list(RecallFaces()(frames))[-1].crops[0].image


def test_a_person_seen_bare_before_gets_that_face_back() -> None:
    image = painted(*bare_frames(40), masked_frame(40))

    assert np.abs(image[MOUTH].astype(int) - picture()[MOUTH]).max() <= 1
    np.testing.assert_array_equal(image[:20], PAINTED[:20])


def test_it_comes_in_the_light_of_the_masked_face() -> None:
    image = painted(*bare_frames(40), masked_frame(40, face=picture() - 30))

    assert np.abs(image[MOUTH].astype(int) - (picture()[MOUTH] - 30)).max() <= 1


def test_hair_beside_the_jaw_stays_where_it_was() -> None:
    """In the reference the head is turned a little, and a cheek's edge is dark."""
    dark = picture()
    dark[66:100, 88:] = 0
    nothing = np.zeros((SIZE_PX, SIZE_PX))
    bare = [frame(i, translated(dark, nothing, source=dark), BARE) for i in range(40)]

    image = painted(*bare, masked_frame(40))

    assert np.abs(image[72:94, 94:].astype(int) - PAINTED[72:94, 94:]).max() <= 10
    assert np.abs(image[MOUTH].astype(int) - picture()[MOUTH]).max() <= 1


def test_the_alpha_and_the_inputs_stay() -> None:
    last = masked_frame(40)
    before = last.crops[0].image.copy()

    out = list(RecallFaces()([*bare_frames(40), last]))[-1]

    np.testing.assert_array_equal(out.crops[0].alpha, last.crops[0].alpha)
    np.testing.assert_array_equal(last.crops[0].image, before)


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([masked_frame(40)], "never seen bare"),
        ([*bare_frames(20), masked_frame(20)], "a mask may be on its way up already"),
        ([*bare_frames(40, track_id=1), masked_frame(40)], "somebody else"),
        ([*bare_frames(40), masked_frame(40, face=picture(seed=5))], "the head is turned"),
        ([*bare_frames(40, verdict=Verdict("bare", 0.7, False)), masked_frame(40)], "not sure"),
        (
            [*bare_frames(40, frame_to_crop=similarity(3, 0, 0, 0)), masked_frame(40)],
            "seen far smaller",
        ),
        ([*bare_frames(40, verdict=Verdict("masked", 0.9, False)), masked_frame(40)], "masked"),
    ],
)
def test_otherwise_what_was_painted_stays(frames: list[Any], why: str) -> None:
    np.testing.assert_array_equal(painted(*frames), PAINTED, err_msg=why)
