"""How many processor threads the networks of a run take."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_WORKERS = 2
# Threads that run networks: one finds faces while another paints.


@contextmanager
def shared_cores() -> Iterator[None]:
    """Divide the processor's cores among the threads that run networks, which are begun inside.

    PyTorch gives each of them as many threads as there are cores. Where frames come one by one a
    layer takes a fraction of a millisecond, and most of the time goes into threads that wait for
    one another.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // _WORKERS))
    try:
        yield
    finally:
        torch.set_num_threads(before)
