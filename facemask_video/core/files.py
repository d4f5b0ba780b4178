"""Files that are there whole or not at all, and their hashes."""

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    _LOCKS = False
else:
    _LOCKS = True


def part_path(path: Path, pid: int | None = None) -> Path:
    """Return the hidden name beside a file under which a process writes it; None: this one."""
    return path.with_name(f".{_stem(path)}.{os.getpid() if pid is None else pid}.part")


def _stem(path: Path) -> str:
    # Cut, as the name with its affixes must not exceed the file system's 255 bytes.
    return os.fsencode(path.name)[:200].decode(errors="ignore")


class Part:
    """The hidden file, or folder, in which a process writes what it puts in place at the end.

    It is locked for as long as the process lives, however that ends: so the next one that writes
    the same file tells what a killed one left, which it removes, from what another one is writing.

    Attributes:
        path: Where to write.
    """

    def __init__(self, target: Path, *, folder: bool = False) -> None:
        """Remove what is left of earlier ones, and make an empty one.

        Args:
            target: What is to be written.
            folder: Whether that is a folder.

        Raises:
            OSError: It cannot be made.
        """
        remove_leftovers(target)
        self.path = part_path(target)
        self._fd: int | None = None
        while True:
            _remove(self.path)
            if folder:
                self.path.mkdir(parents=True)
            else:
                self.path.touch(exist_ok=False)
            if not _LOCKS:
                return
            self._fd = os.open(self.path, os.O_RDONLY)
            # Where a file system knows no locks nobody takes it for a leftover either.
            with contextlib.suppress(OSError):
                fcntl.flock(self._fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if _is_in_place(self._fd, self.path):
                return
            os.close(self._fd)

    def close(self) -> None:
        """Remove what was not put in place; a second call does nothing."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)
        _remove(self.path)


def remove_leftovers(target: Path) -> None:
    """Remove the parts of a file whose processes have ended without doing so."""
    if not _LOCKS:
        return
    named = re.compile(re.escape(f".{_stem(target)}.") + r"\d+\.part")
    try:
        beside = [path for path in target.parent.iterdir() if named.fullmatch(path.name)]
    except OSError:
        # What cannot be listed may still be written into.
        return
    for part in beside:
        with contextlib.suppress(OSError):
            fd = os.open(part, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(part)
            finally:
                os.close(fd)


def _is_in_place(fd: int, path: Path) -> bool:
    """Return whether nobody removed the file for a leftover before it was locked."""
    try:
        return path.stat().st_ino == os.fstat(fd).st_ino
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file under a hidden name beside its own, and rename it at the end.

    Directories that are missing are made. An exception in the block leaves what was there before.

    Args:
        path: File to make or replace.

    Yields:
        The path to write to.

    Raises:
        OSError: A directory cannot be made, or the file not put in place.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_path(path)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
