"""Faces whose boxes and points a detector learns, in the places where MTCNN would have them.

A manifest's boxes are another detector's. What follows a detection (tracking, alignment, the
landmark network) is made for MTCNN's, so bare faces get what the original networks say of them, and
masked ones, of which those are unsure, what the manifest's box and points lead to by a linear map
fitted on the bare ones.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facemask_video.core.errors import ConfigError
from facemask_video.core.geometry import Box, iou
from facemask_video.core.pictures import try_read_picture
from facemask_video.detect.cascade import CascadeDetector
from facemask_video.detect.integral_image import Candidates, IntegralImages, crop_around
from facemask_video.detect.landmarks import LandmarkNetwork
from facemask_video.detect.mtcnn import OFFSET_PX
from facemask_video.detect.refinement import place_landmarks
from trainers.data.splits import MANIFEST, read_sources, source_of

BARE, MASKED = "faces_unmasked", "faces_masked"
_POINTS = ("reye", "leye", "nose", "rmouth", "lmouth")
_SURE = 0.95
"""Mean score at which the original networks are believed."""
_SAME_FACE = 0.4


@dataclass(frozen=True, slots=True)
class ListedFace:
    """A line of a manifest.

    Attributes:
        path: The picture.
        name: With the folder of the domain, as lists of names have it.
        source: Whom or what it shows; what splits go by.
        box: (x0, y0, x1, y1) in px of the picture, by the manifest.
        points: (5, 2), likewise.
    """

    path: Path
    name: str
    source: str
    box: NDArray[np.float64]
    points: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TaughtFace:
    """A face and what a detector is to say of it.

    Attributes:
        path: The picture.
        is_masked: Of a real mask.
        box: (x0, y0, x1, y1) in px of the picture, where MTCNN has it.
        points: (5, 2), likewise.
    """

    path: Path
    is_masked: bool
    box: NDArray[np.float32]
    points: NDArray[np.float32]


def list_faces(
    folder: Path, *, folders: Sequence[str] = (), whole_folders: Sequence[str] = ()
) -> list[ListedFace]:
    """Return the faces of a manifest.

    Args:
        folder: Holds ``manifest.csv`` with the columns ``file``, ``box_x``, ``box_y``, ``box_w``,
            ``box_h``, and ``reyex``, ``reyey`` and so on for eyes, nose and corners of the mouth.
        folders: Which of its folders to take; all where empty.
        whole_folders: Folders that show the same people again and again.

    Raises:
        ConfigError: The manifest cannot be read, or names no face.
    """
    path = folder / MANIFEST
    try:
        sources = read_sources(folder)
        with path.open(encoding="utf-8", newline="") as file:
            faces = [_listed(folder, line, sources, whole_folders) for line in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, KeyError, ValueError, TypeError, csv.Error) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else f"{type(exc).__name__}: {exc}"
        raise ConfigError(
            f"{path}: not a manifest of faces ({reason}); expected columns file, box_x, box_y, "
            "box_w, box_h and reyex to lmouthy."
        ) from exc
    faces = [face for face in faces if not folders or face.path.parent.name in folders]
    if not faces:
        raise ConfigError(f"{path}: names no face{' of ' + ', '.join(folders) if folders else ''}.")
    return faces


def _listed(
    folder: Path, line: dict[str, str], sources: dict[str, str], whole_folders: Sequence[str]
) -> ListedFace:
    name = f"{folder.name}/{line['file']}"
    x, y, width, height = (float(line[f"box_{key}"]) for key in "xywh")
    points = [[float(line[f"{point}{axis}"]) for axis in "xy"] for point in _POINTS]
    return ListedFace(
        folder / line["file"],
        name,
        source_of(name, sources.get(name, ""), whole_folders=whole_folders),
        np.array([x, y, x + width, y + height]),
        np.array(points),
    )


def teach(
    bare: Sequence[ListedFace],
    masked: Sequence[ListedFace],
    landmarks: LandmarkNetwork,
    *,
    device: torch.device,
    on_face: Callable[[int, int], None] = lambda done, total: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> list[TaughtFace] | None:
    """Place the boxes and points that a detector learns; a face of no use is left out.

    Args:
        bare: Bare faces; the first 300 of them at least should be seen by the original networks.
        masked: Masked faces.
        landmarks: Places the points of masked faces.
        device: Where the original networks run.
        on_face: Called with the number of faces done and their total.
        is_stopped: Asked before each face.

    Returns:
        The faces; None where it was stopped.

    Raises:
        ConfigError: Of the bare faces none is seen.
    """
    total = len(bare) + len(masked)
    detector = CascadeDetector(device=device, threshold=0.5, min_face_px=20.0)
    taught: list[TaughtFace] = []
    seen: list[ListedFace] = []
    for number, face in enumerate(bare):
        if is_stopped():
            return None
        on_face(number, total)
        placed = _seen(face, detector)
        if placed is not None:
            taught.append(placed)
            seen.append(face)
    if not seen:
        raise ConfigError(f"none of {len(bare):,} bare faces is one that MTCNN sees.")
    to_box = _fit([(face, each.box) for face, each in zip(seen, taught, strict=True)])
    for number, face in enumerate(masked, len(bare)):
        if is_stopped():
            return None
        on_face(number, total)
        box = _mapped(face, to_box)
        points = _points(face, box, landmarks, device)
        if points is not None:
            taught.append(TaughtFace(face.path, True, box, points))
    on_face(total, total)
    return taught


def _seen(face: ListedFace, detector: CascadeDetector) -> TaughtFace | None:
    """Return what the original networks say of a bare face, if they are sure of it."""
    picture = try_read_picture(face.path)
    if picture is None:
        return None
    box = Box(*face.box)
    (found,) = detector.refine([picture], [[box]])[0]
    if found.score < _SURE or iou(found.box, box) < _SAME_FACE:
        return None
    at = np.array([found.box.x0, found.box.y0, found.box.x1, found.box.y1], np.float32)
    return TaughtFace(face.path, False, at, found.landmarks)


def _measures(face: ListedFace) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what a map reads of a face, and the centre and side that it is measured in."""
    centre, side = (face.box[:2] + face.box[2:]) / 2, face.box[3] - face.box[1]
    points = (face.points - centre) / side
    width = (face.box[2] - face.box[0]) / side
    return np.concatenate([points.ravel(), [width, 1.0]]), np.array([*centre, *centre, side])


def _fit(pairs: Sequence[tuple[ListedFace, NDArray[np.float32]]]) -> NDArray[np.float64]:
    read, wanted = [], []
    for face, box in pairs:
        measures, at = _measures(face)
        read.append(measures)
        wanted.append((box - at[:4]) / at[4])
    solution, *_ = np.linalg.lstsq(np.array(read), np.array(wanted), rcond=None)
    return np.asarray(solution, np.float64)


def _mapped(face: ListedFace, to_box: NDArray[np.float64]) -> NDArray[np.float32]:
    measures, at = _measures(face)
    return np.asarray(measures @ to_box * at[4] + at[:4], np.float32)


def _points(
    face: ListedFace, box: NDArray[np.float32], network: LandmarkNetwork, device: torch.device
) -> NDArray[np.float32] | None:
    """Return where a network places the points of the face in a box; None without a picture."""
    picture = try_read_picture(face.path)
    if picture is None:
        return None
    around, x0, y0 = crop_around([picture], [Box(*map(float, box))])
    origin = torch.tensor([x0, y0, x0, y0], dtype=torch.float32)
    corners = (torch.from_numpy(box) - origin + OFFSET_PX)[None].to(device)
    index = torch.zeros(1, dtype=torch.int64, device=device)
    faces = Candidates(corners, torch.ones(1, device=device), index)
    with torch.inference_mode():
        points = place_landmarks(faces, IntegralImages(around, device), network)[0].cpu()
    return np.asarray(points + origin[:2] - OFFSET_PX, np.float32)
