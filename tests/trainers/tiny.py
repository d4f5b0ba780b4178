"""A training run small enough for a test: drawn faces, networks of four channels, 32 px."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from facemask_video.align.template import TEMPLATE
from facemask_video.config.settings import build
from trainers.config import TrainConfig
from trainers.data.crops import CropSet
from trainers.fit.training_crops import TrainingCrops

SETTINGS: dict[str, object] = {
    "name": "tiny",
    "data.crop_size_px": 32,
    "data.load_size_px": 40,
    "data.n_workers": 0,
    "mask.ngf": 4,
    "mask.n_blocks": 1,
    "unmask.architecture": "two-stage",
    "unmask.ngf": 4,
    "unmask.n_blocks": 1,
    "unmask.segmentation_ngf": 4,
    "unmask.fold": 2,
    "discriminator.ndf": 4,
    "discriminator.n_layers": 2,
    "warm_start.gan_from": 8,
    "warm_start.lambda_perceptual": 0.0,
    "run.images": 24,
    "run.batch_size": 4,
    "run.stats_every": 8,
    "run.checkpoint_every": 8,
    "run.preview_every": 16,
    "run.measure_every": 0,
    "run.progress": "none",
    "run.device": "cpu",
    "run.precision": "fp32",
}


def tiny_config(**changes: Any) -> TrainConfig:
    """Return the configuration with changes by full name, ``__`` for the dot."""
    return build(
        TrainConfig, SETTINGS, {name.replace("__", "."): value for name, value in changes.items()}
    )


def drawn_crops(n_crops: int, *, size_px: int = 40, seed: int = 0, name: str = "bare") -> CropSet:
    """Draw skin-coloured ovals with eyes and mouths at the template's places."""
    rng = np.random.default_rng(seed)
    images, landmarks = [], []
    for _ in range(n_crops):
        points = TEMPLATE + rng.normal(0, 0.01, (5, 2))
        image = np.full((size_px, size_px, 3), rng.integers(0, 256, 3), np.uint8)
        skin = (np.array([215, 170, 145]) * rng.uniform(0.5, 1.1)).clip(0, 255)
        middle = (size_px // 2, round(0.55 * size_px))
        axes = (round(0.3 * size_px), round(0.42 * size_px))
        cv2.ellipse(image, middle, axes, 0, 0, 360, skin.tolist(), -1)
        for x, y in points[:2] * size_px:
            cv2.circle(image, (round(x), round(y)), max(1, size_px // 16), (30, 25, 25), -1)
        left, right = np.round(points[3:] * size_px).astype(int)
        cv2.line(image, tuple(left.tolist()), tuple(right.tolist()), (150, 40, 50), 2)
        images.append(image)
        landmarks.append(points.astype(np.float32))
    names = tuple(f"{name}/{index:03d}.png" for index in range(n_crops))
    return CropSet(np.stack(images), np.stack(landmarks), names)


def in_tracks(crops: CropSet) -> CropSet:
    """Say that each two crops are neighbouring frames of one track, and let them look it.

    The second is the first, a little larger, turned and moved; its landmarks go along.
    """
    images, landmarks = crops.images.copy(), crops.landmarks.copy()
    side = crops.size_px
    for index in range(1, len(crops), 2):
        move = cv2.getRotationMatrix2D((side / 2 - 0.5, side / 2 - 0.5), 4.0, 1.04)
        move[:, 2] += (0.8, -0.5)
        images[index] = cv2.warpAffine(
            images[index - 1], move, (side, side), borderMode=cv2.BORDER_REPLICATE
        )
        # OpenCV's origin is the centre of the first pixel.
        points = landmarks[index - 1] * side - 0.5
        landmarks[index] = (points @ move[:, :2].T + move[:, 2] + 0.5) / side
    moments = np.array([(number // 2, 10 + number) for number in range(len(crops))])
    return replace(crops, images=images, landmarks=landmarks, track_frames=moments)


def drawn_training_crops() -> TrainingCrops:
    """Return 16 crops of each domain and a few besides."""
    return TrainingCrops(
        drawn_crops(16, seed=1),
        drawn_crops(16, seed=2, name="masked"),
        drawn_crops(3, seed=3),
        drawn_crops(2, seed=4, name="masked"),
    )
