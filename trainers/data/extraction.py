"""Crops that ``facemask-video extract`` made of videos and pictures, as a set to train on.

The manifest decides: rejected crops stay out, and each crop stays in the split that it names, so
that no person and no source is on two sides.
"""

from pathlib import Path

import numpy as np

from facemask_video.config.extract import SPLITS as EXTRACTED
from facemask_video.core.errors import ConfigError
from facemask_video.core.pictures import try_read_picture
from facemask_video.extract.manifest import MANIFEST, ManifestRow, read_manifest
from trainers.data.crops import CropSet, resize_crop
from trainers.data.splits import SPLITS

_PLACES = dict(zip(EXTRACTED, range(len(SPLITS)), strict=True))
"""In `SPLITS` by what a manifest calls each."""


def is_extraction(folder: Path) -> bool:
    """Tell whether a folder was made by ``facemask-video extract``."""
    return (folder / MANIFEST).is_file()


def read_extraction(
    folder: Path, *, largest_px: int, domain: str | None = None
) -> tuple[CropSet, list[tuple[str, str]]]:
    """Read the crops that a manifest keeps.

    Args:
        folder: With its manifest.
        largest_px: Larger crops are reduced to this side.
        domain: Take ``bare`` or ``masked`` faces alone, by the mask classifier; None takes all.

    Returns:
        The crops, and (name, reason) for each left out that the manifest keeps. Names begin with
        the folder's own.

    Raises:
        ConfigError: No crop is left.
        CropsError: The manifest is damaged.
    """
    rows = read_manifest(folder)
    kept, skipped = kept_rows(folder, rows, domain=domain)
    size_px = min([largest_px, *(row.size_px for row in kept)])
    images, landmarks, aside, track_frames, names = [], [], [], [], []
    tracks: dict[tuple[str, int], int] = {}
    for row in kept:
        image = None if row.file is None else try_read_picture(folder / row.file)
        name = crop_name(folder, row)
        if image is None or image.shape != (row.size_px, row.size_px, 3):
            skipped.append((name, "unreadable"))
            continue
        images.append(resize_crop(image, size_px))
        landmarks.append(np.array(row.crop_landmarks, np.float32) / row.size_px)
        aside.append(_PLACES[row.split])
        # A picture shows one moment: no other crop of it is the same face a little later.
        alone = row.pts is None
        track = tracks.setdefault((row.source_id, row.track), len(tracks))
        track_frames.append((-1, -1) if alone else (track, row.frame))
        names.append(name)
    if not images:
        n_rejected = sum(not row.kept for row in rows)
        reasons = ", ".join(sorted({reason for _, reason in skipped}))
        raise ConfigError(
            f"{folder}: no crop can be taken of {len(rows)}: {n_rejected} are rejected, "
            f"{len(skipped)} {f'({reasons}) ' if reasons else ''}left out; check its manifest."
        )
    crops = CropSet(
        np.stack(images),
        np.stack(landmarks),
        tuple(names),
        track_frames=np.array(track_frames, np.int64),
        aside=np.array(aside, np.int8),
    )
    return crops, skipped


def kept_rows(
    folder: Path, rows: list[ManifestRow], *, domain: str | None
) -> tuple[list[ManifestRow], list[tuple[str, str]]]:
    """Return the kept rows of a domain, and (name, reason) for each kept row of the other."""
    kept, skipped = [], []
    for row in rows:
        if not row.kept:
            continue
        if domain is not None and row.domain not in (None, domain):
            skipped.append((crop_name(folder, row), f"{row.domain}, not {domain}"))
        else:
            kept.append(row)
    return kept, skipped


def crop_name(folder: Path, row: ManifestRow) -> str:
    """Return what a crop is called in a set: its id behind the folder's name."""
    return f"{folder.resolve().name}/{row.crop}"
