"""What holds for every test: the shared data's place, and three checks after each."""

import logging
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

_ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _restored_rng() -> Iterator[None]:
    """Leave the random number generators as they were, whatever a test seeds."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - restores, draws nothing
    torch = sys.modules.get("torch")
    torch_state = None if torch is None else torch.get_rng_state()
    yield
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002
    if torch is not None:
        torch.set_rng_state(torch_state)


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # Older torchvision turns libav's own log on.
        if not record.name.startswith("libav"):
            self.messages.append(record.getMessage())


@pytest.fixture(autouse=True)
def _no_error_logged() -> Iterator[None]:
    """Fail a test that logs an ERROR: what goes wrong is raised."""
    errors = _Errors()
    logging.getLogger().addHandler(errors)
    yield
    logging.getLogger().removeHandler(errors)
    assert not errors.messages


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 2
    left = set(threading.enumerate()) - before
    while left and time.monotonic() < deadline:
        time.sleep(0.01)
        left = {thread for thread in left if thread.is_alive()}
    assert not left


@pytest.fixture(autouse=True)
def _package_log_restored() -> Iterator[None]:
    """Take back what the command line configures."""
    log = logging.getLogger("facemask_video")
    level, handlers = log.level, log.handlers[:]
    yield
    log.setLevel(level)
    log.handlers[:] = handlers


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real pictures and clips; skips where it is not there."""
    default = _ROOT.parent / "shared" / "data"
    folder = Path(os.environ.get("FACEMASK_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}; FACEMASK_SHARED_DATA names another place")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none, unless one is promised."""
    wanting = [item for item in items if item.get_closest_marker("needs_cuda")]
    if not wanting:
        return
    import torch

    if torch.cuda.is_available() or os.environ.get("FACEMASK_REQUIRE_CUDA") == "1":
        return
    for item in wanting:
        item.add_marker(pytest.mark.skip(reason="no CUDA device"))
