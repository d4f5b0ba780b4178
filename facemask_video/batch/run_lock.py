"""Tell whether the process that began something still lives, on this machine or another.

A run holds a lock on a file of its own for as long as it, or a process that it started, lives: the
system lets go of the lock however the processes end. That is surer than a process number, which
means nothing in another container and is given out anew.
"""

import contextlib
import fcntl
import os
import uuid
from pathlib import Path

_PREFIX, _SUFFIX = "run-", ".lock"


class RunLock:
    """The lock of one run; closed by `close` and by the end of all processes that hold it.

    Attributes:
        run: Names the run.
        fd: The open file, which processes that work for the run are handed.
    """

    def __init__(self, folder: Path) -> None:
        """Make and take the lock.

        Args:
            folder: Where the files of all runs lie.

        Raises:
            OSError: The file cannot be made.
        """
        self.run = uuid.uuid4().hex[:12]
        self._path = _path(folder, self.run)
        while True:
            self.fd = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o666)
            # Where a file system knows no locks, leases that run out are what is left.
            with contextlib.suppress(OSError):
                fcntl.flock(self.fd, fcntl.LOCK_EX)
            if self._is_in_place():
                return
            os.close(self.fd)

    def _is_in_place(self) -> bool:
        """Return whether nobody took the file for one of a run that is over, and removed it."""
        try:
            return self._path.stat().st_ino == os.fstat(self.fd).st_ino
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Let go, and remove the file."""
        self._path.unlink(missing_ok=True)
        os.close(self.fd)


def has_ended(folder: Path, run: str) -> bool:
    """Return whether a run is known to be over: its lock can be had, or was removed.

    A file that is held, or cannot be asked about, says that it may still live.
    """
    try:
        fd = os.open(_path(folder, run), os.O_RDWR)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def remove_ended(folder: Path) -> None:
    """Remove the files of runs that are over."""
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        if has_ended(folder, path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)):
            path.unlink(missing_ok=True)


def _path(folder: Path, run: str) -> Path:
    return folder / f"{_PREFIX}{run}{_SUFFIX}"
