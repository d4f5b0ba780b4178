"""Pictures of progress: the same held-out faces each time, in rows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facemask_video.core.frame import ImageU8
from facemask_video.core.pixels import to_images
from facemask_video.translate.networks import Generator
from trainers.config import AugmentationConfig
from trainers.data.augment import vary
from trainers.data.crops import CropSet
from trainers.data.masks import draw_mask
from trainers.data.styles import random_style
from trainers.fit.curves import caption

_AS_THEY_ARE = AugmentationConfig(flip=False, turn_deg=0, scale=0, shift=0, color=0, degradation=0)


@dataclass(frozen=True, slots=True, eq=False)
class PreviewFaces:
    """Faces that every preview shows, (n, 3, S, S) in [-1, 1].

    Attributes:
        bare: Bare.
        drawn: The same with drawn masks of many kinds.
        masked: Others with real masks.
    """

    bare: Tensor
    drawn: Tensor
    masked: Tensor


def choose_faces(
    bare: CropSet, masked: CropSet, *, crop_size_px: int, n_faces: int = 12, seed: int = 5
) -> PreviewFaces:
    """Take the same faces of the same sets every time."""
    rng = np.random.default_rng(seed)
    shown, drawn, masks = [], [], []
    for index in rng.permutation(len(bare))[:n_faces]:
        face, landmarks = vary(
            bare.images[index], bare.landmarks[index], crop_size_px, _AS_THEY_ARE, rng
        )
        shown.append(face)
        drawn.append(draw_mask(face, landmarks, random_style(rng))[0])
    for index in rng.permutation(len(masked))[:n_faces]:
        face, _ = vary(
            masked.images[index], masked.landmarks[index], crop_size_px, _AS_THEY_ARE, rng
        )
        masks.append(face)
    return PreviewFaces(_stack(shown), _stack(drawn), _stack(masks))


def crops_as_they_are(crops: CropSet, crop_size_px: int, most: int) -> Tensor:
    """Return the first ``most`` crops at the size trained on, (n, 3, S, S) in [-1, 1]."""
    rng = np.random.default_rng(0)
    return _stack(
        [
            vary(image, landmarks, crop_size_px, _AS_THEY_ARE, rng)[0]
            for image, landmarks in zip(crops.images[:most], crops.landmarks[:most], strict=True)
        ]
    )


@torch.no_grad()
def draw_preview(generators: Mapping[str, Generator], faces: PreviewFaces) -> ImageU8:
    """Show what generators do, in rows with captions: inputs, results, at last ``unmask``'s alpha.

    Args:
        generators: By direction, in evaluation mode; one may be missing.
        faces: What they are given.
    """
    rows: dict[str, Tensor] = {}
    if "mask" in generators:
        rows["bare faces"] = faces.bare
        rows["mask: masks put on"], _ = _run(generators["mask"], faces.bare)
    if "unmask" in generators:
        rows["faces in drawn masks"] = faces.drawn
        rows["unmask: drawn masks taken off"], _ = _run(generators["unmask"], faces.drawn)
        rows["faces in real masks"] = faces.masked
        bared, alpha = _run(generators["unmask"], faces.masked)
        rows["unmask: real masks taken off"] = bared
        rows["unmask: alpha of real masks"] = alpha.expand(-1, 3, -1, -1) * 2 - 1
    n_columns = max(len(row) for row in rows.values())
    pictures = []
    for title, row in rows.items():
        images = to_images(row)
        images += [np.zeros_like(images[0])] * (n_columns - len(images))
        pictures += [caption(title, n_columns * images[0].shape[1]), np.hstack(images)]
    return np.asarray(np.vstack(pictures), np.uint8)


def _run(network: Generator, images: Tensor) -> tuple[Tensor, Tensor]:
    device = next(network.parameters()).device
    inputs = images.to(device)
    translation = network(inputs)
    return translation.over(inputs).float().cpu(), translation.alpha.float().cpu()


def _stack(images: list[NDArray[np.float32]]) -> Tensor:
    planes = np.stack([image.transpose(2, 0, 1) * 2 - 1 for image in images])
    return torch.from_numpy(planes.astype(np.float32)).contiguous(memory_format=torch.channels_last)
