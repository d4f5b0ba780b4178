"""A headless Chromium that tests drive."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium(
    downloads: Path, *, further: Sequence[str] = (), window: str = "900,700"
) -> Iterator[Any]:
    """Start a browser, which knows its folder of ``downloads``; skips where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    chromedriver = shutil.which("chromedriver")
    if browser is None or chromedriver is None:
        pytest.skip("no Chromium with its driver is installed")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    usual = ("--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={window}")
    for argument in (*usual, *further):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    service = webdriver.ChromeService(executable_path=chromedriver)
    started = webdriver.Chrome(options=options, service=service)
    started.downloads = downloads
    try:
        yield started
    finally:
        started.quit()


def wait_for(driver: Any, condition: str, seconds: float = 20) -> None:
    """Wait until an expression of the page is true."""
    deadline = time.monotonic() + seconds
    while not driver.execute_script(f"return {condition}"):
        assert time.monotonic() < deadline, condition
        time.sleep(0.02)


def press(driver: Any, *keys: str) -> None:
    """Press keys, one after another, where the focus is."""
    from selenium.webdriver import ActionChains

    ActionChains(driver, duration=0).send_keys(*keys).perform()
