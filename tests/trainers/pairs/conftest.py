from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _threads_restored() -> Iterator[None]:
    """Pairs are made in one thread; leave the number as it was."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
