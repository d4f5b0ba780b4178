"""Which pictures train, which choose, and which are looked at once a release."""

import csv
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.errors import ConfigError
from facemask_video.extract.splits import hash_fraction

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

MANIFEST = "manifest.csv"
"""Beside pictures, or a folder above: its columns ``identity`` and ``source`` say who they show."""

_SALT = ""
# Empty since the shipped mask generator was trained on the split without one: with another salt it
# would be tested on faces that it has seen.


def split_of(source: str, *, validation: float = 0.1, test: float = 0.1) -> Split:
    """Return the split that a person or source belongs to, by the SHA-256 of its name alone.

    Sets may grow without anything changing sides, and all that shows one person is on one side as
    long as it comes under one name.

    Args:
        source: Name of the person where known, else of the source: a video, or the picture itself.
        validation: Share that choices may look at.
        test: Share that is evaluated once a release.

    >>> [split_of(name) for name in ("web/anna.jpg", "web/hans.jpg", "web/jon.jpg")]
    ['train', 'validation', 'test']
    >>> split_of("web/hans.jpg", validation=0.0)
    'train'
    """
    place = hash_fraction(_SALT + source)
    if place >= 1 - test:
        return "test"
    return "validation" if place >= 1 - test - validation else "train"


def read_sources(folder: Path) -> dict[str, str]:
    """Return what a manifest beside pictures says they show, by name.

    A picture is called as in a set of crops: by its path from the folder above. ``manifest.csv``
    lies in the folder or in the one above, and its column ``file`` gives paths from there. Who is
    on a picture is its ``identity``, else its ``source``, else its ``file``.

    Raises:
        ConfigError: The manifest cannot be read.
    """
    folder = folder.resolve()
    for place, prefix in ((folder, f"{folder.name}/"), (folder.parent, "")):
        path = place / MANIFEST
        if not path.is_file():
            continue
        try:
            with path.open(encoding="utf-8", newline="") as file:
                return {
                    f"{prefix}{row['file']}": _shown(row, row["file"])
                    for row in csv.DictReader(file)
                }
        except (OSError, KeyError, UnicodeDecodeError, csv.Error) as exc:
            raise ConfigError(
                f"{path}: not a manifest ({type(exc).__name__}: {exc}); expected columns file and, "
                "where known, identity or source."
            ) from exc
    return {}


def _shown(row: Mapping[str, str | None], file: str) -> str:
    return row.get("identity") or row.get("source") or file


def read_names(path: Path) -> frozenset[str]:
    """Return the names of pictures that a list holds, one a line.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return frozenset(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "no text"
        raise ConfigError(f"{path}: list of names cannot be read ({reason}).") from exc


def source_of(name: str, known: str = "", *, whole_folders: Collection[str] = ()) -> str:
    """Return the name of the person or source that a picture belongs to.

    Args:
        name: Of the picture, with its folders.
        known: What a manifest says of it; empty where none does.
        whole_folders: Folders whose pictures show the same people again and again, and belong
            together.

    >>> source_of("kiosk/0001.jpg", whole_folders=["kiosk"]), source_of("web/0001.jpg")
    ('kiosk', 'web/0001.jpg')
    """
    for folder in reversed(PurePosixPath(name).parent.parts):
        if folder in whole_folders:
            return folder
    return known or name


def splits_of(
    sources: Sequence[str], *, validation: float = 0.1, test: float = 0.1
) -> NDArray[np.int8]:
    """Return for each source the place of its split in `SPLITS`, shape (n,)."""
    return np.array(
        [SPLITS.index(split_of(name, validation=validation, test=test)) for name in sources],
        np.int8,
    )
