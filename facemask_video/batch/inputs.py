"""Find the files of a batch: those named, those that a pattern matches, and those below folders."""

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from facemask_video.core.kinds import Kind, is_frame_folder, kind_of


@dataclass(frozen=True, slots=True)
class Input:
    """A file to convert, or what stands in the way.

    Attributes:
        path: Where it lies.
        name: Its path from the folder that was named, or the bare file name: where the output's
            place follows from.
        kind: By its suffix; what was named itself and has no known one is tried as a video.
        problem: Why there is nothing to convert; empty where there is.
    """

    path: Path
    name: PurePath
    kind: Kind = "video"
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    Attributes:
        inputs: In the order in which they were named, below folders by name.
        passed_over: Files below folders that are no videos or pictures, by their suffix.
        folders: The folders that were named.
    """

    inputs: tuple[Input, ...]
    passed_over: Counter[str]
    folders: tuple[Path, ...]


@dataclass(slots=True)
class _Search:
    include: Sequence[str]
    exclude: Sequence[str]
    aside: Path
    of_frames: bool
    passed_over: Counter[str] = field(default_factory=Counter)
    # Folders by device and inode: a link may lead back up, or to what was seen.
    seen: dict[tuple[int, int], Path] = field(default_factory=dict)

    def takes(self, name: PurePath) -> bool:
        if any(_matches(name, pattern) for pattern in self.exclude):
            return False
        return not self.include or any(_matches(name, pattern) for pattern in self.include)

    def below(self, folder: Path, name: PurePath) -> Iterator[Input]:
        try:
            about = folder.stat()
            first = self.seen.setdefault((about.st_dev, about.st_ino), folder)
            if first is not folder:
                yield Input(folder, name, problem=f"is the folder {first} once more, by a link")
                return
            if self.of_frames and is_frame_folder(folder):
                yield Input(
                    folder, name if name.name else PurePath(folder.resolve().name), "frames"
                )
                return
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as exc:
            yield Input(folder, name, problem=f"cannot be read ({exc.strerror})")
            return
        for entry in entries:
            path, inner = folder / entry.name, name / entry.name
            if entry.name.startswith("."):
                continue
            try:
                is_folder = entry.is_dir()
            except OSError:
                is_folder = False
            if is_folder:
                excluded = any(_matches(inner, pattern) for pattern in self.exclude)
                if not excluded and path.resolve() != self.aside:
                    yield from self.below(path, inner)
            elif self.takes(inner):
                yield from self._file(path, inner)

    def _file(self, path: Path, name: PurePath) -> Iterator[Input]:
        kind = kind_of(path)
        if kind is None:
            self.passed_over[path.suffix.lower()] += 1
        else:
            yield Input(path, name, kind, problem=_problem(path))


def find_inputs(
    given: Iterable[Path],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    leave_out: Path,
    of_frames: bool = False,
) -> Found:
    """List what is to be converted, each file once, in a fixed order.

    What lies below one folder is named from that folder; where several folders are given, their own
    names come first. Hidden files and folders are passed over. Links are followed, and no folder is
    searched twice.

    Args:
        given: Files, folders, and patterns of them where no file has that very name.
        include: Patterns, one of which a file must match.
        exclude: Patterns of files and folders left out.
        leave_out: A folder never searched: that of the outputs.
        of_frames: Whether a folder of numbered pictures is one input.
    """
    named = [path for each in given for path in _expanded(each)]
    folders = [path for path in named if path.is_dir()]
    search = _Search(include, exclude, leave_out.resolve(), of_frames)
    inputs: dict[str, Input] = {}
    for path in named:
        if path in folders:
            below = PurePath(path.resolve().name) if len(folders) > 1 else PurePath()
            found = list(search.below(path, below))
            if not found:
                found = [Input(path, below / path.name, problem="holds no video or picture")]
        else:
            name = PurePath(path.name)
            found = [Input(path, name, kind_of(path) or "video", problem=_problem(path))]
            found = found if search.takes(name) else []
        for each in found:
            # Not by `resolve`, which fails at a link that leads to itself.
            inputs.setdefault(os.path.realpath(each.path), each)
    return Found(tuple(inputs.values()), search.passed_over, tuple(folders))


def _expanded(path: Path) -> list[Path]:
    if not os.path.lexists(path) and glob.has_magic(str(path)):
        # `Path.glob` would need the pattern's folder cut off.
        matches = sorted(glob.iglob(str(path), recursive=True))  # noqa: PTH207
        return [Path(match) for match in matches] or [path]
    return [path]


def _problem(path: Path) -> str:
    try:
        path.stat()
    except OSError as exc:
        return "is not there" if isinstance(exc, FileNotFoundError) else f"{exc.strerror}".lower()
    return "" if path.is_file() else "is no regular file"


def _matches(name: PurePath, pattern: str) -> bool:
    text, pattern = name.as_posix().lower(), pattern.lower()
    return fnmatchcase(text, pattern) or fnmatchcase(name.name.lower(), pattern)
