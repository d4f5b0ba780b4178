"""The pictures of a study, made alike in all but what is asked: size, format, compression."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facemask_video.core.errors import ConfigError
from facemask_video.core.frame import ImageU8
from facemask_video.core.pictures import encode_picture, try_read_picture
from trainers.data.crops import list_images

DIRECTIONS = ("mask", "unmask")

# High enough not to be seen, and the same for photographs and outputs whatever they were stored as.
_JPEG_QUALITY = 92


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a study.

    Attributes:
        path: Its file.
        name: Its path from the folder that was named.
        generator: Who made it; empty for photographs.
        direction: What it was made by, or what a photograph stands against; empty for any.
    """

    path: Path
    name: str
    generator: str
    direction: str


def list_real(folder: Path) -> list[Picture]:
    """List photographs; those in a folder ``mask`` or ``unmask`` stand against such outputs alone.

    Raises:
        ConfigError: It is no folder, or holds no picture.
    """
    return [
        Picture(path, _name(path, folder), "", _direction(path, folder) or "")
        for path in list_images(folder)
    ]


def list_fake(folder: Path, *, generator: str, direction: str) -> list[Picture]:
    """List outputs: ``[GENERATOR/][mask|unmask/]...``; what a path does not say the options do.

    Raises:
        ConfigError: It is no folder, or holds no picture.
    """
    pictures = []
    for path in list_images(folder):
        parents = [p for p in path.relative_to(folder).parts[:-1] if p not in DIRECTIONS]
        maker = parents[0] if parents else generator or folder.resolve().name
        pictures.append(
            Picture(path, _name(path, folder), maker, _direction(path, folder) or direction)
        )
    return pictures


def check_enough(real: Sequence[Picture], fake: Sequence[Picture], *, needed: int) -> None:
    """Refuse a study whose pictures would have to be shown twice.

    Raises:
        ConfigError: Too few pictures.
    """
    for what, pictures in (("photographs", real), ("outputs", fake)):
        if len(pictures) < needed:
            raise ConfigError(
                f"study: there are {len(pictures)} {what}, expected at least {needed}, one for "
                "each trial and practice; add pictures, or pass --trials and --practice."
            )
    for direction in sorted({picture.direction for picture in fake}):
        n_real = sum(picture.direction in ("", direction) for picture in real)
        n_fake = sum(picture.direction == direction for picture in fake)
        # Where one direction has few outputs, no person can see more of them than there are.
        if n_real < min(needed, n_fake):
            raise ConfigError(
                f"study: {n_real} photographs can stand against outputs of "
                f"{direction or 'no direction'}, expected {min(needed, n_fake)}; add pictures."
            )


def read_study_picture(picture: Picture) -> ImageU8:
    """Read a picture, RGB.

    Raises:
        ConfigError: It cannot be read.
    """
    image = try_read_picture(picture.path)
    if image is None:
        raise ConfigError(f"{picture.path}: not a picture that can be read.")
    return image


def middle_square(image: ImageU8, size_px: int) -> ImageU8:
    """Return a picture at the study's size; one that is not square is cut to its middle."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(image[top : top + side, left : left + side])
    method = cv2.INTER_AREA if side > size_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (size_px, size_px), interpolation=method), np.uint8)


def encoded(image: ImageU8) -> str:
    """Return a picture as a JPEG in a URI."""
    jpeg = encode_picture(image, ".jpg", quality=_JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _direction(path: Path, folder: Path) -> str | None:
    return next((p for p in path.relative_to(folder).parts[:-1] if p in DIRECTIONS), None)
