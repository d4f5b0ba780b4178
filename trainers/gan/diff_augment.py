"""Differentiable augmentation: what lets a discriminator learn from few pictures.

Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS 2020, section 3.
Real and fake pictures are varied alike before they are judged, and gradients pass through.
"""

import torch
from torch import Tensor
from torch.nn import functional

from facemask_video.core.errors import ConfigError

KINDS = ("color", "translation", "cutout")


def parse_kinds(text: str) -> tuple[str, ...]:
    """Read a comma-separated list of `KINDS`; empty is none.

    Raises:
        ConfigError: A name is not known.

    >>> parse_kinds("color, cutout")
    ('color', 'cutout')
    """
    kinds = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in kinds:
        if name not in KINDS:
            raise ConfigError(
                f"discriminator.diff_augment: got {name!r}, expected some of {', '.join(KINDS)}."
            )
    return kinds


def diff_augment(images: Tensor, kinds: tuple[str, ...]) -> Tensor:
    """Vary pictures (n, c, S, S) in [-1, 1], each in its own way, drawn from torch's generator."""
    if "color" in kinds:
        images = _change_color(images)
    if "translation" in kinds:
        images = _shift(images)
    if "cutout" in kinds:
        images = _cut_out(images)
    return images


def _uniform(images: Tensor) -> Tensor:
    """Draw a number in [-0.5, 0.5) for each picture."""
    return torch.rand(len(images), 1, 1, 1, device=images.device) - 0.5


def _change_color(images: Tensor) -> Tensor:
    images = images + _uniform(images)
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (1 + 2 * _uniform(images))
    level = images.mean(dim=(1, 2, 3), keepdim=True)
    return level + (images - level) * (1 + _uniform(images))


def _shift(images: Tensor) -> Tensor:
    """Move by up to an eighth of the side; what comes in is grey."""
    side = images.shape[-1]
    reach = max(1, side // 8)
    padded = functional.pad(images, (reach,) * 4)
    places = torch.randint(0, 2 * reach + 1, (len(images), 2))
    moved = [
        picture[:, y : y + side, x : x + side]
        for picture, (y, x) in zip(padded, places.tolist(), strict=True)
    ]
    return torch.stack(moved)


def _cut_out(images: Tensor) -> Tensor:
    """Grey out a square of half the side."""
    side = images.shape[-1]
    hole = side // 2
    keep = torch.ones_like(images[:, :1])
    for index, (y, x) in enumerate(torch.randint(-hole // 2, side, (len(images), 2)).tolist()):
        keep[index, :, max(0, y) : y + hole, max(0, x) : x + hole] = 0
    return images * keep
