"""Which detections could be of which tracks, and which pairs are chosen."""

import numpy as np
import pytest

from facemask_video.core.geometry import Box
from facemask_video.track.appearance import bhattacharyya_distance, describe_appearance
from facemask_video.track.association import (
    add_appearance_cost,
    ambiguous_columns,
    assign,
    cost_matrix,
)
from tests.fakes import ArrayFrame

INF = np.inf


def pose(x: float, size_px: float = 100.0) -> np.ndarray:
    return np.array([x, 0.0, np.log(size_px), 0.0])


def test_cost_is_distance_in_face_sizes_and_grows_with_a_change_of_size() -> None:
    near, larger = cost_matrix([pose(0)], [pose(50), pose(50, 120)], [0.0])[0]
    assert near == pytest.approx(0.5)
    assert larger == pytest.approx(50 / np.sqrt(100 * 120) + np.log(1.2))


@pytest.mark.parametrize(
    ("unseen_s", "x", "reached"), [(0, 70, False), (0.1, 70, True), (9, 170, False)]
)
def test_reach_grows_with_the_time_unseen_up_to_a_limit(
    unseen_s: float, x: float, reached: bool
) -> None:
    assert bool(np.isfinite(cost_matrix([pose(0)], [pose(x)], [unseen_s])[0, 0])) == reached


def test_where_there_is_nothing_to_choose_all_that_is_possible_is_paired() -> None:
    one_each = np.full((3, 4), INF)
    one_each[0, 2], one_each[2, 0] = 0.3, 7.0
    assert sorted(assign(one_each)) == [(0, 2), (2, 0)]
    assert assign(np.full((2, 3), INF)) == []
    assert assign(np.zeros((0, 3))) == []


def test_the_least_total_is_chosen_and_never_an_impossible_pair() -> None:
    assert assign(np.array([[0.1, 0.2], [0.2, 0.9]])) == [(0, 1), (1, 0)]
    assert assign(np.array([[0.1, INF], [0.2, INF]])) == [(0, 0)]
    assert assign(np.empty((0, 3))) == []


def test_only_columns_with_a_choice_are_ambiguous() -> None:
    assert ambiguous_columns(np.array([[0.1, INF, INF], [INF, 0.2, 0.3]])) == [1, 2]
    assert ambiguous_columns(np.array([[0.1, INF], [0.4, 0.2]])) == [0, 1]
    assert ambiguous_columns(np.array([[0.1, INF], [INF, 0.2]])) == []


def test_appearance_adds_nothing_where_it_is_equal_and_most_where_colours_differ() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, :100], image[:, 100:] = (180, 90, 90), (60, 80, 160)
    frame = ArrayFrame(image)
    red, blue = (describe_appearance(frame, Box(x, 20, x + 20, 40)) for x in (40, 150))
    cost = np.zeros((2, 1))

    add_appearance_cost(cost, [red, None], {0: blue})

    assert bhattacharyya_distance(red, red) == pytest.approx(0, abs=1e-6)
    assert cost[0, 0] > 0.5
    assert cost[1, 0] == 0
