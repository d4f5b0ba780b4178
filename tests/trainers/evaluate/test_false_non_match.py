"""False non-match rates: thresholds that hold the false match rate, kept for masked faces."""

import math
import re

import numpy as np
import pytest
from numpy.typing import NDArray

from trainers.evaluate.curve_plot import lay_out
from trainers.evaluate.face_verification import FacePair
from trainers.evaluate.false_non_match import count_non_mated, measure_false_non_match
from trainers.evaluate.measurement import Context
from trainers.evaluate.report import Report
from trainers.evaluate.report_html import report_page

CONTEXT = Context("mask/verification", "drawn faces", "embeddings", 1)

Vectors = dict[str, NDArray[np.float32]]


def vectors(n_persons: int, noise: float, *, seed: int) -> Vectors:
    """Draw two pictures of each person: a direction of their own, and noise."""
    own = np.random.default_rng(0).normal(size=(n_persons, 16))
    rng = np.random.default_rng(seed)
    found = {}
    for person, direction in enumerate(own):
        for picture in (1, 2):
            vector = direction + noise * rng.normal(size=16)
            name = f"P{person}/P{person}_{picture:04d}"
            found[name] = (vector / np.linalg.norm(vector)).astype(np.float32)
    return found


def pairs_of(n_persons: int) -> list[FacePair]:
    return [
        FacePair(0, f"P{person}/P{person}_0001", f"P{person}/P{person}_0002", same=True)
        for person in range(n_persons)
    ]


@pytest.mark.parametrize("fmr", [0.1, 0.01, 0.001])
def test_rates_are_those_counted_one_by_one(fmr: float) -> None:
    bare, masked = vectors(40, 0.5, seed=1), vectors(40, 1.2, seed=2)
    pairs = pairs_of(40)
    measured, _ = measure_false_non_match(pairs, {"bare": bare, "masked": masked}, CONTEXT, fmr=fmr)
    found = {each.name: each for each in measured}

    names = sorted(bare)
    different = [
        (one, other)
        for one in names
        for other in names
        if one < other and one.partition("/")[0] != other.partition("/")[0]
    ]
    assert count_non_mated(pairs, set(bare)) == len(different)
    cosines = sorted((float(bare[one] @ bare[other]) for one, other in different), reverse=True)
    allowed = math.floor(fmr * len(cosines))
    # The lowest threshold that lets no more than the allowed ones match lies above the next.
    threshold = cosines[allowed] + 1e-6
    for state, faces in (("bare", bare), ("masked", masked)):
        missed = [float(faces[pair.first] @ faces[pair.second]) < threshold for pair in pairs]
        figure = found[f"false_non_match_rate_{state}_{state}"]
        assert figure.value == pytest.approx(np.mean(missed), abs=1 / 40)
        assert figure.n == 40
        assert figure.interval is not None
        assert figure.interval[0] <= figure.value <= figure.interval[1]
        assert figure.interval[1] > 0
    assert found["false_match_rate_bare_bare"].value == allowed / len(cosines)
    assert found["false_match_rate_bare_masked"].n == 2 * len(different)
    assert f"false match rate of {fmr:g}" in figure.context.features


def test_masks_that_hide_the_person_raise_the_rate_at_the_threshold_of_bare_faces() -> None:
    bare, masked = vectors(40, 0.3, seed=1), vectors(40, 3.0, seed=2)
    measured, curves = measure_false_non_match(
        pairs_of(40), {"bare": bare, "masked": masked}, CONTEXT, fmr=0.001
    )
    found = {each.name: each.value for each in measured}
    assert found["false_non_match_rate_bare_bare"] < 0.1
    assert found["false_non_match_rate_bare_masked"] > 0.5
    assert [line.name for line in curves.lines] == [
        *("bare against bare", "masked against masked", "bare against masked"),
    ]
    for line in curves.lines:
        assert all(one >= next_ for one, next_ in zip(line.y, line.y[1:], strict=False))
        assert line.x[0] <= 0.001 <= line.x[-1]


def test_the_plot_stands_in_the_page_within_its_axes() -> None:
    measured, curves = measure_false_non_match(
        pairs_of(20),
        {"bare": vectors(20, 0.5, seed=1), "masked": vectors(20, 1.5, seed=2)},
        CONTEXT,
        fmr=0.01,
    )
    plot = lay_out(curves)
    for line in plot.lines:
        points = re.findall(r"([\d.]+) ([\d.]+)", line.area + line.path)
        assert len(points) == 3 * len(curves.lines[0].x)
        for x, y in points:
            assert plot.left <= float(x) <= plot.right
            assert plot.top <= float(y) <= plot.bottom
    assert [tick.label for tick in plot.x_ticks] == ["0.01", "0.1"]
    page = report_page(Report(tuple(measured), curves=(curves,)))
    assert page.count('fill-opacity=".15"') == 3
    assert "false non-match rate" in page
    assert f'd="{plot.lines[0].path}"' in page
