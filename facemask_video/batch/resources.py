"""How many files one machine works on at once."""

import os


def processors() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def auto_jobs(files: int) -> int:
    """Return how many files to work on at once without a GPU.

    Args:
        files: How many there are.
    """
    return max(1, min(processors(), files))
