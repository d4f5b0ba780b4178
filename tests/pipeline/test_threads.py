"""What a thread of a run may take of the processor."""

import threading
from collections.abc import Iterator

import pytest
import torch

from facemask_video.pipeline.threads import shared_cores


@pytest.fixture(autouse=True)
def _same_threads_after() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("cores", "share"), [(4, 2), (2, 1), (1, 1)])
def test_threads_begun_inside_share_the_cores(cores: int, share: int) -> None:
    torch.set_num_threads(cores)
    seen: list[int] = []

    with shared_cores():
        worker = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        worker.start()
        worker.join()

    assert seen == [share]
    assert torch.get_num_threads() == cores
