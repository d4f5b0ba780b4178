import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from facemask_video.align.template import TEMPLATE
from trainers.data.masks import draw_mask
from trainers.data.styles import PATTERNS, SHAPES, SURGICAL, random_style

SIZE_PX = 64
SKIN = np.full((SIZE_PX, SIZE_PX, 3), (0.8, 0.62, 0.52), np.float32)
POINTS = (TEMPLATE * SIZE_PX).astype(np.float32)


def _random(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return draw_mask(SKIN, POINTS, random_style(np.random.default_rng(seed)))


def test_cover_is_whole_on_the_mask_and_nothing_above_the_eyes() -> None:
    _, alpha = draw_mask(SKIN, POINTS, SURGICAL)
    mouth = POINTS[3:].mean(axis=0).round().astype(int)
    eye_row = int(POINTS[:2, 1].min())

    assert alpha.dtype == np.float32
    assert alpha[mouth[1], mouth[0]] == 1
    assert not alpha[:eye_row].any()
    assert 0.1 < alpha.mean() < 0.5


def test_only_cover_and_its_shadow_change_the_picture() -> None:
    picture, alpha = draw_mask(SKIN, POINTS, replace(SURGICAL, shadow=0.0))
    outside = alpha == 0

    assert np.array_equal(picture[outside], SKIN[outside])

    shaded, _ = draw_mask(SKIN, POINTS, SURGICAL)
    assert (shaded[outside] <= SKIN[outside]).all()
    assert (shaded[outside] < SKIN[outside]).any()


def test_the_same_style_draws_the_same_mask() -> None:
    first, second, other = _random(7), _random(7), _random(8)

    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("seed", range(25))
def test_every_style_gives_a_picture_in_range(seed: int) -> None:
    picture, alpha = _random(seed)

    for plane in (picture, alpha):
        assert np.isfinite(plane).all()
        assert plane.min() >= 0
        assert plane.max() <= 1
    assert alpha.max() > 0.9


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_shape_and_pattern_is_drawn(shape: str, pattern: str) -> None:
    style = replace(SURGICAL, shape=shape, pattern=pattern, second_color=(0.9, 0.1, 0.1), seed=3)

    picture, alpha = draw_mask(SKIN, POINTS, style)

    assert np.isfinite(picture).all()
    assert alpha.mean() > 0.1


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((5, 2)),
        np.full((5, 2), 1e4),
        np.full((5, 2), -500.0),
        POINTS[[1, 0, 2, 4, 3]],
        POINTS * 0.01,
        POINTS * 40,
        POINTS + np.array([[0, 0], [0, 0], [60, 0], [0, 0], [0, 0]]),
        POINTS[[0, 1, 2, 0, 1]],
        POINTS[:, ::-1],
    ],
    ids=["one point", "far off", "before", "mirrored", "tiny", "huge", "yaw", "flat", "turned"],
)
def test_extreme_landmarks_give_no_nan(points: NDArray[np.floating]) -> None:
    for style in (SURGICAL, random_style(np.random.default_rng(0))):
        picture, alpha = draw_mask(SKIN, points.astype(np.float32), style)

        assert np.isfinite(picture).all()
        assert np.isfinite(alpha).all()


def test_a_turned_head_shows_more_of_the_mask_on_its_near_cheek() -> None:
    middle = SIZE_PX // 2
    near_share = {}
    for offset in (-0.08, 0.0, 0.08):
        points = POINTS.copy()
        points[2, 0] += offset * SIZE_PX
        _, alpha = draw_mask(SKIN, points, replace(SURGICAL, straps="none"))
        near_share[offset] = float(alpha[:, middle:].sum() / alpha.sum())

    assert near_share[-0.08] > 0.55
    assert math.isclose(near_share[0.0], 0.5, abs_tol=0.02)
    assert near_share[0.08] < 0.45


def test_a_mask_turns_with_the_head() -> None:
    angle = math.radians(30)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    middle = SIZE_PX / 2
    _, upright = draw_mask(SKIN, POINTS, replace(SURGICAL, straps="none"))
    _, turned = draw_mask(
        SKIN,
        ((POINTS - middle) @ turn.T + middle).astype(np.float32),
        replace(SURGICAL, straps="none"),
    )

    def center(alpha: NDArray[np.float32]) -> NDArray[np.float64]:
        rows, columns = np.indices(alpha.shape) + 0.5
        moments = np.array([(alpha * columns).sum(), (alpha * rows).sum()])
        return np.asarray(moments / alpha.sum())

    expected = turn @ (center(upright) - middle) + middle
    assert np.allclose(center(turned), expected, atol=1.5)


def test_masks_worn_wrong_leave_the_nose_free() -> None:
    nose = POINTS[2].round().astype(int)
    rng = np.random.default_rng(0)

    def nose_covered(wearing_wrong: float) -> float:
        alphas = [
            draw_mask(SKIN, POINTS, random_style(rng, wearing_wrong=wearing_wrong))[1]
            for _ in range(12)
        ]
        return float(np.mean([alpha[nose[1] + 2, nose[0]] for alpha in alphas]))

    assert nose_covered(0.0) > 0.9
    assert nose_covered(1.0) < 0.3


def test_masks_worn_high_reach_the_eyes() -> None:
    rng = np.random.default_rng(0)

    def lid_covered(wearing_high: float) -> float:
        x, y = int(POINTS[0, 0]), int(POINTS[0, 1] + 0.2 * (POINTS[1, 0] - POINTS[0, 0]))
        alphas = [
            draw_mask(SKIN, POINTS, random_style(rng, wearing_high=wearing_high))[1]
            for _ in range(24)
        ]
        return float(np.mean([alpha[y, x] > 0.5 for alpha in alphas]))

    assert lid_covered(0.0) == 0.0
    assert 0.2 < lid_covered(1.0) < 0.9


def test_a_loose_mask_stands_off_the_far_cheek_of_a_turned_head() -> None:
    close, loose = (replace(SURGICAL, straps="none", loose=loose) for loose in (0.0, 0.4))
    turned = POINTS.copy()
    turned[2, 0] += 0.08 * SIZE_PX  # towards the image's right, where the far cheek is
    _, on_cheek = draw_mask(SKIN, turned, close)
    _, off_cheek = draw_mask(SKIN, turned, loose)

    def edge(alpha: NDArray[np.float32], end: int) -> int:
        return int(np.flatnonzero(alpha.max(axis=0) > 0.5)[end])

    eye_distance = POINTS[1, 0] - POINTS[0, 0]
    assert 0.2 < (edge(off_cheek, -1) - edge(on_cheek, -1)) / eye_distance < 0.5
    assert edge(off_cheek, 0) == edge(on_cheek, 0)  # the near cheek's stays where it was
    assert (off_cheek >= on_cheek - 0.01)[:, : SIZE_PX // 2].all()
    assert off_cheek[: int(POINTS[:2, 1].mean() - 0.5 * eye_distance)].max() == 0
    assert np.array_equal(draw_mask(SKIN, POINTS, loose)[1], draw_mask(SKIN, POINTS, close)[1])
    # The cloth is stretched with its region: the far edge of a picture of cloth is still its edge.
    cloth = np.zeros((8, 8, 3), np.float32)
    cloth[:, 6:, 0] = 0.9
    drawn, _ = draw_mask(SKIN, turned, loose, texture=cloth)
    row = drawn[int(turned[3, 1])]
    middle, end = int(turned[2, 0]) + 2, edge(off_cheek, -1) - 1
    reds = np.flatnonzero(row[middle:end, 0] > row[middle:end, 2] + 0.15)
    assert 0 < reds[0] < 0.9 * (end - middle)
    assert (end - middle) - reds[0] > 1.15 * (edge(on_cheek, -1) - 1 - middle) * 0.25


def test_half_of_the_loose_masks_stand_up_beside_the_nose() -> None:
    turned = POINTS.copy()
    turned[2, 0] += 0.08 * SIZE_PX
    eyes, eye_distance = POINTS[:2].mean(axis=0), POINTS[1, 0] - POINTS[0, 0]
    close = replace(SURGICAL, straps="none")
    _, on_cheek = draw_mask(SKIN, turned, close)
    highest, areas = [], []
    for seed in range(12):
        drawn, alpha = draw_mask(SKIN, turned, replace(close, loose=0.4, seed=seed))
        added = (alpha > 0.5) & (on_cheek < 0.5)
        assert added[:, int(turned[2, 0]) :].sum() > 0.9 * added.sum() > 0  # on the far side alone
        assert np.isfinite(drawn).all()
        highest.append((np.flatnonzero(added.any(axis=1))[0] - eyes[1]) / eye_distance)
        areas.append(int(added.sum()))
    # A gaping half rises to the far eye, or a little over it; a stretched edge seldom does.
    assert -0.5 < min(highest) < 0.1
    assert max(highest) - min(highest) > 0.2
    # Seen from its edge it is a strip.
    assert min(areas) < 0.4 * max(areas)


def test_the_share_of_loose_masks_changes_no_other() -> None:
    usual = random_style(np.random.default_rng(3))
    loose = random_style(np.random.default_rng(3), wearing_loose=1.0)

    assert usual.loose == 0 < loose.loose
    assert replace(loose, loose=0.0) == usual


def test_real_cloth_is_laid_over_the_mask() -> None:
    cloth = np.zeros((8, 8, 3), np.float32)
    cloth[:, :4] = (1.0, 0.0, 0.0)
    cloth[:, 4:] = (0.0, 0.0, 1.0)

    picture, alpha = draw_mask(SKIN, POINTS, SURGICAL, texture=cloth)

    row = int(POINTS[3:, 1].mean())
    left, right = picture[row, SIZE_PX // 2 - 10], picture[row, SIZE_PX // 2 + 10]
    assert alpha[row, SIZE_PX // 2] == 1
    assert left[0] > left[2]
    assert right[2] > right[0]
