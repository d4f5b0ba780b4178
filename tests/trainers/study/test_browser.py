"""People's way through the page, in a real browser: by clicks, by keys, by touch."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.browser import chromium, press, wait_for
from trainers.study.config import StudyConfig
from trainers.study.page import study_page
from trainers.study.score import read_answers, scores

N_PRACTICE, N_TRIALS = 2, 20


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(0)
    for kind in ("real", "fake/ours/mask", "fake/ours/unmask"):
        (folder / kind).mkdir(parents=True)
        for number in range(24 if kind == "real" else 12):
            face = cv2.resize(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), (48, 48))
            cv2.imwrite(str(folder / kind / f"{number:02d}.png"), face)
    config = StudyConfig(
        trials=N_TRIALS, practice=N_PRACTICE, seconds=0.05, size_px=48, match=False
    )
    path = folder / "study.html"
    path.write_text(study_page(folder / "real", folder / "fake", config), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("downloads")) as started:
        yield started


def click(driver: Any, element: str) -> None:
    driver.find_element("id", element).click()


def saved(driver: Any) -> Path:
    """Save the results and return the file."""
    before = set(driver.downloads.glob("*.json"))
    click(driver, "save")
    deadline = time.monotonic() + 20
    while not (new := set(driver.downloads.glob("*.json")) - before):
        assert time.monotonic() < deadline, "no file was saved"
        time.sleep(0.05)
    return new.pop()


def side(driver: Any, *, right: bool) -> str:
    real = driver.execute_script("return current.realSide")
    return real if right else {"left": "right", "right": "left"}[real]


def test_a_run_by_clicks_gives_the_score_of_its_answers(driver: Any, page: Path) -> None:
    driver.get(page.as_uri())
    click(driver, "start")
    for number in range(N_PRACTICE):
        wait_for(driver, 'state === "asking"')
        assert f"Practice {number + 1} of {N_PRACTICE}" in driver.page_source
        click(driver, side(driver, right=number == 0))
        expected = "Right." if number == 0 else "No: the other one is the photograph."
        assert driver.find_element("id", "message").text == expected
        click(driver, "next")
    click(driver, "start")
    for number in range(N_TRIALS):
        wait_for(driver, f'state === "asking" && result.trials.length === {number}')
        assert f"Pair {number + 1} of {N_TRIALS}" in driver.page_source
        click(driver, side(driver, right=number >= 5))
    wait_for(driver, 'state === "done"')
    assert "15 of" in driver.find_element("id", "card").text

    path = saved(driver)
    result = json.loads(path.read_text())
    assert [trial["trial"] for trial in result["trials"]] == list(range(1, N_TRIALS + 1))
    assert len(result["practice"]) == N_PRACTICE
    shown = [t[kind] for t in result["practice"] + result["trials"] for kind in ("real", "fake")]
    assert len(set(shown)) == len(shown)
    total = scores(read_answers([path]))[-1]
    assert (total.fooled, total.trials) == (5, N_TRIALS)
    assert {row.direction for row in scores(read_answers([path]))[:-1]} == {"mask", "unmask"}
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_a_run_by_keys_gives_the_score_of_its_answers(driver: Any, page: Path) -> None:
    enter = "\ue007"
    arrows = {"left": "\ue012", "right": "\ue014"}
    driver.get(page.as_uri())
    press(driver, enter)
    for number in range(N_PRACTICE + N_TRIALS):
        if number == N_PRACTICE:
            wait_for(driver, 'state === "between"')
            press(driver, " ")
        wait_for(driver, 'state === "asking"')
        if number == N_PRACTICE:
            # A key held down answers once; one of nobody's answers nothing.
            press(driver, "x")
            assert driver.execute_script('return state === "asking"')
        press(driver, arrows[side(driver, right=number % 2 == 0)])
        if number < N_PRACTICE:
            press(driver, enter)
    wait_for(driver, 'state === "done"')
    total = scores(read_answers([saved(driver)]))[-1]
    assert (total.fooled, total.trials) == (N_TRIALS // 2, N_TRIALS)


def test_pictures_are_seen_for_their_time_and_may_be_answered_after(
    driver: Any, page: Path
) -> None:
    driver.get(page.as_uri())
    assert not driver.find_element("id", "pair").is_displayed()
    press(driver, " ")
    wait_for(driver, 'state === "asking" && pair.classList.contains("hide")')
    picture = driver.find_element("css selector", "#left img")
    assert picture.value_of_css_property("visibility") == "hidden"
    press(driver, "f")
    assert driver.execute_script("return result.practice[0].answer_side") == "left"
    assert driver.execute_script("return result.practice[0].answer_s") >= 0.05


def test_a_touch_answers_and_the_page_fits_a_phone(driver: Any, page: Path) -> None:
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 640, "deviceScaleFactor": 2, "mobile": True},
    )
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        driver.get(page.as_uri())
        press(driver, " ")
        wait_for(driver, 'state === "asking"')
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not driver.execute_script(f"return {wide}")
        box = driver.find_element("id", "right").rect
        point = [{"x": box["x"] + box["width"] / 2, "y": box["y"] + 20}]
        for kind, points in (("touchStart", point), ("touchEnd", [])):
            driver.execute_cdp_cmd(
                "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
            )
        wait_for(driver, 'state === "feedback"')
        assert driver.execute_script("return result.practice[0].answer_side") == "right"
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
