"""Manifests as JSON Lines: a row of a dataclass a line, UTF-8."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from facemask_video.core.errors import CropsError
from facemask_video.core.files import atomic_write

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Row = TypeVar("_Row")


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
