"""What extraction has finished: a line a source, so that an interrupted run goes on where it was.

``.extract.jsonl`` in the set's folder. Its first line says how crops are made; a further line
appears when all pictures of a source are written, and holds its rows. A line that a power cut left
half written is taken away.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from facemask_video.align.template import ALIGNMENT_ID
from facemask_video.core.errors import CropsError
from facemask_video.extract.manifest import ManifestRow

JOURNAL, LOCK = ".extract.jsonl", ".extract.lock"
FORMAT = "facemask-crops/1"


class Journal:
    """The journal of one set, open for one run at a time; a context manager.

    Attributes:
        rows: Of every finished source, by the SHA-256 of its bytes.
    """

    def __init__(self, folder: Path, fixed_options: dict[str, Any]) -> None:
        """Open or begin it.

        Args:
            folder: Of the set; made where it is not there.
            fixed_options: What decides the pixels and the numbers, as plain data.

        Raises:
            CropsError: The folder cannot be written, holds other things, is in use, or its crops
                were made otherwise.
        """
        self._path = folder / JOURNAL
        self.rows: dict[str, tuple[ManifestRow, ...]] = {}
        header = {"format": FORMAT, "alignment_id": ALIGNMENT_ID, "how": fixed_options}
        try:
            if not self._path.exists() and _holds_other_things(folder):
                raise CropsError(
                    f"{folder}: holds other things than a set of crops; name a new folder."
                )
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(folder / LOCK)
            self._lock.acquire(blocking=False)
            self._file = self._path.open("a+b")
        except Timeout:
            raise CropsError(
                f"{folder}: another extraction works on it; wait for its end."
            ) from None
        except OSError as exc:
            raise CropsError(f"{folder}: cannot be written ({exc.strerror}).") from exc
        try:
            self._read(header)
        except BaseException:
            self._close()
            raise

    def finish(self, sha256: str, rows: Sequence[ManifestRow]) -> None:
        """Note that a source is finished; all its pictures must be written by now."""
        self.rows[sha256] = tuple(rows)
        self._append({"source": sha256, "rows": [asdict(row) for row in rows]})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._file.close()
        self._lock.release()

    def _read(self, header: dict[str, Any]) -> None:
        self._file.seek(0)
        lines = self._file.read().split(b"\n")
        # What follows the last line's end is nothing, or half a line.
        if lines.pop():
            self._file.truncate(sum(len(line) + 1 for line in lines))
        if not lines:
            self._append(header)
            return
        try:
            plain = [json.loads(line) for line in lines]
            found = plain[0]
            for entry in plain[1:]:
                self.rows[str(entry["source"])] = tuple(
                    ManifestRow.from_plain(row) for row in entry["rows"]
                )
        except (ValueError, KeyError, TypeError) as exc:
            raise CropsError(f"{self._path}: is damaged ({exc}); name a new folder.") from exc
        if found != json.loads(json.dumps(header)):
            raise CropsError(
                f"{self._path.parent}: its crops were made with other options ("
                f"{_difference(found, header)}); use the same ones, or name a new folder."
            )

    def _append(self, entry: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(entry).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as exc:
            raise CropsError(
                f"{self._path}: cannot be written ({exc.strerror}); check the space left."
            ) from exc


def _holds_other_things(folder: Path) -> bool:
    return folder.is_dir() and any(path.name != LOCK for path in folder.iterdir())


def _difference(found: Any, wanted: Any, name: str = "") -> str:
    """Name the first value that differs."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in wanted:
            if found.get(key) != wanted[key]:
                return _difference(found.get(key), wanted[key], f"{name}.{key}".lstrip("."))
    return f"{name.removeprefix('how.')} was {found!r}, is {wanted!r}"
