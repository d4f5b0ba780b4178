import dataclasses

import numpy as np
import pytest

from facemask_video.align.template import TEMPLATE
from facemask_video.core.errors import ConfigError
from trainers.data.masks import draw_mask
from trainers.data.styles import STYLES, SURGICAL, WRONG, MaskStyle, named_style, pull_down

SIZE_PX = 96
SKIN = np.full((SIZE_PX, SIZE_PX, 3), (0.8, 0.62, 0.52), np.float32)
POINTS = (TEMPLATE * SIZE_PX).astype(np.float32)
NOSE, MOUTH = POINTS[2], POINTS[3:].mean(axis=0)
CHIN = POINTS[:2].mean(axis=0) + np.array([0.0, 1.75 * 0.27 * SIZE_PX])


def _covered(style: MaskStyle, place: np.ndarray) -> float:
    x, y = place.round().astype(int)
    return float(draw_mask(SKIN, POINTS, style)[1][y, x])


@pytest.mark.parametrize("name", STYLES)
def test_named_masks_cover_nose_mouth_and_chin_and_differ_from_each_other(name: str) -> None:
    rng = np.random.default_rng(0)
    styles = [named_style(name, rng) for _ in range(6)]

    assert len({str(style) for style in styles}) == 6
    for style in styles if name != "any" else []:
        assert _covered(style, NOSE) == _covered(style, MOUTH) == _covered(style, CHIN) == 1


@pytest.mark.parametrize("name", ["surgical", "cloth", "ffp2"])
def test_masks_worn_wrong_leave_free_what_their_name_says(name: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(5):
        style = named_style(name, rng)
        under_nose, under_mouth = (pull_down(style, how, rng) for how in WRONG)

        assert _covered(under_nose, NOSE) == _covered(under_mouth, NOSE) == 0
        assert _covered(under_nose, MOUTH) == 1
        assert _covered(under_mouth, MOUTH) == 0
        assert _covered(under_mouth, CHIN) == 1
    with pytest.raises(ValueError, match="expected one of under-nose, under-mouth"):
        pull_down(SURGICAL, "upside-down", rng)


def test_a_style_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected one of surgical, white"):
        named_style("velvet", np.random.default_rng(0))


def test_a_leaning_mask_follows_the_mouth_and_loops_reach_behind_the_cheek() -> None:
    aslant = POINTS.copy()
    aslant[3:, 0] += 0.08 * SIZE_PX
    loops = dataclasses.replace(SURGICAL, straps="loops")
    upright = draw_mask(SKIN, aslant, loops)[1]
    leaning = draw_mask(SKIN, aslant, dataclasses.replace(loops, lean=1.0))[1]
    row = round(float(MOUTH[1]))

    def middle(alpha: np.ndarray) -> float:
        return float(np.flatnonzero(alpha[row] > 0.9).mean())

    assert middle(leaning) - middle(upright) == pytest.approx(0.08 * SIZE_PX, abs=1.0)
    bare = draw_mask(SKIN, POINTS, dataclasses.replace(loops, straps="none"))[1]
    strap = draw_mask(SKIN, POINTS, loops)[1] - bare
    columns = np.flatnonzero(strap.max(axis=0) > 0.05)
    # 1.14 eye distances to either side of the middle.
    assert columns.min() / SIZE_PX == pytest.approx(0.5 - 1.14 * 0.27, abs=0.03)
    # It vanishes towards the ear rather than ending at once.
    assert strap[:, columns.min()].max() < 0.5 < strap.max()
