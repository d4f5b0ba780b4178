"""Files that are there whole or not at all, and their hashes."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def part_path(path: Path, pid: int | None = None) -> Path:
    """Return the hidden name beside a file under which a process writes it; None: this one."""
    # Cut, as the name with its affixes must not exceed the file system's 255 bytes.
    stem = os.fsencode(path.name)[:200].decode(errors="ignore")
    return path.with_name(f".{stem}.{os.getpid() if pid is None else pid}.part")


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
