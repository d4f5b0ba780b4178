"""Crops that the scorers of MTCNN's second and third network learn from: a face, or none.

Faces are shown as videos show them: small or large, turned, bowed, dark, compressed, cut by the
frame's edge, bare ones in drawn masks. Boxes are put about the face by chance, and in some pictures
the networks before propose others, as in a conversion. A box is of a face or not by its overlap
with the face (Zhang et al., IEEE Signal Processing Letters 2016, section III-A).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from facemask_video.core.frame import ImageU8
from facemask_video.core.pictures import read_picture
from facemask_video.detect.boxes import to_squares
from facemask_video.detect.cascade import CascadeDetector
from facemask_video.detect.integral_image import Candidates, IntegralImages
from facemask_video.detect.mtcnn import OFFSET_PX
from trainers.data.augment import degrade, fabric_patch
from trainers.data.detector_faces import TaughtFace
from trainers.data.masks import draw_mask
from trainers.data.pitch import pitch_head
from trainers.data.styles import random_style

SIDES_PX = {"rnet": 24, "onet": 48}
"""Side of the crops that each network reads."""

_IS_FACE, _IS_NONE = 0.62, 0.3
"""Least overlap (intersection over union of squares) with a face, and most with none."""

_MOST_FACES, _MOST_NONE = 9, 12
"""Crops of a picture."""

_SEARCHED = 3
"""In every so manieth picture the networks propose boxes; that takes five times as long."""

_AROUND, _SQUARE_PX = 2.3, 176
"""Side of the square that a face is shown in, in its own longer sides, and in px."""

_DRAWN, _REAL_CLOTH, _HIGH, _LOOSE = 0.6, 0.3, 0.15, 0.3
"""Shares: of bare faces in a drawn mask, and of those of real cloth, pulled up, standing off."""

_BOWED, _PITCH_DEG, _SPOILT, _DARK, _TRUNCATED, _PADDED, _JPEG = 0.3, 30.0, 0.5, 0.3, 0.4, 0.5, 0.4
"""Shares: bowed or raised heads, blur and noise, dark pictures, cut close, edges repeated as in a
close look, compressed."""

_SMALLEST_PX, _LARGEST_PX = 14.0, 170.0
_TURN_DEG = 30.0

_SOMEBODY = 0.8
"""Score from which a box beside the face may be another person, who is not in the manifest."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCrops:
    """Crops of the same boxes for both networks.

    Attributes:
        images: uint8 (n, s, s, 3), RGB, by network.
        is_face: bool (n,).
    """

    images: dict[str, NDArray[np.uint8]]
    is_face: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.is_face)

    @classmethod
    def joined(cls, sets: Sequence["LabelledCrops"]) -> "LabelledCrops":
        """Put sets together; of none, no crops."""
        if not sets:
            empty = {name: np.zeros((0, px, px, 3), np.uint8) for name, px in SIDES_PX.items()}
            return cls(empty, np.zeros(0, np.bool_))
        images = {name: np.concatenate([each.images[name] for each in sets]) for name in SIDES_PX}
        return cls(images, np.concatenate([each.is_face for each in sets]))


@dataclass(frozen=True, slots=True, eq=False)
class ShownFace:
    """A face in a picture: RGB, its box (4,), (x0, y0, x1, y1) in px, and its points (5, 2)."""

    picture: ImageU8
    box: NDArray[np.float64]
    points: NDArray[np.float64]


def show_face(
    faces: Sequence[TaughtFace], number: int, cloths: Sequence[TaughtFace], rng: np.random.Generator
) -> ShownFace:
    """Show a face as a camera might.

    Args:
        faces: The faces.
        number: Which of them.
        cloths: Faces whose masks' cloth a drawn mask may take.
        rng: Chooses how.
    """
    face = faces[number]
    picture, to_square = _square(face)
    box, points = _mapped_face(face, to_square)
    if not face.is_masked and rng.random() < _DRAWN:
        cloth = None
        if cloths and rng.random() < _REAL_CLOTH:
            cloth = fabric_patch(_square(cloths[int(rng.integers(len(cloths)))])[0], rng)
        style = random_style(rng, wearing_high=_HIGH, wearing_loose=_LOOSE)
        picture, _ = draw_mask(picture, points.astype(np.float32), style, texture=cloth)
    if rng.random() < _BOWED:
        picture, box, points = _bow(picture, box, points, rng)
    if rng.random() < _SPOILT:
        picture, _ = degrade(picture, picture, rng)
    return _placed(picture, box, points, rng)


def _square(face: TaughtFace) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the square about a face, float RGB in [0, 1], and the map (2, 3) of px into it."""
    picture = read_picture(face.path)
    x0, y0, x1, y1 = face.box
    side = _AROUND * max(x1 - x0, y1 - y0)
    scale = _SQUARE_PX / side
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how)
    sx, sy = small.shape[1] / picture.shape[1], small.shape[0] / picture.shape[0]
    middle = np.array([sx * (x0 + x1) / 2, sy * (y0 + y1) / 2])
    shift = np.round(_SQUARE_PX / 2 - middle)
    moved = cv2.warpAffine(
        small,
        np.array([[1, 0, shift[0]], [0, 1, shift[1]]]),
        (_SQUARE_PX, _SQUARE_PX),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )
    to_square = np.array([[sx, 0, shift[0]], [0, sy, shift[1]]])
    return np.asarray(moved, np.float32) / np.float32(255), to_square


def _mapped_face(
    face: TaughtFace, to_square: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    scale, shift = to_square.diagonal(), to_square[:, 2]
    box = face.box.astype(np.float64) * np.tile(scale, 2) + np.tile(shift, 2)
    return box, face.points.astype(np.float64) * scale + shift


def _bow(
    picture: NDArray[np.float32],
    box: NDArray[np.float64],
    points: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Bow or raise a head; its box goes with the points' middle."""
    pitch = math.radians(rng.uniform(-_PITCH_DEG, _PITCH_DEG))
    column, row, bowed = pitch_head(points, picture.shape[0], pitch)
    moved = cv2.remap(picture, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    shift = bowed.mean(axis=0) - points.mean(axis=0)
    return np.asarray(moved, np.float32), box + np.tile(shift, 2), bowed


def _placed(
    picture: NDArray[np.float32],
    box: NDArray[np.float64],
    points: NDArray[np.float64],
    rng: np.random.Generator,
) -> ShownFace:
    """Reduce, turn and mirror a face, put it into a frame, in some light, and compress it."""
    side = float((box[2:] - box[:2]).max())
    scale = math.exp(rng.uniform(math.log(_SMALLEST_PX), math.log(_LARGEST_PX))) / side
    turn = math.radians(_TURN_DEG * float(np.clip(rng.normal(0, 0.5), -1.5, 1.5)))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    linear = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    linear = linear @ np.diag([mirror, 1.0])
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * scale
    # How far the frame reaches from the face's middle, left, up, right and down.
    reach = rng.uniform(0.9, 1.4, 4) * scale * side
    if rng.random() < _TRUNCATED:
        is_truncated = rng.random(4) < 0.6
        reach[is_truncated] = rng.uniform(0.3, 0.62, 4)[is_truncated] * scale * side
    width, height = (max(24, round(float(each))) for each in reach[:2] + reach[2:])
    at = reach[:2]
    offset = at - linear @ middle
    if scale < 1:
        # Blurred as much as a reduction by area would.
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), max(0.01, 0.35 / scale)), np.float32)
    matrix = np.column_stack([linear, offset + linear @ [0.5, 0.5] - 0.5])
    border = (cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT)[int(rng.random() < 0.3)]
    ground = tuple(float(each) for each in rng.uniform(0, 1, 3))
    frame = cv2.warpAffine(picture, matrix, (width, height), borderMode=border, borderValue=ground)
    light = rng.uniform(0.12, 0.5) if rng.random() < _DARK else rng.uniform(0.8, 1.25)
    frame = np.clip(frame, 0, 1) ** rng.uniform(0.75, 1.35) * light * rng.uniform(0.88, 1.12, 3)
    image = (np.clip(frame, 0, 1) * 255).round().astype(np.uint8)
    if rng.random() < _JPEG:
        _, packed = cv2.imencode(
            ".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
        )
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    placed = points @ linear.T + offset
    if mirror < 0:
        placed = placed[[1, 0, 2, 4, 3]]
    if rng.random() < _PADDED:
        edge = round(0.5 * max(width, height))
        image = np.asarray(cv2.copyMakeBorder(image, *(edge,) * 4, cv2.BORDER_REPLICATE), np.uint8)
        at, placed = at + edge, placed + edge
    return ShownFace(image, np.concatenate([at - half, at + half]), placed)


class CropCollector:
    """Takes from a picture of a face the crops that scorers learn from.

    Args:
        detector: With the networks that propose, at low thresholds.
    """

    def __init__(self, detector: CascadeDetector) -> None:
        self._detector = detector

    @torch.inference_mode()
    def collect(self, shown: ShownFace, number: int, rng: np.random.Generator) -> LabelledCrops:
        """Return the crops of a picture with one known face.

        Args:
            shown: The picture.
            number: Of the picture; boxes are proposed in every third.
            rng: Chooses boxes.
        """
        integral = IntegralImages([shown.picture], torch.device("cpu"))
        face = torch.from_numpy(shown.box + OFFSET_PX).to(torch.float32)
        square = to_squares(face[None])[0]
        spreads = ((6, 0.12), (3, 0.2), (10, 0.7))
        boxes = torch.cat([_near(face, n, rng, spread=spread) for n, spread in spreads])
        score = torch.zeros(len(boxes))
        if number % _SEARCHED == 0:
            side = float((shown.box[2:] - shown.box[:2]).max())
            for found in self._detector.proposals([shown.picture], (0.3 * side, 2.5 * side)):
                # Beside the face there may be somebody who is in no manifest.
                is_beside = overlap(found.corners, square) < 0.05
                known = found.at((~(is_beside & (found.score > _SOMEBODY))).nonzero()[:, 0])
                boxes, score = torch.cat([boxes, known.corners]), torch.cat([score, known.score])
        overlaps = overlap(boxes, square)
        faces = (overlaps >= _IS_FACE).nonzero()[:, 0]
        faces = faces[torch.from_numpy(rng.permutation(len(faces))[:_MOST_FACES])]
        none = (overlaps <= _IS_NONE).nonzero()[:, 0]
        likely = score[none] + 0.3 * torch.from_numpy(rng.random(len(none))).float()
        none = none[likely.argsort(descending=True)[:_MOST_NONE]]
        pick = torch.cat([faces, none])
        return crop_boxes(boxes[pick], np.arange(len(pick)) < len(faces), integral)


def _near(face: torch.Tensor, n: int, rng: np.random.Generator, *, spread: float) -> torch.Tensor:
    """Return squares (n, 4) put about a face by chance."""
    square = to_squares(face[None])[0]
    side = float(square[2] - square[0])
    middle = ((square[:2] + square[2:]) / 2).numpy()
    middle = middle + rng.normal(0, spread, (n, 2)) * side
    half = side / 2 * np.exp(rng.normal(0, spread, (n, 1)))
    return torch.from_numpy(np.concatenate([middle - half, middle + half], axis=1)).float()


def overlap(boxes: torch.Tensor, square: torch.Tensor) -> torch.Tensor:
    """Return the intersection over union (n,) of boxes (n, 4) with one (4,)."""
    low, high = torch.maximum(boxes[:, :2], square[:2]), torch.minimum(boxes[:, 2:], square[2:])
    both = (high - low).clamp(min=0).prod(dim=1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1) + (square[2:] - square[:2]).prod()
    return both / (area - both)


def crop_boxes(
    boxes: torch.Tensor, is_face: NDArray[np.bool_], integral: IntegralImages
) -> LabelledCrops:
    """Crop boxes (n, 4) of one picture, corners as MTCNN has them, for both networks."""
    tried = Candidates(boxes, torch.zeros(len(boxes)), torch.zeros(len(boxes)).long())
    images = {
        name: integral.crop(tried, px).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        for name, px in SIDES_PX.items()
    }
    return LabelledCrops(images, is_face)
