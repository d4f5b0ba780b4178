"""The pictures of an evaluation: held-out crops, exact pairs, and masks drawn on held-out faces."""

import csv
import logging
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from facemask_video import geometry
from facemask_video.align.crop import cut_from_image
from facemask_video.detect.detector import Detector
from facemask_video.detect.mtcnn import MtcnnDetector
from facemask_video.errors import ConfigError
from facemask_video.frames import ImageU8
from facemask_video.warp import warp
from trainers.data.crops import CropSet, cut_folder, main_face, read_rgb, resize_crop
from trainers.data.extraction import is_extraction, read_extraction
from trainers.data.masks import draw_mask, random_style

logger = logging.getLogger(__name__)

Images = NDArray[np.uint8]
"""Shape (n, S, S, 3), RGB."""

Regions = NDArray[np.bool_]
"""Shape (n, S, S)."""

# As in training: the pictures show a face each, so weak detections are more often right than wrong.
_DETECTION_THRESHOLD = 0.6
_MIN_FACE_PX = 40.0

# Levels of a byte. JPEG at quality 92 moves single samples by up to about 20 of them.
_DIFFERENCE = 32

# Of the side; what bleeds over a mask's edge in drawing, resampling and JPEG counts as hidden.
_EDGE = 1 / 64


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Faces with and without a mask, pixel by pixel the same outside it.

    Attributes:
        masked: What goes in; landmarks are those of the bare picture.
        truth: What should come out, shape (n, S, S, 3).
        hidden: Where the mask hides the face, a little beyond its edge, shape (n, S, S).
    """

    masked: CropSet
    truth: Images
    hidden: Regions

    def __len__(self) -> int:
        return len(self.masked)

    @property
    def bare(self) -> CropSet:
        """The bare faces as crops."""
        return CropSet(self.truth, self.masked.landmarks, self.masked.names)


def detector(device: torch.device) -> Detector:
    """Return the detector that finds the main face of a picture."""
    return MtcnnDetector(device=device, threshold=_DETECTION_THRESHOLD, min_face_px=_MIN_FACE_PX)


def load_crops(
    source: Path, *, size_px: int, device: torch.device, domain: str | None = None
) -> CropSet:
    """Read a crop set, or cut one from a folder of pictures.

    Args:
        source: A file, a folder of pictures, or a folder that ``facemask-video extract`` made.
        size_px: Side at which the crops are judged.
        device: Where the detector runs.
        domain: Of extracted crops take ``bare`` or ``masked`` ones alone.

    Raises:
        ConfigError: It holds no face, or smaller crops than are judged.
    """
    if not source.is_dir():
        crops = CropSet.load(source)
    else:
        if is_extraction(source):
            crops, skipped = read_extraction(source, largest_px=size_px, domain=domain)
        else:
            crops, skipped = cut_folder(source, detector(device), crop_size_px=size_px)
        if skipped:
            name, reason = skipped[0]
            logger.warning(
                "%s: left out %d of %d pictures, such as %s: %s.",
                source,
                len(skipped),
                len(skipped) + len(crops),
                name,
                reason,
            )
    if crops.size_px < size_px:
        raise ConfigError(
            f"{source}: crops have {crops.size_px} px, expected at least the generators' "
            f"{size_px}; cut them again with facemask-train crops --size {size_px}."
        )
    return crops


def resized(crops: CropSet, size_px: int) -> CropSet:
    """Return the crops at another side, by the converter's own resampler."""
    if crops.size_px == size_px:
        return crops
    images = np.stack([resize_crop(image, size_px) for image in crops.images])
    return CropSet(images, crops.landmarks, crops.names)


def split(
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
    aside = crops.held_out(share)
    aside |= np.array([name in also for name in crops.names], dtype=bool)
    if aside.sum() < 2:
        raise ConfigError(
            f"{where}: {aside.sum()} of {len(crops)} faces are set aside for evaluation, expected "
            "at least 2; add pictures, or pass --held-out 1 for pictures never trained on."
        )
    return crops.take(aside), crops.take(~aside)


def first(crops: CropSet, limit: int) -> CropSet:
    """Return at most ``limit`` crops, evenly spread over the set; all where it is 0."""
    if not limit or len(crops) <= limit:
        return crops
    chosen = np.zeros(len(crops), dtype=bool)
    chosen[np.linspace(0, len(crops) - 1, limit).round().astype(int)] = True
    return crops.take(chosen)


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


def load_pairs(
    path: Path, *, size_px: int, device: torch.device, outlines: Path | None, limit: int
) -> Pairs:
    """Cut the exact pairs that a CSV file lists, both by the landmarks of the bare picture.

    Args:
        path: Its names are relative to its folder.
        size_px: Side of the crops.
        device: Where the detector runs.
        outlines: Folder of the masks' outlines; told from the difference where None.
        limit: At most so many; 0 is all.

    Raises:
        ConfigError: A picture cannot be read, or a pair differs in size.
    """
    rows = read_pairs_file(path)
    finder = detector(device)
    bare, masked, hidden, landmarks, names = [], [], [], [], []
    for without, with_mask in rows[: limit or None]:
        pictures = [_read(path.parent / name) for name in (without, with_mask)]
        if pictures[0].shape != pictures[1].shape:
            raise ConfigError(
                f"{path}: {without} and {with_mask} differ in size "
                f"({_size(pictures[0])} and {_size(pictures[1])} px); expected exact pairs."
            )
        face = main_face(pictures[0], finder)
        if face is None:
            logger.warning("%s: no face found in %s; the pair is left out.", path, without)
            continue
        outline = None if outlines is None else outlines / f"{Path(with_mask).stem}.png"
        region = _differing(*pictures) if outline is None else _outline(outline, pictures[0])
        points, to_crop = face.landmarks, None
        cut, to_crop = cut_from_image(pictures[0], points, size_px)
        bare.append(cut)
        masked.append(cut_from_image(pictures[1], points, size_px)[0])
        cover = warp(region, to_crop, width_px=size_px, height_px=size_px, border="zero")
        hidden.append(grown(cover > 0.5))
        landmarks.append(geometry.apply(to_crop, points) / size_px)
        names.append(with_mask)
    if len(names) < 2:
        raise ConfigError(f"{path}: faces were found in {len(names)} pairs, expected at least 2.")
    crops = CropSet(np.stack(masked), np.stack(landmarks).astype(np.float32), tuple(names))
    return Pairs(crops, np.stack(bare), np.stack(hidden))


def draw_pairs(bare: CropSet, *, seed: int) -> Pairs:
    """Draw a mask of random style on each bare face; face i of a seed gets the same mask always."""
    masked, hidden = [], []
    for number, (image, points) in enumerate(zip(bare.images, bare.landmarks, strict=True)):
        style = random_style(np.random.default_rng((seed, number)))
        picture = image.astype(np.float32) / 255
        drawn, cover = draw_mask(picture, points * bare.size_px, style)
        masked.append(np.rint(drawn * 255).astype(np.uint8))
        hidden.append(grown(cover > 0.05))
    crops = CropSet(np.stack(masked), bare.landmarks, bare.names)
    return Pairs(crops, bare.images, np.stack(hidden))


def grown(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a region (S, S) with a little more on every side."""
    reach = max(1, round(region.shape[0] * _EDGE))
    near = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return np.asarray(cv2.dilate(region.astype(np.uint8), near) > 0)


def _read(path: Path) -> ImageU8:
    picture = read_rgb(path)
    if picture is None:
        raise ConfigError(f"{path}: not there, or not a picture that can be read.")
    return picture


def _size(picture: ImageU8) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"


def _outline(path: Path, picture: ImageU8) -> NDArray[np.float32]:
    stored = _read(path)
    if stored.shape != picture.shape:
        raise ConfigError(
            f"{path}: outline has {_size(stored)} px, expected {_size(picture)} as the picture."
        )
    return (stored[..., 0] >= 192).astype(np.float32)


def _differing(bare: ImageU8, masked: ImageU8) -> NDArray[np.float32]:
    """Return the largest patch where two pictures differ, without holes."""
    apart = cv2.absdiff(bare, masked).max(axis=2) > _DIFFERENCE
    near = np.ones((5, 5), np.uint8)
    whole = cv2.morphologyEx(apart.astype(np.uint8), cv2.MORPH_CLOSE, near, iterations=2)
    outlines, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    region = np.zeros(bare.shape[:2], np.float32)
    if outlines:
        cv2.drawContours(region, [max(outlines, key=cv2.contourArea)], -1, 1.0, -1)
    return region
