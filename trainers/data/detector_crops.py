"""Crops that MTCNN's second and third network learn from, and what they are to say of each.

Faces are shown as videos show them: small or large, turned, bowed, dark, compressed, cut by the
frame's edge, bare ones in drawn masks. The networks before propose boxes in such a picture as in a
conversion; boxes put near the face by chance join them. A box is positive, negative or a part by
its overlap with the face (Zhang et al., IEEE Signal Processing Letters 2016, section III-A).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
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

NEGATIVE, POSITIVE, PART = 0, 1, 2
"""What a crop is: no face, a face, or a part of one, of which only the box is learnt."""

_IS_FACE, _IS_PART, _IS_NONE = 0.62, 0.4, 0.3
"""Least overlap (intersection over union of squares) of the first two, and most of the third."""

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
    """Crops of one network.

    Attributes:
        images: uint8 (n, s, s, 3), RGB.
        kinds: int8 (n,), `NEGATIVE`, `POSITIVE` or `PART`.
        regression: float32 (n, 4), from the box to the face's, in sides of the box.
        points: float32 (n, 10), five x, then five y, as parts of the box's sides.
    """

    images: NDArray[np.uint8]
    kinds: NDArray[np.int8]
    regression: NDArray[np.float32]
    points: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.kinds)

    @classmethod
    def joined(cls, sets: Sequence["LabelledCrops"]) -> "LabelledCrops":
        """Put sets together."""
        names = ("images", "kinds", "regression", "points")
        return cls(*(np.concatenate([getattr(each, name) for each in sets]) for name in names))


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
    """Takes from a picture the crops that networks learn from.

    Args:
        detector: With the networks that propose, at low thresholds.
        n_near: Boxes put near a face by chance, for each network.
        n_other: Most negative crops of a picture, for each.
    """

    def __init__(self, detector: CascadeDetector, *, n_near: int = 4, n_other: int = 6) -> None:
        self._detector = detector
        self._n_near, self._n_other = n_near, n_other

    @torch.inference_mode()
    def collect(self, shown: ShownFace, rng: np.random.Generator) -> dict[str, LabelledCrops]:
        """Return the crops of a picture with one known face, by network."""
        integral = IntegralImages([shown.picture], torch.device("cpu"))
        face = torch.from_numpy(shown.box + OFFSET_PX).to(torch.float32)[None]
        points = torch.from_numpy(shown.points + OFFSET_PX).to(torch.float32)
        side = float((shown.box[2:] - shown.box[:2]).max())
        proposed = self._detector.proposals([shown.picture], (0.4 * side, 2.5 * side))
        crops = {}
        for (name, side_px), found in zip(SIDES_PX.items(), proposed, strict=True):
            near = _near(face[0], self._n_near, rng, spread=0.18 if name == "rnet" else 0.12)
            beside = _near(face[0], 2 * self._n_other, rng, spread=0.7)
            boxes = torch.cat([found.corners, near, beside])
            overlap = _overlap(boxes, to_squares(face)[0])
            # Beside the face there may be somebody who is in no manifest.
            unknown = (overlap[: len(found)] < 0.05) & (found.score > _SOMEBODY)
            kinds = torch.full((len(boxes),), -1)
            kinds[overlap <= _IS_NONE] = NEGATIVE
            kinds[overlap >= _IS_PART] = PART
            kinds[overlap >= _IS_FACE] = POSITIVE
            kinds[: len(found)][unknown] = -1
            pick = self._picked(kinds, found.score, rng)
            boxes, kinds = boxes[pick], kinds[pick]
            tried = Candidates(boxes, torch.zeros(len(boxes)), torch.zeros(len(boxes)).long())
            crops[name] = _labelled(tried, kinds, face, points, integral, side_px)
        return crops

    @torch.inference_mode()
    def collect_negatives(
        self, picture: ImageU8, faces: Sequence[Box], n: int, rng: np.random.Generator
    ) -> dict[str, LabelledCrops]:
        """Return the crops of what is proposed beside all that may be a face in a picture.

        Args:
            picture: RGB.
            faces: What may be one; nothing is learnt of what touches it.
            n: Most crops for each network; the likeliest are taken.
            rng: Chooses.
        """
        integral = IntegralImages([picture], torch.device("cpu"))
        crops = {}
        for (name, side_px), found in zip(
            SIDES_PX.items(), self._detector.proposals([picture]), strict=True
        ):
            kinds = torch.full((len(found),), NEGATIVE)
            for face in faces:
                square = torch.tensor([face.x0, face.y0, face.x1, face.y1]) + OFFSET_PX
                kinds[_overlap(found.corners, to_squares(square[None])[0]) > 0.02] = -1
            pick = (kinds == NEGATIVE).nonzero()[:, 0]
            pick = pick[found.score[pick].argsort(descending=True)[:n]]
            tried = found.at(pick)
            nobody = torch.zeros(1, 4)
            crops[name] = _labelled(
                tried, kinds[pick], nobody, torch.zeros(5, 2), integral, side_px
            )
        return crops

    def _picked(
        self, kinds: torch.Tensor, score: torch.Tensor, rng: np.random.Generator
    ) -> torch.Tensor:
        """Pick some of each kind; of negative ones half the likeliest."""
        picked = []
        for kind, most in ((POSITIVE, 5), (PART, 2), (NEGATIVE, self._n_other)):
            at = (kinds == kind).nonzero()[:, 0]
            if kind == NEGATIVE and len(at) > most:
                likely = torch.cat([score, torch.zeros(len(kinds) - len(score))])[at]
                order = likely.argsort(descending=True)
                hard, rest = at[order[: most // 2]], at[order[most // 2 :]]
                some = torch.from_numpy(rng.permutation(len(rest))[: most - most // 2])
                at = torch.cat([hard, rest[some]])
            elif len(at) > most:
                at = at[torch.from_numpy(rng.permutation(len(at))[:most])]
            picked.append(at)
        return torch.cat(picked)


def _near(face: torch.Tensor, n: int, rng: np.random.Generator, *, spread: float) -> torch.Tensor:
    """Return squares (n, 4) put about a face by chance."""
    square = to_squares(face[None])[0]
    side = float(square[2] - square[0])
    middle = ((square[:2] + square[2:]) / 2).numpy()
    middle = middle + rng.normal(0, spread, (n, 2)) * side
    half = side / 2 * np.exp(rng.normal(0, spread, (n, 1)))
    return torch.from_numpy(np.concatenate([middle - half, middle + half], axis=1)).float()


def _overlap(boxes: torch.Tensor, square: torch.Tensor) -> torch.Tensor:
    low, high = torch.maximum(boxes[:, :2], square[:2]), torch.minimum(boxes[:, 2:], square[2:])
    both = (high - low).clamp(min=0).prod(dim=1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1) + (square[2:] - square[:2]).prod()
    return both / (area - both)


def _labelled(
    tried: Candidates,
    kinds: torch.Tensor,
    face: torch.Tensor,
    points: torch.Tensor,
    integral: IntegralImages,
    side_px: int,
) -> LabelledCrops:
    """Crop boxes and tell what the network is to say, as `apply_regression` reads it."""
    sides = tried.corners[:, 2:] - tried.corners[:, :2] + 1
    regression = (face - tried.corners) / sides.repeat(1, 2)
    parts = (points[None] - tried.corners[:, None, :2] + 1) / sides[:, None]
    crops = integral.crop(tried, side_px).round().to(torch.uint8)
    return LabelledCrops(
        np.ascontiguousarray(crops.permute(0, 2, 3, 1).numpy()),
        kinds.to(torch.int8).numpy(),
        regression.numpy(),
        torch.cat([parts[..., 0], parts[..., 1]], dim=1).numpy(),
    )
