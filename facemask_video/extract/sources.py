"""What crops are made from: videos and pictures, named one by one or by folder."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from facemask_video.core.errors import VideoReadError
from facemask_video.core.files import sha256_file
from facemask_video.core.kinds import VIDEO_SUFFIXES
from facemask_video.core.pictures import PICTURE_SUFFIXES, is_picture


@dataclass(frozen=True, slots=True)
class Source:
    """A file to crop faces from.

    Attributes:
        path: The file.
        name: How the set calls it: the path from the folder that was named, which begins it, or
            the bare file name.
    """

    path: Path
    name: str

    @property
    def is_picture(self) -> bool:
        """Whether it is a still picture, by its bytes, whatever it is called."""
        return is_picture(self.path)

    def digest(self) -> str:
        """Return the SHA-256 of its bytes, in hex.

        Raises:
            VideoReadError: It cannot be read.
        """
        try:
            return sha256_file(self.path)
        except OSError as exc:
            raise VideoReadError(f"{self.path}: cannot be read ({exc.strerror}).") from exc


def find_sources(inputs: Iterable[Path], *, leave_out: Path) -> tuple[list[Source], Counter[str]]:
    """List files and, in a fixed order, the pictures and videos of folders with all below them.

    Args:
        inputs: Files and folders. A file that is not there is listed all the same.
        leave_out: A folder never searched: the set itself.

    Returns:
        The sources, and how many files of folders were passed over, by their suffix: those of
        other kinds. Hidden ones are not counted.
    """
    found: dict[str, Source] = {}
    passed_over: Counter[str] = Counter()
    for given in inputs:
        listed: Iterable[Source] = [Source(given, given.name)]
        if given.is_dir():
            listed = _files_below(given, leave_out, passed_over)
        for source in listed:
            found.setdefault(os.path.realpath(source.path), source)
    return list(found.values()), passed_over


def _files_below(folder: Path, leave_out: Path, passed_over: Counter[str]) -> Iterator[Source]:
    own_name = folder.resolve().name
    aside = leave_out.resolve()
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (here / name).resolve() != aside
        )
        for name in sorted(files):
            path = here / name
            if name.startswith("."):
                continue
            suffix = path.suffix.lower()
            if suffix not in PICTURE_SUFFIXES | VIDEO_SUFFIXES:
                passed_over[suffix] += 1
                continue
            yield Source(path, f"{own_name}/{path.relative_to(folder).as_posix()}")
