"""What one machine has: processors and memory, and what a process takes of the latter."""

import os
from collections.abc import Sequence
from pathlib import Path

# Libraries, networks and the frames of a clip of 1280x720; shared libraries are counted anew for
# each worker, which errs on the safe side.
_WORKER_BYTES = 900 * 2**20
_SHARE = 0.85
"""Of the memory that is free when a batch begins, what its workers may take."""


def processors() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def auto_jobs(files: int, memory_bytes: int | None) -> int:
    """Return how many files to work on at once without a GPU: one a processor, if memory allows.

    Args:
        files: How many there are.
        memory_bytes: For all workers together; None where it is unknown.

    >>> auto_jobs(1, None), auto_jobs(100, 1)
    (1, 1)
    """
    jobs = min(processors(), files)
    if memory_bytes is not None:
        jobs = min(jobs, memory_bytes // _WORKER_BYTES)
    return max(1, jobs)


def memory_for_workers() -> int | None:
    """Return how many bytes workers may take in all; None where the system does not say.

    What a control group allows, in a container, counts as well.
    """
    free = [each for each in (_free_bytes(), _free_in_group_bytes()) if each is not None]
    return round(min(free) * _SHARE) if free else None


def _free_bytes() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return None
    kib = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return None if kib is None else int(kib) * 1024


def _free_in_group_bytes() -> int | None:
    group = Path("/sys/fs/cgroup")
    try:
        most = (group / "memory.max").read_text("ascii").strip()
        taken = (group / "memory.current").read_text("ascii").strip()
    except OSError:
        return None
    return max(0, int(most) - int(taken)) if most.isdigit() else None


def taken_bytes(pids: Sequence[int], most: int) -> dict[int, int]:
    """Return the memory that processes take, shared pages by their share.

    That takes the system milliseconds a process, so it is asked only where the sum with all pages
    counted in full, which is cheap, is more than ``most``.

    Args:
        pids: Their numbers.
        most: Bytes up to which nobody wants to know.

    Returns:
        Bytes by process; of all 0 where they are known to take less in all.
    """
    if sum(map(_resident_bytes, pids)) <= most:
        return dict.fromkeys(pids, 0)
    return {pid: _proportional_bytes(pid) for pid in pids}


def _resident_bytes(pid: int) -> int:
    try:
        pages = Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _proportional_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
