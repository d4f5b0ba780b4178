from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from facemask_video.align.template import EYE_DISTANCE, TEMPLATE
from facemask_video.composite.face_parts import KeepToParts, part_window
from facemask_video.config import CompositeConfig, FacePart
from facemask_video.core.errors import ConfigError
from facemask_video.core.faces import Crop, TranslatedFrame
from facemask_video.core.frame import AlphaF32
from facemask_video.core.stage import Stage
from tests.composite.crops import SIZE_PX, crop, similarity
from tests.fakes import ArrayFrame
from tests.stages import StageContract, translated

PARTS: list[FacePart] = [part for part in get_args(FacePart) if part != "all"]


def aligned(turn_deg: float = 0.0) -> Crop:
    """A crop whose landmarks lie as in the template, about a face that is turned in the frame."""
    shown = crop(frame_to_crop=similarity(0.5, turn_deg, 20, 30))
    inverse = np.linalg.inv(np.vstack([shown.frame_to_crop, [0, 0, 1]]))[:2]
    points = TEMPLATE * SIZE_PX @ inverse[:, :2].T + inverse[:, 2]
    return replace(shown, face=replace(shown.face, landmarks=points.astype(np.float32)))


def at(window: AlphaF32, across: float, down: float) -> float:
    """Read a window at a place in eye distances from between the eyes."""
    x = 0.5 + across * EYE_DISTANCE
    y = 0.36 + down * EYE_DISTANCE
    return float(window[int(y * SIZE_PX), int(x * SIZE_PX)])


INSIDE: dict[FacePart, tuple[float, float]] = {
    "eyes": (0.5, 0.0),
    "eyebrows": (-0.5, -0.34),
    "nose": (0.0, 0.5),
    "mouth": (0.2, 1.15),
    "lower-face": (0.6, 1.4),
    "upper-face": (0.0, -0.6),
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_holds_what_it_is_called_and_no_other_part(part: FacePart) -> None:
    window = part_window(aligned(), [part])

    assert at(window, *INSIDE[part]) == 1
    assert (window == 0).any()
    covering = {"upper-face": ("eyes", "eyebrows"), "lower-face": ("mouth", "nose")}
    for other in PARTS:
        belongs = {part, *covering.get(part, ())}
        if other not in belongs and part not in covering.get(other, ()):
            assert at(window, *INSIDE[other]) == 0


def test_parts_are_joined_and_all_is_everything() -> None:
    mouth, eyes, both = (
        part_window(aligned(), parts) for parts in (["mouth"], ["eyes"], ["mouth", "eyes"])
    )

    np.testing.assert_array_equal(both, np.maximum(mouth, eyes))
    assert (part_window(aligned(), ["mouth", "all"]) == 1).all()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_lies_alike_in_the_crop_however_the_face_is_turned_in_the_frame(
    part: FacePart,
) -> None:
    upright, turned = (part_window(aligned(turn), [part]) for turn in (0.0, 130.0))

    assert np.abs(upright - turned).max() < 1e-4


def test_a_part_follows_the_landmarks() -> None:
    shown = aligned()
    moved = np.array(shown.face.landmarks)
    moved[3:] += [0, 40]  # 20 px of the crop

    before, after = (
        part_window(replace(shown, face=replace(shown.face, landmarks=points)), ["mouth"])
        for points in (shown.face.landmarks, moved)
    )

    def middle(window: AlphaF32) -> float:
        return float(window.sum(1) @ np.arange(SIZE_PX) / window.sum())

    assert middle(after) - middle(before) == pytest.approx(20, abs=1)


def test_an_unknown_part_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"composite.region: got 'chin'.*lower-face"):
        CompositeConfig(region="mouth,chin")
    assert CompositeConfig(region="mouth, nose").parts() == ("mouth", "nose")


class TestKeepToParts(StageContract):
    held_frames = 0

    def make_stage(self) -> Stage[Any, Any]:
        return KeepToParts(["mouth"])

    def make_item(self, frame: ArrayFrame) -> TranslatedFrame:
        return translated(frame)

    def test_outside_the_parts_nothing_shows(self) -> None:
        (item,) = self.items(1)

        (out,) = KeepToParts(["mouth"])([item])

        source, limited = item.crops[0], out.crops[0]
        window = part_window(source.source, ["mouth"])
        assert (limited.alpha[window == 0] == 0).all()
        assert (limited.alpha <= source.alpha).all()
        np.testing.assert_array_equal(limited.image, source.image)
