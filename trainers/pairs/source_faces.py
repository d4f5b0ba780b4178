"""The bare faces that masks are put on, from pictures, an extraction, or a file of crops."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.errors import ConfigError
from facemask_video.core.frame import ImageU8
from facemask_video.core.pictures import try_read_picture
from facemask_video.detect.detector import Detector
from facemask_video.detect.single_image import find_main_face
from facemask_video.extract.manifest import read_manifest
from trainers.data.crops import CropSet, face_crop, list_images, resize_crop
from trainers.data.extraction import is_extraction, kept_rows

_DEFAULT_SIZE_PX = 256

UNREADABLE, NO_FACE = "unreadable", "no face found"


@dataclass(frozen=True, slots=True, eq=False)
class FaceSource:
    """Where one face comes from; small enough to be sent to another process.

    Attributes:
        name: What it is called in its set.
        path: Picture to read it from; None where ``image`` is there already.
        image: An aligned crop.
        landmarks: Shape (5, 2), as fractions of the aligned crop's side; None where the picture is
            not cut yet and its face has to be looked for.
        split: ``train``, ``val`` or ``test`` where its set says; else None.
    """

    name: str
    path: Path | None = None
    image: ImageU8 | None = None
    landmarks: NDArray[np.float32] | None = None
    split: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class AlignedFace:
    """An aligned bare face: image (S, S, 3) and landmarks (5, 2) in its px."""

    image: ImageU8
    landmarks: NDArray[np.float32]


def list_face_sources(place: Path) -> tuple[list[FaceSource], list[tuple[str, str]]]:
    """List the faces of a folder of pictures, an extraction or a file of crops.

    Returns:
        The faces in a fixed order, and (name, reason) for each that cannot be one.

    Raises:
        ConfigError: Nothing is there.
        CropsError: The manifest of an extraction is damaged.
    """
    if not place.is_dir():
        return _crops(CropSet.load(place)), []
    if not is_extraction(place):
        folder = place.resolve()
        return [
            FaceSource(path.relative_to(folder).as_posix(), path) for path in list_images(folder)
        ], []
    rows, skipped = kept_rows(place, read_manifest(place), domain="bare")
    if not rows:
        raise ConfigError(f"{place}: its manifest keeps no bare face; name a set that has some.")
    sources = []
    for row in rows:
        points = (np.array(row.crop_landmarks) / row.size_px).astype(np.float32)
        # A row without a picture is reported like a picture that cannot be read.
        path = place / (row.file or f"{row.crop}.png")
        sources.append(FaceSource(row.crop, path, None, points, row.split))
    return sources, skipped


def _crops(crops: CropSet) -> list[FaceSource]:
    repeated = len(crops) - len(set(crops.names))
    if repeated:
        raise ConfigError(
            f"{repeated} crops have a name that another has too; cut them from one folder."
        )
    return [
        FaceSource(name, None, np.ascontiguousarray(image), points)
        for name, image, points in zip(crops.names, crops.images, crops.landmarks, strict=True)
    ]


def load_face(
    source: FaceSource, detector: Callable[[], Detector], *, size_px: int | None
) -> AlignedFace | str:
    """Read, find and cut a face.

    Args:
        source: Where it comes from.
        detector: Returns what finds it in a picture; called where it has to be looked for.
        size_px: Side that is wanted; None is `_DEFAULT_SIZE_PX`, or a crop's own.

    Returns:
        The face, or the reason why there is none.
    """
    image = source.image if source.path is None else try_read_picture(source.path)
    if image is None:
        return UNREADABLE
    points = source.landmarks
    if points is None:
        found = find_main_face(image, detector())
        if found is None:
            return NO_FACE
        image, points = face_crop(image, found, size_px or _DEFAULT_SIZE_PX)
    elif image.shape[0] != image.shape[1]:
        return UNREADABLE
    elif size_px is not None:
        image = resize_crop(image, size_px)
    return AlignedFace(image, points * np.float32(image.shape[0]))
