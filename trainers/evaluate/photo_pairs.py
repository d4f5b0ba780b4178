"""Whole photographs of faces, and pairs of them with and without a mask."""

import csv
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from facemask_video.core.errors import ConfigError
from facemask_video.core.frame import ImageU8
from facemask_video.core.pictures import try_read_picture
from facemask_video.detect.single_image import find_main_face
from trainers.data.detector import photograph_detector

logger = logging.getLogger(__name__)

# Levels of a byte. JPEG at quality 92 moves single samples by up to about 20 of them.
_DIFFERENCE = 32

# Of the side; what bleeds over a mask's edge in drawing, resampling and JPEG counts as hidden.
_EDGE = 1 / 64


@dataclass(frozen=True, slots=True, eq=False)
class Photographs:
    """Photographs of one face each, of any size.

    Attributes:
        images: RGB.
        landmarks_px: Of the face in each, float32, shape (n, 5, 2).
        names: Of the photographs.
    """

    images: tuple[ImageU8, ...]
    landmarks_px: NDArray[np.float32]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True, eq=False)
class PhotoPairs:
    """Photographs with and without a mask, pixel by pixel the same outside it.

    Attributes:
        masked: Inputs; landmarks are those of the bare picture.
        truth: Ground truth, the bare photographs.
        bare_names: Names of those.
        segmentations: Where the mask lies, shape (height, width) each.
    """

    masked: Photographs
    truth: tuple[ImageU8, ...]
    bare_names: tuple[str, ...]
    segmentations: tuple[NDArray[np.bool_], ...]

    def __len__(self) -> int:
        return len(self.masked)

    @property
    def bare(self) -> Photographs:
        """The bare photographs."""
        return Photographs(self.truth, self.masked.landmarks_px, self.masked.names)

    @property
    def hidden(self) -> tuple[NDArray[np.bool_], ...]:
        """Where the masks hide the faces, a little beyond their edge."""
        return tuple(dilated(region) for region in self.segmentations)


def dilated(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a region (height, width) dilated by 1/64 of its height."""
    reach = max(1, round(region.shape[0] * _EDGE))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return np.asarray(cv2.dilate(region.astype(np.uint8), kernel) > 0)


def read_pairs_file(path: Path) -> list[tuple[str, str]]:
    """Read the names in columns ``unmasked`` and ``masked`` of a CSV file.

    Raises:
        ConfigError: It cannot be read, lacks a column, or has fewer than two rows.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [(row["unmasked"], row["masked"]) for row in csv.DictReader(file)]
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read ({exc.strerror}); check --pairs.") from exc
    except (KeyError, UnicodeDecodeError, csv.Error) as exc:
        raise ConfigError(
            f"{path}: not a list of pairs ({exc}); expected columns unmasked and masked."
        ) from exc
    if len(rows) < 2:
        raise ConfigError(f"{path}: lists {len(rows)} pairs, expected at least 2.")
    return rows


def read_photo_pairs(
    path: Path, *, device: torch.device, segmentations: Path | None, limit: int
) -> PhotoPairs:
    """Read the exact pairs that a CSV file lists, and find the face in each bare picture.

    Args:
        path: Its names are relative to its folder.
        device: Where the detector runs.
        segmentations: Folder of the masks' segmentations; None takes where the pictures differ.
        limit: At most so many; 0 is all.

    Raises:
        ConfigError: A picture cannot be read, a pair differs in size, or there are too few faces.
    """
    rows = read_pairs_file(path)
    detector = photograph_detector(device)
    truth, masked, regions, landmarks = [], [], [], []
    names: list[tuple[str, str]] = []
    for without, with_mask in rows[: limit or None]:
        pictures = [_read(path.parent / name) for name in (without, with_mask)]
        if pictures[0].shape != pictures[1].shape:
            raise ConfigError(
                f"{path}: {without} and {with_mask} differ in size "
                f"({_size(pictures[0])} and {_size(pictures[1])} px); expected exact pairs."
            )
        face = find_main_face(pictures[0], detector)
        if face is None:
            logger.warning("%s: no face found in %s; the pair is left out.", path, without)
            continue
        if segmentations is None:
            region = _difference_region(*pictures)
        else:
            region = _read_segmentation(_segmentation_file(segmentations, with_mask), pictures[0])
        truth.append(pictures[0])
        masked.append(pictures[1])
        regions.append(region)
        landmarks.append(face.landmarks)
        names.append((without, with_mask))
    if len(names) < 2:
        raise ConfigError(f"{path}: faces were found in {len(names)} pairs, expected at least 2.")
    points = np.stack(landmarks).astype(np.float32)
    bare_names, masked_names = zip(*names, strict=True)
    return PhotoPairs(
        Photographs(tuple(masked), points, masked_names), tuple(truth), bare_names, tuple(regions)
    )


def with_landmarks(
    photographs: Photographs, keys: Sequence[str], known: Mapping[str, NDArray[np.float32]]
) -> Photographs:
    """Return the photographs with the landmarks that are known by their keys, others as before."""
    own = zip(keys, photographs.landmarks_px, strict=True)
    points = np.stack([known.get(key, landmarks) for key, landmarks in own])
    return Photographs(photographs.images, points, photographs.names)


def _read(path: Path) -> ImageU8:
    picture = try_read_picture(path)
    if picture is None:
        raise ConfigError(f"{path}: not there, or not a picture that can be read.")
    return picture


def _size(picture: ImageU8) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"


def _segmentation_file(folder: Path, with_mask: str) -> Path:
    """Return where a masked picture's segmentation lies: under the same folders, or under none."""
    masked = Path(with_mask)
    beside = folder.joinpath(*masked.parts[1:]).with_suffix(".png")
    return beside if beside.is_file() else folder / f"{masked.stem}.png"


def _read_segmentation(path: Path, picture: ImageU8) -> NDArray[np.bool_]:
    stored = _read(path)
    if stored.shape != picture.shape:
        raise ConfigError(
            f"{path}: segmentation has {_size(stored)} px, expected {_size(picture)} as the "
            "picture."
        )
    return np.asarray(stored[..., 0] >= 192)


def _difference_region(bare: ImageU8, masked: ImageU8) -> NDArray[np.bool_]:
    """Return the largest connected region where two pictures differ, without holes."""
    differs = cv2.absdiff(bare, masked).max(axis=2) > _DIFFERENCE
    kernel = np.ones((5, 5), np.uint8)
    whole = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_CLOSE, kernel, iterations=2)
    contours, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    region = np.zeros(bare.shape[:2], np.uint8)
    if contours:
        cv2.drawContours(region, [max(contours, key=cv2.contourArea)], -1, 1, -1)
    return np.asarray(region > 0)
