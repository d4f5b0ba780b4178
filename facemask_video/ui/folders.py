"""Which files the page may see: videos and pictures below the folders that were chosen."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from facemask_video.core.errors import ConfigError, VideoReadError, VideoWriteError
from facemask_video.core.files import part_path
from facemask_video.core.kinds import kind_of
from facemask_video.core.wording import shown

_MOST_LISTED = 500
_MOST_LOOKED_AT = 20_000
_MOST_NAME_BYTES = 200

# What is more than a video or picture to a browser is never served as such.
_MEDIA_TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm",
    ".mkv": "video/x-matroska", ".ogv": "video/ogg", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
    ".png": "image/png", ".webp": "image/webp", ".gif": "image/gif", ".avif": "image/avif",
}  # fmt: skip


def media_type(path: Path) -> str:
    """Return what a file is served as; bytes to be saved where browsers do not show it.

    >>> media_type(Path("a.MOV")), media_type(Path("a.svg"))
    ('video/mp4', 'application/octet-stream')
    """
    return _MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")


@dataclass(frozen=True, slots=True)
class Listed:
    """A video or picture that the page can choose.

    Attributes:
        path: Of the file.
        name: Its path from the folder that was chosen.
        size: In bytes.
    """

    path: Path
    name: str
    size: int


class Folders:
    """The chosen folders and that of the results: nothing else is read for the page.

    Attributes:
        chosen: Where sources lie.
        results: Where results go.
        uploads: Where files are put that were dropped on the page.
    """

    def __init__(self, chosen: Sequence[Path], results: Path) -> None:
        """Take them; nothing is made yet.

        Args:
            chosen: Folders that must be there.
            results: Folder of the results.

        Raises:
            ConfigError: One of them is no folder.
        """
        for folder in chosen:
            if not folder.is_dir():
                raise ConfigError(f"{shown(folder)}: is no folder; name those with your files.")
        if results.exists() and not results.is_dir():
            raise ConfigError(f"{shown(results)}: is no folder; name one for the results.")
        self.chosen = tuple(folder.resolve() for folder in chosen)
        self.results = results.resolve()
        self.uploads = self.results / ".facemask" / "uploads"
        self._known: dict[str, Path] = {}
        self._uploaded: list[Path] = []
        self._lock = Lock()

    def admit(self, path: Path) -> str:
        """Return the name by which the page asks for a file.

        Args:
            path: Of the file, absolute or from the first chosen folder.

        Raises:
            VideoReadError: It is not there, no file, or outside the folders.
        """
        inside = self.inside(path)
        key = hashlib.blake2b(os.fsencode(inside), digest_size=12).hexdigest()
        with self._lock:
            self._known[key] = inside
        return key

    def inside(self, path: Path) -> Path:
        """Return where a file really lies, which is below one of the folders.

        Raises:
            VideoReadError: It is not there, no file, or outside the folders.
        """
        named = self.chosen[0] / path.expanduser()
        try:
            really = named.resolve(strict=True)
            is_file = really.is_file()
        except (OSError, RuntimeError, ValueError):
            raise VideoReadError(f"{shown(named)}: is not there.") from None
        below = (*self.chosen, self.results)
        if not any(really.is_relative_to(folder) for folder in below):
            raise VideoReadError(
                f"{shown(path)}: lies outside the folders that the page was started with; name "
                "its folder on the command line, `facemask-video ui FOLDER`, or drop the file."
            )
        if not is_file:
            raise VideoReadError(f"{shown(path)}: is no file.")
        return really

    def of_key(self, key: str) -> Path:
        """Return the file that `admit` gave a name, if it is still there and inside.

        Raises:
            VideoReadError: It is not.
        """
        with self._lock:
            path = self._known.get(key)
        if path is None:
            raise VideoReadError("the file is not known to the page any more; choose it again.")
        return self.inside(path)

    def listing(self) -> tuple[list[Listed], bool]:
        """Return videos and pictures of the chosen folders, and whether that is not all of them."""
        found: list[Listed] = []
        looked_at = 0
        for folder in self.chosen:
            for path in _walk(folder, self.results):
                looked_at += 1
                if len(found) >= _MOST_LISTED or looked_at > _MOST_LOOKED_AT:
                    return found, True
                if kind_of(path) is not None:
                    found.append(Listed(path, shown(path.relative_to(folder)), _size(path)))
        return found, False

    def free_upload(self, name: str) -> Path:
        """Return a path in the folder of uploads that no file has.

        Args:
            name: What the file was called; only its last part is used.

        Raises:
            VideoWriteError: The folder cannot be made.
        """
        try:
            self.uploads.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise VideoWriteError(
                f"{shown(self.uploads)}: cannot be made ({exc.strerror}); check rights and space."
            ) from exc
        stem, suffix = os.path.splitext(plain_name(name))  # noqa: PTH122 - a name, no path
        number, path = 1, self.uploads / f"{stem}{suffix}"
        while path.exists() or part_path(path).exists():
            number += 1
            path = self.uploads / f"{stem}-{number}{suffix}"
        self._uploaded.append(path)
        return path

    def remove_uploads(self, kept: Set[Path]) -> None:
        """Remove the files that were dropped since the page was started, but for some."""
        for path in self._uploaded:
            if path not in kept:
                path.unlink(missing_ok=True)


def plain_name(name: str) -> str:
    r"""Return a file's name without folders, control characters and leading dots or dashes.

    >>> plain_name("..\\..\\a/b c.mp4"), plain_name("../.."), plain_name(".bashrc")
    ('b c.mp4', 'upload', 'bashrc')
    """
    last = re.split(r"[/\\]", name)[-1]
    printable = "".join(c for c in last if c.isprintable()).lstrip(".- ").rstrip(" .")
    stem, suffix = os.path.splitext(printable)  # noqa: PTH122 - a name, no path
    suffix = os.fsencode(suffix)[:16].decode(errors="ignore")
    stem = os.fsencode(stem)[: _MOST_NAME_BYTES - 32].decode(errors="ignore")
    return f"{stem}{suffix}" if stem else "upload"


def _walk(folder: Path, aside: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            each for each in folders if each[0] != "." and Path(place, each) != aside
        )
        for name in sorted(files):
            if name[0] != ".":
                yield Path(place, name)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
