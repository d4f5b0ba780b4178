"""The page of an evaluation: what matters first, everything reachable, words explained."""

import ast
import html
import re
from pathlib import Path

import numpy as np
import pytest

import trainers.evaluate
from tests.browser import chromium, press, wait_for
from trainers.evaluate.compare import compare
from trainers.evaluate.glossary import METRICS
from trainers.evaluate.measurement import Context, Measurement, mean_measurement
from trainers.evaluate.report import Grid, Report
from trainers.evaluate.report_html import comparison_page, report_page
from trainers.evaluate.report_markdown import to_markdown
from trainers.evaluate.summary import summarise


def measured(
    group: str, name: str, value: float, *, better: str = "higher", method: str = "ours"
) -> Measurement:
    context = Context(group, "drawn faces", "features", 1)
    samples = {"a": value - 0.1, "b": value + 0.1}
    return mean_measurement(name, samples, context, better=better, method=method)


@pytest.fixture(scope="module")
def report() -> Report:
    rng = np.random.default_rng(0)
    faces = [rng.integers(0, 255, (64, 64, 3)).astype(np.uint8) for _ in range(4)]
    return Report(
        (
            measured("unmask/held-out", "classed_bare", 0.9),
            measured("unmask/held-out", "classed_bare", 0.1, method="copy"),
            measured("unmask/held-out", "light_correlation_l", 0.4, better=""),
            measured("unmask/held-out, by yaw", "classed_bare", 0.8, method="under 15° (7)"),
            measured("unmask/held-out, by light", "classed_bare", 0.7, method="dark (3)"),
            measured("unmask/drawn", "psnr_inside_db", 24.5),
            Measurement(
                "false_non_match_rate_bare_masked",
                0.125,
                "lower",
                40,
                Context("mask/verification", "faces", "vectors", 1),
                interval=(0.0546, 0.2611),
            ),
        ),
        files={"unmask": "0" * 64},
        notes=("identity: no --embedder given",),
        grids=(Grid("unmask/held-out: 2 faces", ("in", "out"), ((*faces[:2],), (*faces[2:],))),),
    )


def test_the_summary_gives_the_headlines_of_our_generator_in_plain_words(report: Report) -> None:
    rows = [(row.part, f"{row.what} {row.arrow}", row.figure) for row in summarise(report)]
    assert rows == [
        (
            "Masks taken off: faces that training did not see",
            "outputs judged bare ↑",
            "90.0 ± 7.2 %",
        ),
        (
            "Masks taken off: masks drawn on bare faces",
            "likeness to the truth, where the mask was ↑",
            "24.50 ± 0.072 dB",
        ),
        (
            "Masks put on: recognition",
            "persons not recognised, bare against masked ↓",
            "12.5 % (5.5 to 26.1 %)",
        ),
    ]
    page, text = report_page(report), to_markdown(report)
    assert page.index("Summary") < page.index("Contents") < page.index('<h2 id="section-1">')
    assert text.startswith("### Summary")
    assert "12.5 % (5.5 to 26.1 %)" in page
    assert "12.5 % (5.5 to 26.1 %)" in text


def test_of_several_videos_the_summary_gives_them_together() -> None:
    flicker = [
        measured(group, "flicker_ratio", 1.0, better="lower")
        for group in ("clips/all", "clip/one", "clip/two")
    ]
    assert [row.part for row in summarise(Report(tuple(flicker)))] == ["All videos together"]
    assert [row.part for row in summarise(Report(tuple(flicker[1:])))] == [
        *("Video: one", "Video: two"),
    ]


def test_every_link_leads_somewhere_and_every_section_is_linked(report: Report) -> None:
    page = report_page(report)
    links, places = re.findall(r'href="#([^"]+)"', page), re.findall(r' id="([^"]+)"', page)
    assert set(links) <= set(places)
    sections = [place for place in places if place.startswith("section-")]
    assert len(sections) == len({each.context.group for each in report.measurements})
    assert set(sections) | {"glossary", "left-out", "networks"} <= set(links)
    assert re.search(r'not see</a>: <a href="#section-2">by yaw</a>, <a href', page)


def test_short_names_stand_beside_plain_ones_and_in_the_glossary(report: Report) -> None:
    page, text = html.unescape(report_page(report)), to_markdown(report)
    for name in {each.name for each in report.measurements}:
        entry = METRICS[name]
        assert f'<a href="#metric-{name}">{entry.plain}</a>' in page
        assert f'id="metric-{name}">{entry.plain} <code>{name}</code></dt>' in page
        assert entry.meaning in page
        assert re.search(rf"\| {name}[^|]*\|.*\| {entry.plain} \|", text)
    assert "The input itself, unchanged." in page
    # What the report does not hold is not explained.
    assert "kd_onet" not in page
    compared = comparison_page(compare(report, report), ("one.json", "two.json"))
    assert 'id="metric-classed_bare"' in compared


def test_the_glossary_knows_every_name_that_is_measured() -> None:
    """Names are written out in the code, some with a part that varies."""
    patterns = {re.sub(r"\\\{\w+\\\}", r"\\w+", re.escape(n)) for n in _names_in_code()}
    assert len(patterns) > 12
    for pattern in patterns:
        assert any(re.fullmatch(pattern, name) for name in METRICS), pattern
    for name in METRICS:
        assert name.isidentifier()


def _names_in_code() -> set[str]:
    """Return the names that are given to `Measurement` and `mean_measurement` as text."""
    names = set()
    for path in Path(trainers.evaluate.__file__).parent.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            if call.func.id not in ("Measurement", "mean_measurement"):
                continue
            keywords = {keyword.arg: keyword.value for keyword in call.keywords}
            given = call.args[0] if call.args else keywords.get("name")
            if isinstance(given, ast.Constant) and given.value != "ssim":  # of a doctest
                names.add(str(given.value))
            elif isinstance(given, ast.JoinedStr):
                names.add(ast.unparse(given)[2:-1])
    return names


def test_pictures_open_large_and_close_again(report: Report, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(report_page(report), encoding="utf-8")
    with chromium(tmp_path, window="480,700") as driver:
        driver.get((tmp_path / "report.html").as_uri())
        assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        driver.execute_script("document.querySelector('.open').click()")
        wait_for(driver, "document.querySelector('#large').open")
        assert driver.execute_script("return shown.clientWidth === innerWidth && shown.src !== ''")
        driver.execute_script("shown.click()")
        assert driver.execute_script("return shown.clientWidth") >= 2 * 256
        press(driver, "\ue00c")
        wait_for(driver, "!document.querySelector('#large').open")
        assert not driver.get_log("browser")
