"""Files of JSON Lines, UTF-8: manifests, a row of a dataclass a line, and what grows by frames."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from facemask_video.core.errors import CropsError, FacemaskVideoError
from facemask_video.core.files import Part, atomic_write

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Row = TypeVar("_Row")

Moment = Literal["begun", "written", "completed"]
"""When a file could not be written."""


class LinesWriter(ABC):
    """Writes a file line by line beside its target, and renames it at the end.

    Use it as a context manager and call `finish`; leaving without, or by an exception, leaves no
    file behind.

    Args:
        path: File to write.

    Raises:
        FacemaskVideoError: What `refusal` makes of an OSError; also by all methods.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._part = Part(path)
            self._file = self._part.path.open("w", encoding="utf-8", newline="\n")
        except OSError as exc:
            raise self.refusal("begun", exc) from exc

    @abstractmethod
    def refusal(self, moment: Moment, exc: OSError) -> FacemaskVideoError:
        """Return what is raised where the file cannot be written."""

    def put(self, line: str) -> None:
        """Write one line, given without its end."""
        try:
            self._file.write(line + "\n")
        except OSError as exc:
            raise self.refusal("written", exc) from exc

    def finish(self) -> None:
        """Complete the file under its own name."""
        try:
            self._file.close()
            self._part.path.replace(self.path)
        except OSError as exc:
            raise self.refusal("completed", exc) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Closing writes out what is buffered, which fails again where the disk is full.
        with suppress(OSError):
            self._file.close()
        self._part.close()


def to_line(row: "DataclassInstance") -> str:
    """Return a row as one line, its end included."""
    # As ASCII: a file's name may hold bytes that are no UTF-8, or odd line ends.
    return json.dumps(asdict(row)) + "\n"


def write_rows(path: Path, rows: Iterable["DataclassInstance"]) -> None:
    """Write rows in their order; the file is there whole or not at all.

    Raises:
        CropsError: It cannot be written.
    """
    try:
        with atomic_write(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(map(to_line, rows))
    except OSError as exc:
        raise CropsError(
            f"{path}: cannot be written ({exc.strerror}); check the folder and the space left."
        ) from exc


def read_rows(
    path: Path,
    parse: Callable[[dict[str, Any]], _Row],
    *,
    remedy: str,
    may_be_torn: bool = False,
) -> list[_Row]:
    """Read rows.

    Args:
        path: A file that is there.
        parse: Makes a row of a JSON object; ValueError, TypeError and KeyError are its refusals.
        remedy: What to do about a damaged line, for the message.
        may_be_torn: Leave out a damaged last line: the file may have been cut short in it.

    Raises:
        CropsError: The file cannot be read, or a line is damaged; the message names it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise CropsError(f"{path}: cannot be read ({exc}).") from exc
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            plain = json.loads(line)
            if not isinstance(plain, dict):
                raise TypeError("expected a JSON object")
            rows.append(parse(plain))
        except (ValueError, TypeError, KeyError) as exc:
            if may_be_torn and number == len(lines):
                break
            if isinstance(exc, KeyError):
                reason = f"{exc.args[0]} is missing"
            else:
                # Of a dataclass's own refusal, what it says of its fields.
                reason = str(exc).rpartition("__init__() ")[2]
            raise CropsError(f"{path}: line {number}: {reason}; {remedy}.") from exc
    return rows
