"""``manifest.jsonl`` of a set of pairs: read, written, and taken up again after an interruption."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facemask_video.config.settings import under_present_keys
from facemask_video.core.errors import CropsError
from facemask_video.core.files import atomic_write
from facemask_video.core.json_lines import read_rows
from trainers.pairs.config import PairsConfig

MANIFEST, OPTIONS, LIST = "manifest.jsonl", "pairs.json", "pairs.csv"

_FORMERLY = {"outline": "segmentation", "worn": "wearing"}
"""What sets of earlier versions call a row's keys."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class PairRow:
    """One pair.

    Attributes:
        name: What the face is called in its set.
        pair: Number of the mask on this face, from 0.
        bare: File of the bare picture, from the set's folder; as are the other files.
        masked: File of the masked picture.
        segmentation: File that says where the mask lies.
        size_px: Side of the three.
        landmarks: Five (x, y) in px of the pictures: eyes, nose, corners of the mouth.
        made_by: ``drawn`` or ``generator``.
        style: Name of the style; ``generator`` where that made it.
        wearing: ``right``, ``under-nose`` or ``under-mouth``.
        split: ``train``, ``val`` or ``test``, where the input's manifest says.
        look: What was drawn exactly, the fields of `trainers.data.styles.MaskStyle`; None where a
            generator made it.
    """

    name: str
    pair: int
    bare: str
    masked: str
    segmentation: str
    size_px: int
    landmarks: tuple[Point, ...]
    made_by: str
    style: str
    wearing: str
    split: str | None
    look: dict[str, Any] | None

    @property
    def files(self) -> tuple[str, str, str]:
        """The three pictures."""
        return self.bare, self.masked, self.segmentation

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "PairRow":
        """Read what a line of the manifest holds.

        Raises:
            ValueError, TypeError, KeyError: A key is missing, unknown, or of a wrong type.
        """
        landmarks = tuple((float(x), float(y)) for x, y in plain["landmarks"])
        present = {_FORMERLY.get(key, key): value for key, value in plain.items()}
        return cls(**{**present, "landmarks": landmarks})


def read_pair_rows(path: Path, *, finished: bool = True) -> list[PairRow]:
    """Read the rows of a set.

    Args:
        path: The manifest; one that is not there has no rows.
        finished: Refuse a damaged last line, rather than take it for one that was cut short.

    Raises:
        CropsError: It cannot be read, or a line is damaged.
    """
    if not path.exists():
        return []
    return read_rows(
        path,
        PairRow.from_plain,
        remedy="take the line out, and its pair is made again",
        may_be_torn=not finished,
    )


def done_rows(out: Path, per_image: int) -> dict[str, list[PairRow]]:
    """Return, by name, the rows of faces whose pairs are all there."""
    by_name: dict[str, list[PairRow]] = {}
    for row in read_pair_rows(out / MANIFEST, finished=False):
        by_name.setdefault(row.name, []).append(row)
    return {
        name: rows
        for name, rows in by_name.items()
        if len(rows) == per_image
        and all((out / file).is_file() for row in rows for file in row.files)
    }


def write_list(out: Path, rows: Sequence[PairRow]) -> None:
    """Write ``pairs.csv``, which ``facemask-train evaluate --pairs`` reads."""
    path = out / LIST
    with atomic_write(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("unmasked", "masked"))
        table.writerows((row.bare, row.masked) for row in rows)


def open_pairs_folder(out: Path, options: dict[str, Any]) -> None:
    """Start a set in a folder, or go on with one made with the same options.

    Raises:
        CropsError: It holds something else, or a set made with other options.
    """
    path = out / OPTIONS
    if path.is_file():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as exc:
            raise CropsError(f"{path}: cannot be read ({exc}); take another folder.") from exc
        found = under_present_keys(found, PairsConfig)
        for key in sorted(options | found):
            if found.get(key) != options.get(key):
                raise CropsError(
                    f"{out}: was made with {key} {found.get(key)}, now {options.get(key)} is asked "
                    "for; take another folder, or delete this one."
                )
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CropsError(f"{out}: is not empty and no set of pairs; take another folder.")
    out.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        part.write_text(json.dumps(options, indent=1) + "\n", encoding="utf-8")
