"""Straps of a mask, which run from its sides to the ears as thin, light lines.

A segmentation network misses what is a px or two wide. Here a line is looked for by its shape and
colour. It is taken where it hangs on the mask and the network gives it a small probability; or
where it is straight, points at the mask, and is likelier than what lies beside it.

Convention: as in `facemask_video.translate.networks.inpaint`.
"""

import math

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

_AROUND_CELLS, _DENSEST = 5, 0.27
"""Of a window of so many cells lines fill no more than this share, or they are no straps."""

_EXTENDED_CELLS = 11
"""Length, in cells, of the line that such a segment is drawn out to: it meets the mask."""

_STEEPEST = math.radians(60)
"""Steeper light lines are strands of hair, and edges of what is behind."""

_SEGMENT_PX, _N_DIRECTIONS, _STRIDE = 11, 9, 2
_LEAST_THIN, _LEAST_SEEN = 0.7, 0.4
"""A line is straight for so many px; of these so many are thin, and seen by the network."""

_RISE = 0.09
"""By which a strap's darkest channel exceeds that of what lies beside it, of a range of 2. Skin and
hair have one dark channel, blue, also where they shine."""

_LARGEST_CHROMA = 0.3
"""Of a strap: between its lightest and darkest channel."""

_LEAST_PROBABILITY = 2e-4
_RISE_OF_PROBABILITY = 1.8
"""Factor by which a line is likelier cloth than what lies beside it, also where neither is likely:
the network sees a strap, but is too coarse to say so."""

_LIKELY = 0.002
"""Probability from which a line counts without that, and need not be straight."""

_DARK_CLOTH = -0.45
"""Mean brightness under which a mask is dark, and so are its straps: not looked for, as hair and
the edge of the jaw are dark lines too."""

_BOTTOM = 0.75
"""Row, as a fraction of the crop's side, under which no strap lies."""

_TOP, _CENTRE = 0.30, 0.21
"""Row above which, and distance from the middle within which, no strap of a face that looks at the
camera lies: nearer lie glasses, eyes and the nose."""

_HIGHEST, _EYES_BOTTOM = 0.18, 0.43
"""Of a face in any pose: the row above which no strap lies, and the row above which its eyes do."""

_REACH_PX = 5
"""A line that ends nearer than this to the mask is its hem, which is covered in any case."""


def find_straps(image: Tensor, probability: Tensor, opacity: Tensor) -> Tensor:
    """Return where light straps of a mask are seen, as 1 or 0.

    A line is what a morphological opening takes away (the white top-hat transform: Serra, "Image
    Analysis and Mathematical Morphology", 1982), of the picture and of the network's probability.

    Args:
        image: Shape (n, 3, S, S) in [-1, 1].
        probability: Shape (n, 1, S, S), how likely each pixel is cloth.
        opacity: Shape (n, 1, S, S), the mask itself; not part of the result.

    Returns:
        Shape (n, 1, S, S).
    """
    # In half precision a strap is a few steps above the skin beside it.
    size, dtype = image.shape[-2:], image.dtype
    image, probability, opacity = image.float(), probability.float(), opacity.float()
    factor = max(1, image.shape[-1] // _SIZE_PX)
    image = functional.avg_pool2d(image, factor)
    probability = functional.max_pool2d(probability, factor)
    opacity = functional.max_pool2d(opacity, factor)
    darkest, lightest = image.amin(1, keepdim=True), image.amax(1, keepdim=True)
    cloth = opacity.sum((2, 3), keepdim=True).clamp(min=1)
    brightness = (image.mean(1, keepdim=True) * opacity).sum((2, 3), keepdim=True) / cloth
    evidence = probability.clamp(min=_LEAST_PROBABILITY).log()
    is_likelier = _top_hat(evidence, _HALF_WIDTH_PX + 1) > math.log(_RISE_OF_PROBABILITY)
    thin = (
        (_top_hat(darkest, _HALF_WIDTH_PX) > _RISE)
        & (lightest - darkest < _LARGEST_CHROMA)
        & (opacity < 0.5)
        & (brightness > _DARK_CLOTH)
    ).to(image.dtype)
    far = (inpaint.dilate(opacity, _REACH_PX) < 0.5).to(image.dtype)
    on_mask = (functional.max_pool2d(opacity, _CELL_PX) > 0.5).to(image.dtype)
    likely = thin * (probability > _LIKELY) * _beside_a_face(opacity)
    hanging = likely * _connected(on_mask, likely)
    straps = hanging * _connected(functional.max_pool2d(hanging * far, _CELL_PX), hanging)
    lines = thin * _beside_this_face(opacity)
    clear = far * lines * (1 - _clutter(lines))
    straight, pointing = _straight_lines(clear, clear * is_likelier, on_mask)
    straight = straight * _connected(pointing, straight)
    straps = torch.maximum(straps, straight)
    return functional.interpolate(straps, size=size, mode="nearest").to(dtype)


def _clutter(thin: Tensor) -> Tensor:
    """Return where so much is thin that it is leaves or a knit, shape (n, 1, S, S)."""
    side, beside = _AROUND_CELLS, _AROUND_CELLS // 2
    share = functional.avg_pool2d(thin, _CELL_PX)
    is_dense = functional.avg_pool2d(share, side, stride=1, padding=beside) > _DENSEST
    dense = inpaint.dilate(is_dense.to(thin.dtype), beside)
    return functional.interpolate(dense, size=thin.shape[-2:], mode="nearest")


def _straight_lines(thin: Tensor, seen: Tensor, on_mask: Tensor) -> tuple[Tensor, Tensor]:
    """Find straight lines of thin pixels, and those of them that point at the mask.

    Args:
        thin: Shape (n, 1, S, S), 1 or 0.
        seen: The part of it that there is evidence for.
        on_mask: Cells that hold any of the mask, shape (n, 1, S / 4, S / 4).

    Returns:
        The thin pixels that lie in a straight line; and the cells of lines that are seen, and meet
        the mask where they are drawn on.
    """
    segments = _line_segments(_SEGMENT_PX, thin.device)
    beside = _SEGMENT_PX // 2
    is_straight = functional.conv2d(thin, segments, stride=_STRIDE, padding=beside) > _LEAST_THIN
    is_seen = functional.conv2d(seen, segments, stride=_STRIDE, padding=beside) > _LEAST_SEEN
    about = inpaint.dilate(
        is_straight.any(1, keepdim=True).to(thin.dtype), _SEGMENT_PX // 2 // _STRIDE
    )
    straight = thin * functional.interpolate(about, size=thin.shape[-2:], mode="nearest")
    extended = _line_segments(_EXTENDED_CELLS, thin.device)
    meets = functional.conv2d(on_mask, extended, padding=_EXTENDED_CELLS // 2) > 0.02
    cells = functional.max_pool2d((is_straight & is_seen).to(thin.dtype), _CELL_PX // _STRIDE) > 0
    return straight, (cells & meets).any(1, keepdim=True).to(thin.dtype)


def _line_segments(length: int, device: torch.device) -> Tensor:
    """Return straight lines through the middle, of all slopes that are not steep, of sum 1."""
    angles = torch.linspace(-_STEEPEST, _STEEPEST, _N_DIRECTIONS, device=device)
    cosine, sine = angles.cos()[:, None, None], angles.sin()[:, None, None]
    reach = torch.arange(length, device=device) - length // 2
    y, x = torch.meshgrid(reach, reach, indexing="ij")
    along, across = cosine * x + sine * y, cosine * y - sine * x
    weights = (1 - across.abs()).clamp(min=0) * (along.abs() <= length / 2)
    return (weights / weights.sum((1, 2), keepdim=True))[:, None]


def _connected(cells: Tensor, where: Tensor) -> Tensor:
    """Spread cells over those neighbours that hold anything of ``where``; return them as pixels."""
    held = functional.max_pool2d(where, _CELL_PX)
    for _ in range(_STEPS):
        spread = functional.max_pool2d(cells, 3, stride=1, padding=1) * held
        cells = torch.maximum(cells, spread)
    return functional.interpolate(cells, size=where.shape[-2:], mode="nearest")


def _top_hat(image: Tensor, half_width_px: int) -> Tensor:
    """Return by how much each pixel exceeds the opening, which knows no line that thin."""
    return image - inpaint.dilate(inpaint.erode(image, half_width_px), half_width_px)


def _beside_a_face(opacity: Tensor) -> Tensor:
    """Return where straps lie about a face that looks at the camera, shape (S, S)."""
    place = _places(opacity)
    rows = (place > _TOP) & (place < _BOTTOM)
    return rows[:, None] & ((place - 0.5).abs() > _CENTRE)[None, :]


def _beside_this_face(opacity: Tensor) -> Tensor:
    """Return where straps lie about a face that its mask lies on so, shape (n, 1, S, S)."""
    place = _places(opacity)
    rows = (place > _HIGHEST) & (place < _BOTTOM)
    # The mask of a turned head lies to one side of its crop; so do the eyes, nearer together.
    columns = opacity.sum(2, keepdim=True)
    middle = (columns * place).sum(3, keepdim=True) / columns.sum(3, keepdim=True).clamp(min=1)
    has_eyes = (place - middle).abs() < _CENTRE - (middle - 0.5).abs()
    return rows[:, None] & ~((place < _EYES_BOTTOM)[:, None] & has_eyes)


def _places(opacity: Tensor) -> Tensor:
    """Return the middles of rows, or columns, as fractions of the side."""
    size_px = int(opacity.shape[-1])
    return (torch.arange(size_px, device=opacity.device) + 0.5) / size_px
