"""Crops of a place, whatever it is: a file of crops, an extraction, or a folder of pictures."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from facemask_video.core.errors import ConfigError
from facemask_video.core.files import atomic_write
from trainers.data.crops import CropSet, crop_folder
from trainers.data.detector import photograph_detector
from trainers.data.extraction import is_extraction, read_extraction

logger = logging.getLogger(__name__)

Skipped = tuple[str, str]
"""Name of a picture that was left out, and the reason."""

OnCrop = Callable[[str, int, int], None]
"""Called with the folder's name, pictures done and pictures in all."""


def read_crops(
    place: Path,
    *,
    size_px: int,
    device: torch.device,
    domain: str | None = None,
    choose: Callable[[str, str], bool] | None = None,
    on_crop: OnCrop | None = None,
) -> tuple[CropSet, list[Skipped]]:
    """Read the crops of a place, or crop the main face of every picture under it.

    Args:
        place: A file that ``facemask-train crops`` wrote, a folder that ``facemask-video extract``
            made, of which the crops that it keeps are taken, or a folder of pictures.
        size_px: Side of crops that are made here, and at most that of an extraction's.
        device: Where the detector runs.
        domain: Of extracted crops take ``bare`` or ``masked`` ones alone.
        choose: Of a folder of pictures take those alone for whose name, and what a manifest says
            they show, it is true.
        on_crop: Called as pictures are cropped.

    Returns:
        The crops, and those left out.

    Raises:
        ConfigError: It holds no face.
        CropsError: The manifest of an extraction is damaged.
    """
    if not place.is_dir():
        return CropSet.load(place), []
    if is_extraction(place):
        return read_extraction(place, largest_px=size_px, domain=domain)

    def on_progress(done: int, total: int) -> None:
        if on_crop is not None:
            on_crop(place.name, done, total)

    return crop_folder(
        place,
        photograph_detector(device),
        crop_size_px=size_px,
        choose=choose,
        on_progress=on_progress,
    )


def join_crops(sets: Sequence[CropSet]) -> CropSet:
    """Put the crops of several places together.

    Raises:
        ConfigError: Some are larger than others.
    """
    smallest = min(crops.size_px for crops in sets)
    if any(crops.size_px != smallest for crops in sets):
        raise ConfigError(
            f"crops of {smallest} px cannot be put together with larger ones; "
            f"pass --size {smallest}."
        )
    return CropSet.joined(sets)


def warn_of_skipped(
    place: Path, n_taken: int, skipped: Sequence[Skipped], *, listed_in: Path | None = None
) -> None:
    """Log in a line how many pictures of a place were left out, with one as an example."""
    if skipped:
        logger.warning(
            "%s: left out %d of %d pictures, such as %s: %s%s.",
            place,
            len(skipped),
            len(skipped) + n_taken,
            *skipped[0],
            f"; {listed_in} lists them" if listed_in else "",
        )


def write_skipped(path: Path, skipped: Sequence[Skipped]) -> None:
    """Write the pictures left out, one a line, with the reason."""
    with atomic_write(path) as part:
        part.write_text(
            "".join(f"{name}\t{reason}\n" for name, reason in skipped), encoding="utf-8"
        )
