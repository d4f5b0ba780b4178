"""Lay a set out in the folders that pytorch-CycleGAN-and-pix2pix reads.

``cyclegan``: trainA, trainB, valA, valB, testA and testB with bare faces as A and masked ones as B.
``paired``: train, val and test with A and B side by side in one picture, A the landmark picture and
B the crop, as for pix2pix.

Files are links to the crops where the file system can, so they cost no space.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from facemask_video.config.extract import SPLITS
from facemask_video.core.errors import CropsError
from facemask_video.core.frame import ImageU8
from facemask_video.core.pictures import try_read_picture, write_picture
from facemask_video.extract.manifest import ManifestRow
from facemask_video.extract.parts import landmark_picture

DOMAINS = {"bare": "A", "masked": "B"}

# What `_flat_name` makes, so that no file of the user's is removed.
_OUR_NAMES = re.compile(r"[a-z0-9-]+_f\d{6,}-t\d{4,}\.(png|jpg)")


def lay_out(folder: Path, rows: Iterable[ManifestRow], layout: str | None) -> None:
    """Make a layout anew, in place of one that was there before; files of others are left alone.

    Args:
        folder: Of the set.
        rows: Of the set; those that are kept are laid out.
        layout: ``none``, ``cyclegan`` or ``paired``; None is the one that is there.

    Raises:
        CropsError: A file cannot be read, linked or taken away.
        VideoWriteError: A pair cannot be written.
    """
    before = list(_laid_out(folder))
    if layout is None and before:
        layout = "paired" if before[0].parent.name in SPLITS else "cyclegan"
    _remove(before)
    for row in rows:
        if not row.kept or row.file is None:
            continue
        if layout == "cyclegan" and row.domain is not None:
            target = folder / f"{row.split}{DOMAINS[row.domain]}" / _flat_name(row)
            _link(folder / row.file, target)
        elif layout == "paired":
            crop = try_read_picture(folder / row.file)
            if crop is None:
                raise CropsError(f"{folder / row.file}: cannot be read; curate the set anew.")
            points = np.asarray(row.crop_landmarks)
            write_pair(
                folder / row.split / f"{Path(_flat_name(row)).stem}.png",
                landmark_picture(points, crop.shape[0]),
                crop,
            )


def write_pair(path: Path, a: ImageU8, b: ImageU8) -> None:
    """Write A and B, of one size, side by side: pix2pix's paired form.

    Raises:
        VideoWriteError: It cannot be written.
    """
    write_picture(path, np.concatenate([a, b], axis=1))


def _flat_name(row: ManifestRow) -> str:
    assert row.file is not None
    return row.crop.replace("/", "_") + Path(row.file).suffix


def _link(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(exist_ok=True)
        try:
            os.link(source, target)
        except OSError:  # another file system, or one without links
            shutil.copyfile(source, target)
    except OSError as exc:
        raise CropsError(f"{target}: cannot be written ({exc.strerror}).") from exc


def _laid_out(folder: Path) -> Iterator[Path]:
    """Yield the files of an earlier layout."""
    for split in SPLITS:
        for name in (split, *(f"{split}{side}" for side in DOMAINS.values())):
            place = folder / name
            if place.is_dir():
                yield from (file for file in place.iterdir() if _OUR_NAMES.fullmatch(file.name))


def _remove(files: Iterable[Path]) -> None:
    """Remove files, and their folders where nothing else is in them."""
    for file in files:
        file.unlink()
        if not any(file.parent.iterdir()):
            file.parent.rmdir()
