"""Filling holes of an image, and the morphology of the masks that say where the holes are.

Convention: a mask is a float tensor of shape (n, 1, H, W) in [0, 1]. Everything here is built of
pooling and interpolation: gradients pass, and it exports to ONNX with the network around it. Where
neither is asked for, on a processor, OpenCV gives the same values in a tenth of the time.
"""

from typing import TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from facemask_video.align.template import EYE_HEIGHT

_Array = TypeVar("_Array", np.ndarray, Tensor)


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
    if _is_array(mask):
        return _by_opencv(mask, radius_px, cv2.MORPH_DILATE)
    # A square's maximum is that of its rows' maxima, which are far fewer to compare.
    width = 2 * radius_px + 1
    rows = functional.max_pool2d(mask, (1, width), stride=1, padding=(0, radius_px))
    return functional.max_pool2d(rows, (width, 1), stride=1, padding=(radius_px, 0))


def erode(mask: Tensor, radius_px: int) -> Tensor:
    """Return the smallest value within a square of side 2 r + 1 around each pixel."""
    if _is_array(mask):
        return _by_opencv(mask, radius_px, cv2.MORPH_ERODE)
    return -dilate(-mask, radius_px)


def _is_array(mask: Tensor) -> bool:
    """Tell whether a mask's values alone are asked for, and lie in the processor's memory."""
    return (
        mask.device.type == "cpu"
        and not mask.requires_grad
        and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        and not torch.compiler.is_compiling()
        and not torch.onnx.is_in_onnx_export()
    )


def _by_opencv(mask: Tensor, radius_px: int, operation: int) -> Tensor:
    # Numbers >= 0 have the order of their bits read as integers, and OpenCV knows no bfloat16.
    bits = mask.contiguous() if mask.dtype == torch.float32 else mask.contiguous().view(torch.int16)
    square = np.ones((2 * radius_px + 1,) * 2, np.uint8)
    planes = bits.numpy()
    done = np.empty_like(planes)
    for plane, out in zip(_planes(planes), _planes(done), strict=True):
        cv2.morphologyEx(plane, operation, square, dst=out)
    return torch.from_numpy(done).view(mask.dtype)


def _planes(masks: _Array) -> _Array:
    return masks.reshape(-1, *masks.shape[-2:])


def close_gaps(mask: Tensor, radius_px: int) -> Tensor:
    """Close gaps and holes narrower than 2 r px (morphological closing)."""
    return erode(dilate(mask, radius_px), radius_px)


def feather(mask: Tensor, radius_px: int) -> Tensor:
    """Widen a mask by ``radius_px`` and soften its edge with a box filter of the same radius."""
    return box_blur(dilate(mask, radius_px), radius_px)


def box_blur(mask: Tensor, radius_px: int) -> Tensor:
    """Return the mean of a square of side 2 r + 1 around each pixel; the edge is repeated."""
    if _is_array(mask):
        square = (2 * radius_px + 1,) * 2
        planes = mask.contiguous().float().numpy()
        blurred = np.empty_like(planes)
        for plane, out in zip(_planes(planes), _planes(blurred), strict=True):
            cv2.blur(plane, square, dst=out, borderType=cv2.BORDER_REPLICATE)
        return torch.from_numpy(blurred).to(mask.dtype)
    padded = functional.pad(mask, (radius_px,) * 4, mode="replicate")
    return functional.avg_pool2d(padded, 2 * radius_px + 1, stride=1)


def soft_threshold(probability: Tensor) -> Tensor:
    """Turn probabilities into an opacity: 0 up to 1/4, 1 from 1/2 on, a ramp between."""
    return torch.clamp((probability - 0.25) * 4, 0, 1)


def hysteresis(
    probability: Tensor, opacity: Tensor, *, low: float, high: float, cell_px: int, edge_px: int
) -> Tensor:
    """Return what likely pixels are connected to sure ones, beside an opacity, as 1 or 0.

    Hysteresis thresholding (Canny, "A computational approach to edge detection", PAMI 1986,
    section VIII); by pooling, connected over at most half the image's side. What is only as wide as
    the opacity's own uncertain edge is left out.

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
    if _is_array(cells):
        connected = _connected(connected, cells)
    else:
        for _ in range(int(cells.shape[-1]) // 2):
            connected = functional.max_pool2d(connected, 3, stride=1, padding=1) * cells
    belonging = functional.interpolate(connected, scale_factor=cell_px, mode="nearest") * likely
    solid = erode(belonging * (1 - dilate(opacity, edge_px)), edge_px)
    return dilate(solid, 3 * edge_px) * belonging


def _connected(seeds: Tensor, cells: Tensor) -> Tensor:
    """Return those of the cells, 1 or 0, that a way over neighbours joins to a seed."""
    joined = torch.empty_like(cells)
    for seed, cell, out in zip(*map(_planes, (seeds > 0, cells > 0, joined)), strict=True):
        count, labels = cv2.connectedComponents(cell.numpy().view(np.uint8), connectivity=8)
        has_seed = np.zeros(count, dtype=bool)
        has_seed[labels[seed.numpy()]] = True
        has_seed[0] = False
        out.copy_(torch.from_numpy(has_seed[labels]))
    return joined
