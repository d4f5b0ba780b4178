"""How one crop becomes many: jitter of place and colour, edges, fabric, degradation."""

from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.align.crop import frame_to_crop
from facemask_video.core.geometry import Affine
from trainers.config import AugmentationConfig
from trainers.data.masks import FloatImage
from trainers.data.noise import smooth_noise
from trainers.data.pitch import pitch_head
from trainers.data.yaw import turn_head

Sample = TypeVar("Sample", np.uint8, np.float32)

_FURTHEST_TURN_RAD = 0.7
"""How far a head is turned further: a photograph of 20 degrees becomes one of 60."""

_SMALL_FACE_PX = 40
"""What the smallest faces' crops are in a video, whatever the size they are enlarged to."""


def vary(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    crop_size_px: int,
    augmentation: AugmentationConfig,
    rng: np.random.Generator,
) -> tuple[FloatImage, NDArray[np.float32]]:
    """Jitter place and colour of a crop; returns float RGB in [0, 1] and landmarks in px.

    A fourth channel is moved with the others and keeps its values. Crops that have one, of real
    masks, are not turned: a mask stands off the face that the head model knows.
    """
    if augmentation.profiles > 0 and rng.random() < augmentation.profiles and image.shape[2] == 3:
        image, landmarks = _turned_further(image, landmarks, rng)
    moved, points = _move(image, landmarks, crop_size_px, augmentation, rng)
    whole = np.asarray(moved, np.float32) / np.float32(255)
    picture = _relight(whole[..., :3], augmentation, rng)
    varied = np.concatenate([picture, whole[..., 3:]], axis=2)
    return np.asarray(varied, np.float32), points.astype(np.float32)


def _turned_further(
    image: NDArray[np.uint8], landmarks: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Turn a head further to its side, and cut it again by its own landmarks."""
    side = image.shape[0]
    picture, points = turn_head(image, landmarks * side, rng.uniform(0, _FURTHEST_TURN_RAD))
    to_crop = frame_to_crop(points.astype(np.float32), side)
    points = points @ to_crop[:, :2].T + to_crop[:, 2]
    return move(picture, to_crop, side), (points / side).astype(np.float32)


def _move(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    crop_size_px: int,
    augmentation: AugmentationConfig,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Jitter place and pose."""
    side = image.shape[0]
    to_jittered = draw_jitter(side, crop_size_px, augmentation, rng)
    linear, offset = to_jittered[:, :2], to_jittered[:, 2]
    points, sources = landmarks.astype(np.float64) * side, None
    if augmentation.pitch_deg > 0:
        pitch = np.deg2rad(rng.uniform(-1, 1) * augmentation.pitch_deg)
        *sources, points = pitch_head(points, side, pitch)
        # The crop of a bowed head lies where its own points say.
        to_crop = frame_to_crop(points.astype(np.float32), side)
        offset = offset + linear @ to_crop[:, 2]
        linear = linear @ to_crop[:, :2]
    to_jittered = np.concatenate([linear, offset[:, None]], axis=1)
    if sources is None:
        moved = move(image, to_jittered, crop_size_px)
    else:
        column, row = (move(source, to_jittered, crop_size_px) for source in sources)
        moved = np.asarray(
            cv2.remap(image, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
            np.uint8,
        )
    points = points @ linear.T + offset
    is_mirrored = np.linalg.det(linear) < 0
    return moved, points[[1, 0, 2, 4, 3]] if is_mirrored else points


def draw_jitter(
    side_px: int, crop_size_px: int, augmentation: AugmentationConfig, rng: np.random.Generator
) -> Affine:
    """Draw a similarity, (2, 3), from px of a crop to px of a sample: roll, size, place, mirror.

    Convention: the origin is the outer corner of the top-left pixel.
    """
    turn = np.deg2rad(rng.uniform(-1, 1) * augmentation.turn_deg)
    zoom = crop_size_px / side_px * (1 + rng.uniform(-1, 1) * augmentation.scale)
    mirror = -1.0 if augmentation.flip and rng.random() < 0.5 else 1.0
    linear = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = linear @ np.diag([mirror, 1.0])
    middle = crop_size_px / 2 + rng.uniform(-1, 1, 2) * augmentation.shift * crop_size_px
    offset = middle - linear @ np.array([side_px / 2, side_px / 2])
    return np.concatenate([linear, offset[:, None]], axis=1)


def move(plane: NDArray[Sample], to_moved: Affine, size_px: int) -> NDArray[Sample]:
    """Move a picture, (S, S) or (S, S, c), to (size_px, size_px); beyond it its edge repeats."""
    linear, offset = to_moved[:, :2], to_moved[:, 2]
    # OpenCV's origin is the centre of the first pixel.
    centred = offset + linear @ np.array([0.5, 0.5]) - 0.5
    matrix = np.concatenate([linear, centred[:, None]], axis=1)
    size = (size_px, size_px)
    moved = cv2.warpAffine(
        plane, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, plane.dtype)


def _relight(
    picture: FloatImage, augmentation: AugmentationConfig, rng: np.random.Generator
) -> FloatImage:
    """Jitter colour and light."""
    strength = augmentation.color
    if strength > 0:
        luma = picture.mean(axis=2, keepdims=True)
        picture = luma + (picture - luma) * np.float32(1 + rng.uniform(-1, 1) * strength)
        gain = (1 + rng.uniform(-1, 1) * strength) * (1 + rng.uniform(-1, 1, 3) * 0.25 * strength)
        picture = picture * gain.astype(np.float32)
        gamma = np.float32(np.exp(rng.uniform(-1, 1) * strength))
        picture = np.power(np.clip(picture, 0, 1), gamma)
    if augmentation.cast > 0:
        picture = picture * (1 + rng.uniform(-1, 1, 3) * augmentation.cast).astype(np.float32)
    if augmentation.light > 0:
        light = _uneven_light(picture.shape[0], augmentation.light, rng)
        picture = picture * light[..., None]
    if augmentation.cast > 0 or augmentation.light > 0:
        picture = np.clip(picture, 0, 1)
    return picture


def _uneven_light(size_px: int, strength: float, rng: np.random.Generator) -> FloatImage:
    """Return a factor a pixel, (S, S), smooth over the face: far darker, or a bit brighter."""
    smooth = smooth_noise(rng, (3, 3), size_px, mean=-0.5 * strength, spread=strength)
    return np.asarray(np.exp(np.clip(smooth, -1.5, 0.25)), np.float32)


def truncate(
    pictures: Sequence[NDArray[np.float32]], rng: np.random.Generator
) -> list[NDArray[np.float32]]:
    """Let pictures of one face end inside the crop; beyond, their edge is repeated (`align_face`).

    Args:
        pictures: Of one size, shape (S, S) or (S, S, 3); all end at the same places.
        rng: Chooses the sides, mostly the one under the chin, and the roll of the picture's frame.
    """
    side = pictures[0].shape[0]
    turn = np.deg2rad(rng.uniform(-25, 25))
    x0, y0, x1, y1 = -2.0, -2.0, 2.0, 2.0
    if rng.random() < 0.8:
        y1 = rng.uniform(0.62, 0.95)
    if rng.random() < 0.4:
        y0 = rng.uniform(0.02, 0.28)
    if rng.random() < 0.35:
        x0 = rng.uniform(0.02, 0.25)
    if rng.random() < 0.35:
        x1 = rng.uniform(0.75, 0.98)
    # Where each pixel is taken from: its own place, held inside the turned box.
    places = (np.indices((side, side), np.float32)[::-1] + 0.5) / side - 0.5
    to_frame = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]], np.float32)
    framed = np.tensordot(to_frame, places, 1)
    framed[0] = np.clip(framed[0], x0 - 0.5, x1 - 0.5)
    framed[1] = np.clip(framed[1], y0 - 0.5, y1 - 0.5)
    x, y = (np.tensordot(to_frame.T, framed, 1) + 0.5) * side - 0.5
    return [
        np.asarray(
            cv2.remap(p, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
        )
        for p in pictures
    ]


def fabric_patch(masked: FloatImage, rng: np.random.Generator) -> FloatImage:
    """Return a patch of fabric of an aligned, really masked face: from where every mask is."""
    side = masked.shape[0]
    x0, x1 = (int(side * v) for v in (rng.uniform(0.32, 0.42), rng.uniform(0.58, 0.68)))
    y0, y1 = (int(side * v) for v in (rng.uniform(0.54, 0.62), rng.uniform(0.72, 0.84)))
    return masked[y0:y1, x0:x1]


def degrade(
    masked: FloatImage, bare: FloatImage, rng: np.random.Generator
) -> tuple[FloatImage, FloatImage]:
    """Degrade a pair as cameras and codecs do: both lose detail, the input alone gets noise."""
    side = masked.shape[0]
    if rng.random() < 0.6:
        small = max(8, int(side * rng.uniform(min(0.3, _SMALL_FACE_PX / side), 0.9)))
        masked, bare = (lose_detail(picture, small) for picture in (masked, bare))
    if rng.random() < 0.25:
        length = int(rng.integers(2, 6))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        if rng.random() < 0.5:
            kernel = kernel.T.copy()
        masked, bare = (
            np.asarray(cv2.filter2D(picture, -1, kernel), np.float32) for picture in (masked, bare)
        )
    if rng.random() < 0.5:
        masked = masked + rng.normal(0, rng.uniform(0.005, 0.04), masked.shape).astype(np.float32)
    if rng.random() < 0.5:
        quality = int(rng.integers(35, 95))
        pixels = (np.clip(masked, 0, 1) * 255).astype(np.uint8)
        _, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        unpacked = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
        masked = np.asarray(unpacked.astype(np.float32) / 255, np.float32)
    return np.clip(masked, 0, 1).astype(np.float32), np.clip(bare, 0, 1).astype(np.float32)


def lose_detail(image: FloatImage, small_px: int) -> FloatImage:
    """Shrink a picture to ``small_px`` and enlarge it again."""
    side = image.shape[0]
    small = cv2.resize(image, (small_px, small_px), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
