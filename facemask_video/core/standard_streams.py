"""What stands for standard input and standard output where a file is named."""

from pathlib import Path

STANDARD_STREAM = Path("-")
"""Standard input where a video is read, standard output where one is written."""


def is_standard(path: Path | None) -> bool:
    """Return whether a path is no file but standard input or output.

    >>> is_standard(Path("-")), is_standard(Path("-.mkv"))
    (True, False)
    """
    return path == STANDARD_STREAM


def shown_source(path: Path) -> str:
    """Return what messages call a video that is read.

    >>> shown_source(Path("-"))
    'standard input'
    """
    return "standard input" if is_standard(path) else str(path)


def shown_target(path: Path) -> str:
    """Return what messages call a video that is written."""
    return "standard output" if is_standard(path) else str(path)
