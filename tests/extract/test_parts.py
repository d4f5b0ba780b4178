import numpy as np
import pytest

from facemask_video.align.template import EYE_DISTANCE, TEMPLATE
from facemask_video.config.extract import PARTS
from facemask_video.extract.parts import landmark_picture, part_mask

_SIZE_PX = 200
_POINTS = TEMPLATE * _SIZE_PX


def _at(plane: np.ndarray, point: np.ndarray) -> int:
    return int(plane[int(point[1]), int(point[0])])


@pytest.mark.parametrize("part", PARTS)
def test_a_mask_is_binary_and_covers_some_of_the_face(part: str) -> None:
    plane = part_mask(part, _POINTS, _SIZE_PX)

    assert plane.shape == (_SIZE_PX, _SIZE_PX)
    assert set(np.unique(plane)) == {0, 255}
    assert 0.005 < (plane > 0).mean() < 0.4


def test_masks_lie_on_their_parts() -> None:
    eyes, nose, mouth, lower = (part_mask(part, _POINTS, _SIZE_PX) for part in PARTS)

    assert [_at(eyes, p) > 0 for p in _POINTS] == [True, True, False, False, False]
    assert [_at(nose, p) > 0 for p in _POINTS] == [False, False, True, False, False]
    assert [_at(mouth, p) > 0 for p in _POINTS] == [False, False, False, True, True]
    assert [_at(lower, p) > 0 for p in _POINTS] == [False, False, True, True, True]
    assert not ((eyes > 0) & (lower > 0)).any()


@pytest.mark.parametrize("part", PARTS)
def test_masks_are_symmetric_for_a_face_that_looks_ahead(part: str) -> None:
    plane = part_mask(part, _POINTS, _SIZE_PX)

    assert ((plane > 0) != (plane[:, ::-1] > 0)).mean() < 0.005


def test_masks_follow_the_landmarks() -> None:
    moved = _POINTS + np.array([0, 0.3 * EYE_DISTANCE * _SIZE_PX])

    there = np.argwhere(part_mask("mouth", moved, _SIZE_PX)).mean(axis=0)
    here = np.argwhere(part_mask("mouth", _POINTS, _SIZE_PX)).mean(axis=0)

    assert there - here == pytest.approx([0.3 * EYE_DISTANCE * _SIZE_PX, 0], abs=0.6)


def test_a_landmark_picture_is_lines_on_black() -> None:
    picture = landmark_picture(_POINTS, _SIZE_PX)

    drawn = picture.any(axis=2)
    assert picture.shape == (_SIZE_PX, _SIZE_PX, 3)
    assert 0.01 < drawn.mean() < 0.15
    assert len(np.unique(picture[picture.max(axis=2) == 255], axis=0)) >= 4


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(ValueError, match="expected eyes, nose, mouth or lower-face"):
        part_mask("ears", _POINTS, _SIZE_PX)
