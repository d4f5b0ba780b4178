"""People's way through the page, in a real browser with a real server and real networks."""

import base64
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from facemask_video import inspect_video
from tests.browser import chromium, press, wait_for

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "samples" / "astronaut.mp4"
N_FRAMES, RATE = 12, 25

# What is not this machine cannot be reached: names are not resolved, and there is no proxy there.
ALONE = (
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=127.0.0.1",
)
# A machine at work takes its time.
WAIT_S = 480
ESCAPE, TAB, ENTER, RIGHT = "\ue00c", "\ue004", "\ue007", "\ue014"


def short_clip(target: Path, frames: int = N_FRAMES) -> Path:
    """Write the first frames of the sample at half its size, as H.264."""
    with av.open(str(SAMPLE)) as source, av.open(str(target), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"g": "6"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for index, frame in enumerate(source.decode(video=0)):
            if index == frames:
                break
            small = frame.reformat(320, 180)
            small.pts, small.time_base = index, Fraction(1, RATE)
            output.mux(stream.encode(small))
        output.mux(stream.encode(None))
    return target


@dataclass
class Served:
    address: str
    folder: Path
    results: Path

    def kept(self) -> set[str]:
        """Return the files among the results that are not the queue's own."""
        files = (p for p in self.results.rglob("*") if p.is_file())
        return {p.name for p in files if ".facemask" not in p.parts}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if not SAMPLE.is_file():
        pytest.skip(f"{SAMPLE.name} is not there; scripts/make_samples.py makes it")
    folder = tmp_path_factory.mktemp("clips")
    results = tmp_path_factory.mktemp("page") / "results"
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        short_clip(folder / name)
    command = [sys.executable, "-m", "tests.ui.server", folder, "-o", results, "--no-open"]
    with subprocess.Popen(
        [*map(str, command), "--max-upload", "0.01"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        found = re.fullmatch(
            r"Page: (http://127\.0\.0\.1:\d+/[\w-]{32}/)\n", process.stdout.readline()
        )
        assert found is not None
        yield Served(found[1], folder, results)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 0


@pytest.fixture(scope="module")
def driver(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    downloads = tmp_path_factory.mktemp("downloads")
    with chromium(downloads, further=ALONE, window="1280,1000") as started:
        yield started


@pytest.fixture
def page(served: Served, driver: Any) -> Iterator[Any]:
    """Return the browser at the page as it is first seen; nothing may go wrong unseen there."""
    # What a tab remembers is cleared where no page is that would write it anew.
    driver.get(f"{served.address}page.css")
    driver.execute_script("sessionStorage.clear()")
    driver.get(served.address)
    wait_for(driver, "document.body.dataset.ready", WAIT_S)
    yield driver
    foreign = driver.execute_script(
        "return performance.getEntriesByType('resource').map((e) => e.name)"
        ".filter((name) => !name.startsWith(location.origin) && !name.startsWith('data:'))"
    )
    assert foreign == []
    # What was refused is told on the page; the browser's own line of it is no fault.
    severe = [e["message"] for e in driver.get_log("browser") if e["level"] == "SEVERE"]
    assert [line for line in severe if "Failed to load resource" not in line] == []


def wait(driver: Any, condition: str) -> None:
    wait_for(driver, condition, WAIT_S)


def drop(driver: Any, name: str, content: bytes) -> None:
    driver.execute_script(
        """
        const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0));
        const dropped = new DataTransfer();
        dropped.items.add(new File([bytes], arguments[1]));
        const about = { dataTransfer: dropped, bubbles: true, cancelable: true };
        document.querySelector("#drop").dispatchEvent(new DragEvent("drop", about));
        """,
        base64.b64encode(content).decode(),
        name,
    )


def open_path(driver: Any, path: object) -> None:
    field = driver.find_element("id", "path")
    field.clear()
    field.send_keys(str(path), ENTER)


def text(driver: Any, selector: str) -> str:
    found: str = driver.execute_script(
        "return document.querySelector(arguments[0]).textContent", selector
    )
    return found


def choose(driver: Any, option: str, value: str) -> None:
    pick(driver, f"option-{option}", value)


def pick(driver: Any, name: str, value: str) -> None:
    from selenium.webdriver.support.select import Select

    Select(driver.find_element("id", name)).select_by_value(value)


def button(driver: Any, label: str) -> Any:
    return driver.find_element("css selector", f"[aria-label='{label}']")


def item(name: str) -> str:
    """Return an expression for the row of the queue whose result has a name."""
    return (
        "[...document.querySelectorAll('#queue li')]"
        f".find((li) => li.querySelector('b').textContent === '{name}')"
    )


def standing(name: str) -> str:
    return f"({item(name)} || {{ dataset: {{}} }}).dataset.standing"


PREVIEWED = "document.querySelector('#preview .compare').dataset.line"
PLAYER = "document.querySelector('#player').dataset"
TIMES = "[...document.querySelectorAll('#player video')].map((v) => v.currentTime)"


def test_a_dropped_clip_is_previewed_converted_and_compared(page: Any, served: Served) -> None:
    drop(page, "dropped.mp4", (served.folder / "a.mp4").read_bytes())
    wait(page, PREVIEWED)
    assert "1 face (track 0), 1 translated" in text(page, "#status")
    assert "320 \N{MULTIPLICATION SIGN} 180" in text(page, "#source-facts")
    wait(page, "document.querySelector('#faces img')")
    assert "bare, 12 frames" in text(page, "#faces")

    choose(page, "quality", "fast")
    wait(page, "document.querySelector('#command code').textContent.includes('--quality fast')")
    assert text(page, "#command code").startswith("facemask-video ")
    page.find_element("id", "convert").click()
    wait(page, f"{standing('dropped_masked.mp4')} === 'done'")
    result = served.results / "dropped_masked.mp4"
    made = inspect_video(result).provenance
    assert made is not None
    assert made.direction == "mask"
    assert "12 faces changed" in text(page, "#queue")

    button(page, "Compare dropped_masked.mp4").click()
    wait(page, f"{PLAYER}.state === 'ready'")
    for wanted in (1, 2):
        page.find_element("id", "forth").click()
        wait(page, f"{PLAYER}.frame === '{wanted}'")
    shown = page.execute_script(f"return {TIMES}")
    assert [int(seconds * RATE) for seconds in shown] == [2, 2]
    press(page, ",")
    wait(page, f"{PLAYER}.frame === '1'")
    divider = page.find_element("css selector", "#player .divider")
    divider.send_keys(RIGHT)
    assert divider.get_attribute("aria-valuenow") == "52"
    press(page, "l")
    halves = page.execute_script(
        """
        const canvas = document.querySelector("#player canvas"), half = canvas.width / 2;
        const of = (x) => canvas.getContext("2d").getImageData(x, 0, half - 2, canvas.height).data
          .reduce((sum, value) => sum + value, 0);
        return [of(0), of(half + 2)];
        """
    )
    assert min(halves) > 0
    assert abs(halves[0] - halves[1]) > 1000, "the mask is seen on one side alone"
    press(page, " ")
    wait(page, f"Number({PLAYER}.frame) > 6")
    wait(page, "document.querySelector('#play').textContent === 'Play'")
    wait(page, f"{PLAYER}.frame === '11'")
    shown = page.execute_script(f"return {TIMES}")
    assert [int(seconds * RATE) for seconds in shown] == [11, 11]
    href = page.find_element("id", "download").get_attribute("href")
    saved = page.execute_async_script(
        "const done = arguments[1]; fetch(arguments[0]).then(async (r) => "
        "done([r.headers.get('content-disposition'), (await r.arrayBuffer()).byteLength]))",
        href,
    )
    assert saved[0].startswith("attachment")
    assert saved[1] == result.stat().st_size
    press(page, ESCAPE)
    wait(page, "!document.querySelector('#player').open")

    button(page, "Report dropped_masked.mp4").click()
    wait(page, "document.querySelector('#report').open")
    assert "Faces changed12" in text(page, "#report tbody")
    page.find_element("id", "report-close").click()


def test_a_cancel_in_the_midst_leaves_no_file(page: Any, served: Served) -> None:
    before = served.kept()
    drop(page, "long.mp4", SAMPLE.read_bytes())
    wait(page, "!document.querySelector('#work').hidden")
    choose(page, "quality", "fast")
    page.find_element("id", "convert").click()
    wait(
        page,
        f"/\\d+ of \\d+ frames/.test(({item('long_masked.mp4')} || document.body).textContent)",
    )
    button(page, "Cancel long_masked.mp4").click()
    wait(page, f"{standing('long_masked.mp4')} === 'cancelled'")
    assert "nothing was left" in text(page, "#queue")
    assert served.kept() == before
    assert [
        p for p in served.results.iterdir() if p.name.startswith(".") and "long" in p.name
    ] == []


def test_a_reload_in_the_midst_loses_nothing(page: Any) -> None:
    open_path(page, "b.mp4")
    wait(page, "!document.querySelector('#work').hidden")
    choose(page, "quality", "fast")
    page.find_element("id", "option-crf").send_keys("30")
    page.find_element("id", "convert").click()
    wait(page, standing("b_masked.mp4"))
    page.refresh()
    wait(page, "document.querySelector('#source-name').textContent === 'b.mp4'")
    assert page.find_element("id", "option-crf").get_attribute("value") == "30"
    wait(page, f"{standing('b_masked.mp4')} === 'done'")
    wait(page, PREVIEWED)


def test_two_tabs_have_files_of_their_own_and_one_queue(page: Any, served: Served) -> None:
    first = page.current_window_handle
    open_path(page, "a.mp4")
    wait(page, "!document.querySelector('#work').hidden")
    page.switch_to.new_window("tab")
    try:
        page.get(served.address)
        wait(page, "document.body.dataset.ready")
        open_path(page, "c.mp4")
        wait(page, "!document.querySelector('#work').hidden")
        page.find_element("css selector", "input[value=unmask] + span").click()
        wait(page, "!document.querySelector('#unmask-note').hidden")
        assert "must not be used to identify" in text(page, "#unmask-note")
        assert page.find_elements("id", "option-style") == []
        choose(page, "quality", "fast")
        page.find_element("id", "convert").click()
        wait(page, standing("c_unmasked.mp4"))
    finally:
        page.close()
        page.switch_to.window(first)
    wait(page, f"{standing('c_unmasked.mp4')} === 'done'")
    assert text(page, "#source-name") == "a.mp4"
    assert page.find_element("css selector", "input[value=mask]").is_selected()


def test_what_is_broken_is_one_line_and_the_queue_goes_on(page: Any, served: Served) -> None:
    for name, content in (("text.mp4", b"not a video\n" * 20), ("empty.mp4", b"")):
        drop(page, name, content)
        wait(page, "!document.querySelector('#start-error').hidden")
        assert name in text(page, "#start-error")
        page.execute_script("document.querySelector('#start-error').hidden = true")
    drop(page, "large.mp4", bytes(11_000_000))
    wait(page, "document.querySelector('#start-error').textContent.includes('--max-upload')")
    open_path(page, "/etc/passwd")
    wait(page, "document.querySelector('#start-error').textContent.includes('outside the folders')")

    gone = short_clip(served.folder / "gone.mp4", 3)
    open_path(page, gone)
    wait(page, "!document.querySelector('#work').hidden")
    choose(page, "quality", "fast")
    page.find_element("id", "option-crf").send_keys("99")
    wait(page, "document.querySelector('#options-error').textContent.includes('crf')")
    assert not page.find_element("id", "convert").is_enabled()
    page.find_element("id", "option-crf").clear()
    page.find_element("id", "option-crf").send_keys("40")
    wait(page, "!document.querySelector('#convert').disabled")
    gone.unlink()
    page.find_element("id", "convert").click()
    wait(page, "document.querySelector('#options-error').textContent.includes('is not there')")
    page.find_element("id", "other").click()
    open_path(page, "a.mp4")
    wait(page, "document.querySelector('#source-name').textContent === 'a.mp4'")
    wait(page, "!document.querySelector('#convert').disabled")
    page.find_element("id", "convert").click()
    wait(page, f"{standing('a_masked.mp4')} === 'done'")


def test_a_stream_is_started_seen_and_stopped_and_outlives_a_reload(
    page: Any, served: Served
) -> None:
    page.find_element("css selector", ".pages a[href=live]").click()
    wait(page, "document.querySelector('#source-label') && document.body.dataset.ready")
    pick(page, "kind", "address")
    page.find_element("id", "source").send_keys("tcp://127.0.0.1:9")
    page.find_element("id", "begin").click()
    wait(page, "document.querySelector('#why').textContent.includes('refuses the connection')")

    short_clip(served.folder / "stream.mp4", 120)
    pick(page, "kind", "file")
    page.find_element("id", "source").send_keys("stream.mp4")
    page.find_element("id", "out-file").send_keys("seen.mkv")
    choose(page, "quality", "fast")
    command = "document.querySelector('#command code').textContent"
    wait(page, f"{command}.includes('seen.mkv --realtime --direction mask --quality fast')")
    page.find_element("id", "begin").click()
    wait(page, "document.querySelector('#seen').naturalWidth === 320")
    assert not page.find_element("id", "source").is_enabled()

    page.refresh()
    wait(page, "document.body.dataset.ready")
    assert page.find_element("id", "source").get_attribute("value") == "stream.mp4"
    assert "to seen.mkv" in text(page, "#source-facts")
    over = "['ended', 'failed'].includes(document.body.dataset.standing)"
    # On a quick machine it is being stopped, on a slow one it may be over.
    page.execute_script("document.querySelector('#stop').click()")
    wait(page, over)
    assert text(page, "#why") == ""
    wait(page, "document.querySelector('#written').textContent.includes('seen.mkv')")
    assert "Frames written" in text(page, "#figures")
    made = inspect_video(served.results / "seen.mkv").provenance
    assert made is not None
    assert made.is_synthetic
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 720, "deviceScaleFactor": 2, "mobile": True},
    )
    try:
        assert not page.execute_script(f"return {wide}")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_it_works_by_keys_alone_on_a_phone(page: Any) -> None:
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 720, "deviceScaleFactor": 2, "mobile": True},
    )
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    try:
        assert not page.execute_script(f"return {wide}")
        wait(page, "document.activeElement.id === 'choose'")
        press(page, TAB, "c.mp4", ENTER)
        wait(page, "!document.querySelector('#work').hidden")
        assert not page.execute_script(f"return {wide}")
        reach(page, "document.activeElement.name === 'direction'")
        press(page, RIGHT)
        wait(page, "!document.querySelector('#unmask-note').hidden")
        reach(page, "document.activeElement.id === 'option-quality'")
        press(page, "f")
        reach(page, "document.activeElement.matches('#folded > summary')")
        press(page, ENTER)
        assert not page.execute_script(f"return {wide}")
        reach(page, "document.activeElement.id === 'convert'")
        # The same was converted before, which is said rather than done again.
        press(page, ENTER)
        wait(page, "document.querySelector('#options-error').textContent.includes('already')")
        reach(
            page, "(document.activeElement.getAttribute('aria-label') || '').startsWith('Compare')"
        )
        press(page, ENTER)
        wait(page, f"{PLAYER}.state === 'ready'")
        assert not page.execute_script(f"return {wide}")
        press(page, ".")
        wait(page, f"{PLAYER}.frame === '1'")
        press(page, ESCAPE)
        wait(page, "!document.querySelector('#player').open")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def reach(driver: Any, condition: str) -> None:
    """Press Tab until what is wanted has the focus."""
    for _ in range(120):
        if driver.execute_script(f"return {condition}"):
            return
        press(driver, TAB)
    raise AssertionError(f"not reached by Tab: {condition}")
