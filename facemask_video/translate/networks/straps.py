"""Straps of a mask, which run from its sides to the ears as thin, light lines.

A segmentation network misses what is a px or two wide. Here a line is looked for by its shape and
colour, and taken where the network gives it a small probability and it hangs on the mask.

Convention: as in `facemask_video.translate.networks.inpaint`.
"""

import torch
from torch import Tensor
from torch.nn import functional

from facemask_video.translate.networks import inpaint

# Straps are looked for at this size: there they are 1 to 4 px wide.
_SIZE_PX = 128
_HALF_WIDTH_PX = 2
_CELL_PX = 4
_STEPS = 10
"""Cells over which a strap is followed: 40 px, from the mask to behind an ear."""

_RISE = 0.09
"""By which a strap's darkest channel exceeds that of what lies beside it, of a range of 2. Skin and
hair have one dark channel, blue, also where they shine."""

_LARGEST_CHROMA = 0.3
"""Of a strap: between its lightest and darkest channel."""

_LEAST_PROBABILITY = 0.002
_DARK_CLOTH = -0.4
"""Mean of the darkest channel under which a mask is dark, and so are its straps: not looked for,
as hair and the edge of the jaw are dark lines too."""

_TOP, _BOTTOM, _CENTRE = 0.30, 0.75, 0.21
"""Rows between which straps lie, and the distance from the middle beyond which they do, as
fractions of the crop's side. Nearer lie glasses, eyes and the nose."""

_REACH_PX = 5
"""A line that ends nearer than this to the mask is its hem, which is covered in any case."""


def find_straps(image: Tensor, probability: Tensor, opacity: Tensor) -> Tensor:
    """Return where light straps of a mask are seen, as 1 or 0.

    A line is what a morphological opening takes away (the white top-hat transform: Serra, "Image
    Analysis and Mathematical Morphology", 1982).

    Args:
        image: Shape (n, 3, S, S) in [-1, 1].
        probability: Shape (n, 1, S, S), how likely each pixel is cloth.
        opacity: Shape (n, 1, S, S), the mask itself; not part of the result.

    Returns:
        Shape (n, 1, S, S).
    """
    size = image.shape[-2:]
    factor = max(1, image.shape[-1] // _SIZE_PX)
    image = functional.avg_pool2d(image, factor)
    probability = functional.max_pool2d(probability, factor)
    opacity = functional.max_pool2d(opacity, factor)
    darkest, lightest = image.amin(1, keepdim=True), image.amax(1, keepdim=True)
    opened = inpaint.dilate(inpaint.erode(darkest, _HALF_WIDTH_PX), _HALF_WIDTH_PX)
    cloth = opacity.sum((2, 3), keepdim=True).clamp(min=1)
    is_light = (darkest * opacity).sum((2, 3), keepdim=True) / cloth > _DARK_CLOTH
    lines = (
        (darkest - opened > _RISE)
        & (lightest - darkest < _LARGEST_CHROMA)
        & (probability > _LEAST_PROBABILITY)
        & (opacity < 0.5)
        & is_light
        & _beside_the_face(int(image.shape[-1]), image.device)
    ).to(image.dtype)
    on_mask = (functional.max_pool2d(opacity, _CELL_PX) > 0.5).to(image.dtype)
    hanging = lines * _connected(on_mask, lines)
    far = hanging * (inpaint.dilate(opacity, _REACH_PX) < 0.5)
    straps = hanging * _connected(functional.max_pool2d(far, _CELL_PX), hanging)
    return functional.interpolate(straps, size=size, mode="nearest")


def _connected(cells: Tensor, where: Tensor) -> Tensor:
    """Spread cells over those neighbours that hold anything of ``where``; return them as pixels."""
    held = functional.max_pool2d(where, _CELL_PX)
    for _ in range(_STEPS):
        spread = functional.max_pool2d(cells, 3, stride=1, padding=1) * held
        cells = torch.maximum(cells, spread)
    return functional.interpolate(cells, size=where.shape[-2:], mode="nearest")


def _beside_the_face(size_px: int, device: torch.device) -> Tensor:
    place = (torch.arange(size_px, device=device) + 0.5) / size_px
    rows = (place > _TOP) & (place < _BOTTOM)
    return rows[:, None] & ((place - 0.5).abs() > _CENTRE)[None, :]
