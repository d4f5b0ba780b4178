"""Boxes and affine maps against hand arithmetic."""

import math

import numpy as np
import pytest

from facemask_video.core import geometry
from facemask_video.core.geometry import Box

QUARTER_TURN_AND_DOUBLE = np.array([[0.0, -2.0, 3.0], [2.0, 0.0, -1.0]])


def test_box_knows_its_sides_area_and_center() -> None:
    box = Box(1, 2, 4, 8)
    assert (box.width_px, box.height_px, box.area_px2, box.center) == (3, 6, 18, (2.5, 5))


@pytest.mark.parametrize("edges", [(2, 0, 1, 1), (0, 2, 1, 1), (0, 0, math.inf, 1)])
def test_box_refuses_edges_that_enclose_nothing(edges: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="x0 <= x1"):
        Box(*edges)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (Box(0, 0, 2, 2), Box(0, 0, 2, 2), 1.0),
        (Box(0, 0, 2, 2), Box(1, 1, 3, 3), 1 / 7),
        (Box(0, 0, 2, 2), Box(2, 0, 4, 2), 0.0),
        (Box(0, 0, 4, 4), Box(1, 1, 3, 3), 0.25),
        (Box(1, 1, 1, 1), Box(1, 1, 1, 1), 0.0),
    ],
)
def test_iou_matches_hand_arithmetic(a: Box, b: Box, expected: float) -> None:
    assert geometry.iou(a, b) == pytest.approx(expected)
    assert geometry.iou(b, a) == geometry.iou(a, b)


def test_clip_leaves_an_empty_box_where_nothing_is_inside() -> None:
    clipped = geometry.clip(Box(30, -5, 40, -2), 20, 10)
    assert clipped.area_px2 == 0
    assert clipped == Box(20, 0, 20, 0)


def test_round_out_keeps_whole_edges_and_grows_fractions() -> None:
    assert geometry.round_out(Box(-0.5, 1, 2, 2.001)) == Box(-1, 1, 2, 3)


def test_bounding_box_of_corners_is_the_box() -> None:
    box = Box(-1.5, 2, 7, 3.25)
    assert geometry.bounding_box(geometry.corners(box)) == box


def test_apply_turns_scales_and_shifts() -> None:
    # (1, 1) turned by 90 degrees is (-1, 1); doubled (-2, 2); shifted (1, 1).
    assert geometry.apply(QUARTER_TURN_AND_DOUBLE, np.array([[1.0, 1.0]])).tolist() == [[1.0, 1.0]]


def test_invert_undoes_a_map() -> None:
    points = np.array([[0.0, 0.0], [5.0, -2.0], [0.25, 9.0]])
    there = geometry.apply(QUARTER_TURN_AND_DOUBLE, points)
    back = geometry.apply(geometry.invert(QUARTER_TURN_AND_DOUBLE), there)
    np.testing.assert_allclose(back, points, atol=1e-12)


def test_invert_refuses_a_singular_map() -> None:
    with pytest.raises(ValueError, match="singular"):
        geometry.invert(np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0]]))


def test_compose_applies_the_first_map_first() -> None:
    shift = geometry.translation(10, 0)
    point = np.array([[1.0, 0.0]])
    shift_then_turn = geometry.apply(geometry.compose(shift, QUARTER_TURN_AND_DOUBLE), point)
    turn_then_shift = geometry.apply(geometry.compose(QUARTER_TURN_AND_DOUBLE, shift), point)
    assert shift_then_turn.tolist() == [[3.0, 21.0]]
    assert turn_then_shift.tolist() == [[13.0, 1.0]]


def test_scale_of_ignores_turn_and_shift() -> None:
    assert geometry.scale_of(QUARTER_TURN_AND_DOUBLE) == pytest.approx(2.0)
