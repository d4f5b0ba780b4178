"""A user's own pairs of pictures: side by side in one file, or two folders matched by name.

They stay as they are, whatever they show: no face is looked for and nothing is aligned.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.align.template import TEMPLATE
from facemask_video.core.errors import ConfigError, VideoReadError
from facemask_video.core.frame import ImageU8
from facemask_video.core.pictures import read_picture
from trainers.config.pairs import PairsConfig
from trainers.data.crop_sources import Skipped
from trainers.data.crops import CropSet, list_images
from trainers.data.splits import SPLITS

_SPLIT_FOLDERS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
"""Folders whose names say what their pictures are for, as pix2pix's datasets have them."""


def read_picture_pairs(
    config: PairsConfig, *, size_px: int
) -> tuple[CropSet, CropSet, list[Skipped]]:
    """Read pairs of pictures, squeezed to squares.

    Args:
        config: Where they lie.
        size_px: Side that they are brought to.

    Returns:
        Inputs and targets, the same number under the same names, and what was left out and why:
        a picture without a partner, or of another size than it, or one that cannot be read.

    Raises:
        ConfigError: A folder isn't there, or holds no pair.
    """
    inputs, targets, names, skipped = [], [], [], list[Skipped]()
    for name, pair in _pairs(config):
        if isinstance(pair, str):
            skipped.append((name, pair))
            continue
        shown, target = pair
        if shown.shape != target.shape:
            skipped.append((name, f"input is {_size(shown)}, target {_size(target)}"))
            continue
        inputs.append(_squeezed(shown, size_px))
        targets.append(_squeezed(target, size_px))
        names.append(name)
    if not names:
        reason = f", such as {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
        raise ConfigError(f"pairs: {config.place()} holds no pair{reason}.")
    return _as_crops(inputs, names), _as_crops(targets, names), skipped


def _as_crops(images: list[ImageU8], names: list[str]) -> CropSet:
    of_folder = [_SPLIT_FOLDERS.get(Path(name).parts[0].lower(), "") for name in names]
    aside = np.array([SPLITS.index(s) if s in SPLITS else -1 for s in of_folder], np.int8)
    landmarks = np.repeat(TEMPLATE[None].astype(np.float32), len(names), axis=0)
    return CropSet(np.stack(images), landmarks, tuple(names), aside=aside)


def _pairs(config: PairsConfig) -> Iterator[tuple[str, tuple[ImageU8, ImageU8] | str]]:
    """Yield each pair's name, and its input and target or why it is left out."""
    if config.side_by_side is not None:
        for path in list_images(config.side_by_side):
            name = path.relative_to(config.side_by_side).as_posix()
            yield name, _halves(path, config)
        return
    assert config.input is not None  # checked when the configuration was made
    assert config.target is not None
    inputs, targets = (_by_name(folder) for folder in (config.input, config.target))
    for name in sorted(inputs.keys() | targets.keys()):
        if name not in inputs or name not in targets:
            yield name, f"there is no {'target' if name in inputs else 'input'} of this name"
            continue
        try:
            yield name, (read_picture(inputs[name]), read_picture(targets[name]))
        except VideoReadError as exc:
            yield name, str(exc)


def _halves(path: Path, config: PairsConfig) -> tuple[ImageU8, ImageU8] | str:
    try:
        picture = read_picture(path)
    except VideoReadError as exc:
        return str(exc)
    width = picture.shape[1]
    if width % 2:
        return f"is {width} px wide, which cannot be halved"
    left, right = picture[:, : width // 2], picture[:, width // 2 :]
    return (left, right) if config.order == "AtoB" else (right, left)


def _by_name(folder: Path) -> dict[str, Path]:
    """Return a folder's pictures by their paths in it, without the suffix."""
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path for path in list_images(folder)
    }


def _squeezed(picture: ImageU8, size_px: int) -> ImageU8:
    shrinks = min(picture.shape[:2]) >= size_px
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (size_px, size_px), interpolation=how), np.uint8)


def _size(picture: NDArray[np.uint8]) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"
