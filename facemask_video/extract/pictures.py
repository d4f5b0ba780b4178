"""Write, move and remove the pictures that belong to a crop."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemask_video.config.extract import CropConfig
from facemask_video.core import geometry
from facemask_video.core.errors import CropsError
from facemask_video.core.frame import ImageU8
from facemask_video.core.pictures import write_picture
from facemask_video.extract.crops import CropCandidate
from facemask_video.extract.manifest import (
    CROPS,
    LANDMARKS,
    PARTS,
    RAW,
    REJECTED,
    SUFFIXES,
    THUMBS,
    ManifestRow,
    picture_path,
)
from facemask_video.extract.parts import landmark_picture, part_mask


def write_pictures(folder: Path, crop: str, candidate: CropCandidate, config: CropConfig) -> str:
    """Write the crop and what else is asked for of a face; returns the crop's file.

    Args:
        folder: Of the set.
        crop: The crop's id.
        candidate: The face.
        config: What is written.

    Raises:
        VideoWriteError: A file cannot be written.
    """
    suffix = SUFFIXES[config.format]
    points = geometry.apply(candidate.crop.frame_to_crop, candidate.face.landmarks)
    size_px = candidate.crop.size_px
    pictures: dict[str, ImageU8 | NDArray[np.uint8]] = {
        picture_path(CROPS, crop, suffix): candidate.crop.image
    }
    if candidate.raw is not None:
        pictures[picture_path(RAW, crop, suffix)] = candidate.raw
    if config.landmarks:
        pictures[picture_path(LANDMARKS, crop, ".png")] = landmark_picture(points, size_px)
    for part in config.part_names:
        pictures[picture_path(f"{PARTS}/{part}", crop, ".png")] = part_mask(part, points, size_px)
    for file, picture in pictures.items():
        write_picture(folder / file, picture)
    return picture_path(CROPS, crop, suffix)


def find_picture(folder: Path, crop: str) -> str | None:
    """Return where a crop's aligned picture lies, kept or rejected; None where it is missing."""
    for rejected in (False, True):
        for suffix in SUFFIXES.values():
            file = picture_path(CROPS, crop, suffix, rejected=rejected)
            if (folder / file).is_file():
                return file
    return None


def move_pictures(folder: Path, row: ManifestRow, *, keep_rejected: bool) -> str | None:
    """Move a crop's pictures to where its row says they belong, or remove them.

    Returns:
        The aligned crop's file from now on; None where it is missing.

    Raises:
        CropsError: A file cannot be moved.
    """
    try:
        for lies in list(_pictures_of(folder, row.crop)):
            inner = lies.removeprefix(f"{REJECTED}/")
            belongs = inner if row.kept else f"{REJECTED}/{inner}"
            if not row.kept and not keep_rejected:
                (folder / lies).unlink()
            elif lies != belongs:
                (folder / belongs).parent.mkdir(parents=True, exist_ok=True)
                (folder / lies).replace(folder / belongs)
    except OSError as exc:
        raise CropsError(f"{folder}: {row.crop} cannot be moved ({exc.strerror}).") from exc
    return find_picture(folder, row.crop)


def remove_source(folder: Path, source_id: str) -> None:
    """Remove all pictures of a source that was not finished."""
    for kind in (*_kinds(folder), THUMBS):
        place = folder / kind / source_id
        if place.is_dir():
            for file in place.iterdir():
                file.unlink()
            place.rmdir()


def remove_empty_folders(folder: Path) -> None:
    """Remove folders of pictures that hold nothing, from below."""
    for kind in sorted({kind.split("/")[0] for kind in _kinds(folder)}):
        places = sorted((folder / kind).rglob("*"), key=lambda place: -len(place.parts))
        for place in [*places, folder / kind]:
            if place.is_dir() and not any(place.iterdir()):
                place.rmdir()


def _pictures_of(folder: Path, crop: str) -> Iterator[str]:
    for kind in _kinds(folder):
        for suffix in SUFFIXES.values():
            if (folder / kind / f"{crop}{suffix}").is_file():
                yield f"{kind}/{crop}{suffix}"


def _kinds(folder: Path) -> Sequence[str]:
    """Return the folders that hold a folder a source, as they are there."""
    found = []
    for prefix in ("", f"{REJECTED}/"):
        found += [f"{prefix}{kind}" for kind in (CROPS, RAW, LANDMARKS)]
        parts = folder / f"{prefix}{PARTS}"
        found += [f"{prefix}{PARTS}/{part.name}" for part in sorted(parts.glob("*"))]
    return [kind for kind in found if (folder / kind).is_dir()]
