"""Filling holes of an image, and the morphology of the masks that say where the holes are.

Convention: a mask is a float tensor of shape (n, 1, H, W) in [0, 1]. Everything here is built of
pooling and interpolation: gradients pass, and it exports to ONNX with the network around it.
"""

import torch
from torch import Tensor
from torch.nn import functional

from facemask_video.align.template import EYE_HEIGHT


def push_pull_fill(image: Tensor, known: Tensor, weights: Tensor | None = None) -> Tensor:
    """Fill the unknown parts of an image from their surround.

    The push-pull scheme (Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4): known pixels
    are averaged down a pyramid, and holes take the colour of the next coarser level.

    Args:
        image: Shape (n, c, S, S).
        known: Shape (n, 1, S, S), 1 where the image holds, 0 where it must not be seen.
        weights: Shape (1, 1, S, S), > 0, how much each known pixel counts; None counts all alike.

    Returns:
        Shape (n, c, S, S): the image where it is known, its surround's colours elsewhere.
    """
    weight = known if weights is None else known * weights
    pixels = image * weight
    pyramid = []
    while pixels.shape[-1] > 1 and pixels.shape[-1] % 2 == 0:
        pyramid.append((pixels, weight))
        pixels, weight = functional.avg_pool2d(pixels, 2), functional.avg_pool2d(weight, 2)
    if pyramid:
        # In the end a pixel is known or not, whatever it weighed for others.
        pyramid[0] = (image * known, known)
    mean = pixels.mean((2, 3), keepdim=True)
    mean = mean / weight.mean((2, 3), keepdim=True).clamp(min=1e-4)
    filled = pixels + (1 - weight) * mean
    for pixels, weight in reversed(pyramid):
        coarse = functional.interpolate(
            filled, scale_factor=2, mode="bilinear", align_corners=False
        )
        filled = pixels + (1 - weight) * coarse
    return filled


def face_weights(size_px: int, device: torch.device) -> Tensor:
    """Return how much each pixel of an aligned crop tells of a face's colour, (1, 1, S, S), > 0.

    Most about eyes and upper cheeks, a hundredth of that beyond the head.
    """
    place = (torch.arange(size_px, device=device) + 0.5) / size_px
    across, down = (place - 0.5) / 0.24, (place - EYE_HEIGHT - 0.06) / 0.16
    distance = across[None, :] ** 2 + down[:, None] ** 2
    return (0.01 + 0.98 * torch.exp(-(distance**2)))[None, None]


def dilate(mask: Tensor, radius_px: int) -> Tensor:
    """Return the largest value within a square of side 2 r + 1 around each pixel."""
    # A square's maximum is that of its rows' maxima, which are far fewer to compare.
    width = 2 * radius_px + 1
    rows = functional.max_pool2d(mask, (1, width), stride=1, padding=(0, radius_px))
    return functional.max_pool2d(rows, (width, 1), stride=1, padding=(radius_px, 0))


def erode(mask: Tensor, radius_px: int) -> Tensor:
    """Return the smallest value within a square of side 2 r + 1 around each pixel."""
    return -dilate(-mask, radius_px)


def close_gaps(mask: Tensor, radius_px: int) -> Tensor:
    """Close gaps and holes narrower than 2 r px (morphological closing)."""
    return erode(dilate(mask, radius_px), radius_px)


def feather(mask: Tensor, radius_px: int) -> Tensor:
    """Widen a mask by ``radius_px`` and soften its edge with a box filter of the same radius."""
    padded = functional.pad(dilate(mask, radius_px), (radius_px,) * 4, mode="replicate")
    return functional.avg_pool2d(padded, 2 * radius_px + 1, stride=1)


def soft_threshold(probability: Tensor) -> Tensor:
    """Turn probabilities into an opacity: 0 up to 1/4, 1 from 1/2 on, a ramp between."""
    return torch.clamp((probability - 0.25) * 4, 0, 1)


def hysteresis(
    probability: Tensor, opacity: Tensor, *, low: float, high: float, cell_px: int, edge_px: int
) -> Tensor:
    """Return what likely pixels are connected to sure ones, beside an opacity, as 1 or 0.

    Hysteresis thresholding (Canny, "A computational approach to edge detection", PAMI 1986,
    section VIII), connected over at most half the image's side. What is only as wide as the
    opacity's own uncertain edge is left out.

    Args:
        probability: Shape (n, 1, S, S).
        opacity: Shape (n, 1, S, S), what is known to belong already; excluded from the result.
        low: Pixels more probable than this belong where they are connected to sure ones.
        high: Pixels more probable than this are sure.
        cell_px: What lies in neighbouring cells of this side is connected; it divides S.
        edge_px: Half the width of the opacity's uncertain edge.
    """
    likely = (probability > low).to(probability.dtype)
    cells = functional.max_pool2d(likely, cell_px)
    connected = (functional.max_pool2d(probability, cell_px) > high).to(probability.dtype)
    for _ in range(int(cells.shape[-1]) // 2):
        connected = functional.max_pool2d(connected, 3, stride=1, padding=1) * cells
    belonging = functional.interpolate(connected, scale_factor=cell_px, mode="nearest") * likely
    solid = erode(belonging * (1 - dilate(opacity, edge_px)), edge_px)
    return dilate(solid, 3 * edge_px) * belonging
