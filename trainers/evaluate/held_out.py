"""Which crops of a source are evaluated: those that training sets aside."""

from pathlib import Path

import numpy as np
import torch

from facemask_video.core.errors import ConfigError
from trainers.data.crop_sources import read_crops, warn_of_skipped
from trainers.data.crops import CropSet


def load_crops(
    source: Path, *, size_px: int, device: torch.device, domain: str | None = None
) -> CropSet:
    """Read a crop set, or cut one from a folder of pictures.

    Args:
        source: A file, a folder of pictures, or a folder that ``facemask-video extract`` made.
        size_px: Side at which the crops are evaluated.
        device: Where the detector runs.
        domain: Of extracted crops take ``bare`` or ``masked`` ones alone.

    Raises:
        ConfigError: It holds no face, or smaller crops than are evaluated.
    """
    crops, skipped = read_crops(source, size_px=size_px, device=device, domain=domain)
    warn_of_skipped(source, len(crops), skipped)
    if crops.size_px < size_px:
        raise ConfigError(
            f"{source}: crops have {crops.size_px} px, expected at least the generators' "
            f"{size_px}; cut them again with facemask-train crops --size {size_px}."
        )
    return crops


def split_held_out(
    crops: CropSet, *, share: float, also: frozenset[str] = frozenset(), where: str
) -> tuple[CropSet, CropSet]:
    """Return the crops that training has set aside, and the others.

    Args:
        crops: All of them.
        share: As in training.
        also: Names set aside besides.
        where: The crops' source, for the message.

    Raises:
        ConfigError: Fewer than two are set aside.
    """
    held_out = crops.held_out(share, also=also)
    if held_out.sum() < 2:
        raise ConfigError(
            f"{where}: {held_out.sum()} of {len(crops)} faces are set aside for evaluation, "
            "expected at least 2; add pictures, or pass --held-out 1 for pictures never trained on."
        )
    return crops.take(held_out), crops.take(~held_out)


def evenly_sampled(crops: CropSet, limit: int) -> CropSet:
    """Return at most ``limit`` crops, evenly spread over the set; all where it is 0."""
    if not limit or len(crops) <= limit:
        return crops
    chosen = np.zeros(len(crops), dtype=bool)
    chosen[np.linspace(0, len(crops) - 1, limit).round().astype(int)] = True
    return crops.take(chosen)
