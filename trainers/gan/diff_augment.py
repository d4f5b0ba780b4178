"""Differentiable augmentation: what lets a discriminator learn from few pictures.

Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS 2020, section 3.
Real and fake pictures are varied alike before they are discriminated, and gradients pass through.
"""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, eq=False)
class DiffAugment:
    """One draw of the augmentation for n pictures of S px, each varied in its own way.

    Attributes:
        color: Changes of brightness, saturation and contrast, (3, n, 1, 1, 1) in [-0.5, 0.5).
        shift_px: Upper left corner in the picture padded by `_reach`, (n, 2) as (y, x).
        hole_px: Upper left corner of a grey square of S / 2 px, (n, 2) as (y, x).
    """

    color: Tensor | None = None
    shift_px: Tensor | None = None
    hole_px: Tensor | None = None

    @classmethod
    def draw(cls, kinds: tuple[str, ...], images: Tensor) -> "DiffAugment":
        """Draw a variation for pictures (n, c, S, S) from torch's generator.

        Args:
            kinds: Some of `KINDS`.
            images: What it is for; only shape and device count.
        """
        n_images, side = len(images), int(images.shape[-1])
        color, shift_px, hole_px = None, None, None
        if "color" in kinds:
            color = torch.rand(3, n_images, 1, 1, 1, device=images.device) - 0.5
        if "translation" in kinds:
            shift_px = torch.randint(0, 2 * _reach(side) + 1, (n_images, 2))
        if "cutout" in kinds:
            hole_px = torch.randint(-(side // 2) // 2, side, (n_images, 2))
        return cls(color, shift_px, hole_px)

    def of(self, images: slice) -> "DiffAugment":
        """Return the variation of some of the pictures."""
        return DiffAugment(
            None if self.color is None else self.color[:, images],
            None if self.shift_px is None else self.shift_px[images],
            None if self.hole_px is None else self.hole_px[images],
        )

    def vary(self, images: Tensor) -> Tensor:
        """Vary pictures (n, c, S, S) in [-1, 1]."""
        if self.color is not None:
            brightness, saturation, contrast = self.color
            images = images + brightness
            grey = images.mean(dim=1, keepdim=True)
            images = grey + (images - grey) * (1 + 2 * saturation)
            level = images.mean(dim=(1, 2, 3), keepdim=True)
            images = level + (images - level) * (1 + contrast)
        return self.move(images)

    def move(self, planes: Tensor) -> Tensor:
        """Shift planes (n, c, S, S) and cut holes of 0 into them as into the pictures."""
        side = planes.shape[-1]
        if self.shift_px is not None:
            padded = functional.pad(planes, (_reach(side),) * 4)
            moved = [
                plane[:, y : y + side, x : x + side]
                for plane, (y, x) in zip(padded, self.shift_px.tolist(), strict=True)
            ]
            planes = torch.stack(moved)
        if self.hole_px is not None:
            keep = torch.ones_like(planes[:, :1])
            for index, (y, x) in enumerate(self.hole_px.tolist()):
                keep[index, :, max(0, y) : y + side // 2, max(0, x) : x + side // 2] = 0
            planes = planes * keep
        return planes


def _reach(side_px: int) -> int:
    return max(1, side_px // 8)
