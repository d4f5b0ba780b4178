"""Let no worker outlive the process that started it."""

import os
import threading
from multiprocessing.connection import wait
from multiprocessing.process import parent_process


def end_with_parent() -> None:
    """End this process when its parent has ended, however that came; returns at once."""
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None, "a worker is started by another process"
    wait([parent.sentinel])
    # Whoever waits in C code cannot be asked to unwind; a batch's next call removes what is left.
    os._exit(1)
