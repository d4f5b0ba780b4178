"""A hidden folder beside an output that keeps what an unfinished conversion has done."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from facemask_video.core.errors import VideoWriteError
from facemask_video.core.files import atomic_write

_IDENTITY, _LOCK = "identity.json", "lock"


class WorkFolder:
    """The folder, held by one run at a time; a context manager that takes it away.

    Attributes:
        path: The folder.
        begun_anew: Why what lay in it was thrown away, a clause; None where nothing was.
    """

    def __init__(self, target: Path, identity: dict[str, Any]) -> None:
        """Make the folder, or go on with it where it is of the same work.

        Args:
            target: The output that the work is for.
            identity: What decides the result, as plain data.

        Raises:
            VideoWriteError: It cannot be made, or another run holds it.
        """
        self.path = work_path(target)
        self.begun_anew: str | None = None
        self._keep = False
        self._lock = FileLock(self.path / _LOCK)
        identity = json.loads(json.dumps(identity))
        try:
            self.path.mkdir(exist_ok=True)
            self._lock.acquire(blocking=False)
            if self._read() != identity:
                if len(list(self.path.iterdir())) > 1:
                    self.begun_anew = difference(self._read(), identity)
                self._clear()
                with atomic_write(self.path / _IDENTITY) as part:
                    part.write_text(json.dumps(identity, indent=1) + "\n", "utf-8")
        except Timeout:
            raise VideoWriteError(
                f"{target}: another run is working on it; wait for its end."
            ) from None
        except OSError as exc:
            self._lock.release()
            raise VideoWriteError(
                f"{self.path}: cannot be written ({exc.strerror}); choose another directory."
            ) from exc
        for path in self.path.glob("*.part"):
            _remove(path)

    @property
    def holds_work(self) -> bool:
        """Whether there is more than the record of what it is for."""
        return any(path.name not in (_IDENTITY, _LOCK) for path in self.path.iterdir())

    def keep(self) -> None:
        """Leave the folder there when the run ends."""
        self._keep = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._keep:
            shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()

    def _read(self) -> Any:
        return _read_identity(self.path)

    def _clear(self) -> None:
        for path in self.path.iterdir():
            if path.name != _LOCK:
                _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        # Of a range of the clip.
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def work_path(target: Path) -> Path:
    """Return where the work on an output lies: hidden, beside it, named after it.

    >>> work_path(Path("a/b.mp4")).as_posix()
    'a/.b.mp4.work'
    """
    name, encoded = target.name, os.fsencode(target.name)
    if len(encoded) > 200:
        # Cut, as the name with its affixes must not exceed the file system's 255 bytes.
        cut = encoded[:180].decode(errors="ignore")
        name = f"{cut}-{hashlib.sha256(encoded).hexdigest()[:12]}"
    return target.with_name(f".{name}.work")


def is_work_of(folder: Path, identity: dict[str, Any]) -> bool:
    """Return whether what lies in a work folder is work towards a result."""
    return bool(_read_identity(folder) == json.loads(json.dumps(identity)))


def _read_identity(folder: Path) -> Any:
    try:
        return json.loads((folder / _IDENTITY).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def difference(found: Any, wanted: Any, name: str = "") -> str:
    """Name the first value that differs between two pieces of plain data.

    >>> difference({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2})
    'a.b was 1, is 3'
    """
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in wanted:
            if found.get(key) != wanted[key]:
                return difference(found.get(key), wanted[key], f"{name}.{key}".lstrip("."))
    return f"{name} was {found!r}, is {wanted!r}" if name else "its record is damaged"
