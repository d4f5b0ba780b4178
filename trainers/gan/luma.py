"""Brightness and colour of pictures, apart: for losses and adversaries that are to see only one."""

import torch
from torch import Tensor

from facemask_video.core.pictures import LUMA_WEIGHTS


def luma(image: Tensor) -> Tensor:
    """Return the luma (ITU-R BT.601, section 2.5.1) of pictures (n, 3, S, S) as (n, 1, S, S)."""
    weights = torch.tensor(LUMA_WEIGHTS, device=image.device, dtype=image.dtype)
    weighted: Tensor = (image * weights.view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    return weighted


def chroma(image: Tensor) -> Tensor:
    """Return what luma leaves of pictures, float32 (n, 3, S, S)."""
    image = image.float()
    return image - luma(image)


def brightness(image: Tensor) -> Tensor:
    """Return the luma of pictures (n, 3 k, S, S) in [-1, 1] as (n, k, S, S), its gradient changed.

    Luma's own gradient changes green most and so darkens skin to red. This one points along each
    pixel's own colour: a generator that follows it changes brightness and no hue.
    """
    apart = image.reshape(-1, 3, *image.shape[2:])
    still = apart.detach()
    value, color = luma(still), (still + 1).clamp(min=0)
    along = color * ((value + 1) / color.square().sum(1, keepdim=True).clamp(min=1e-2))
    value = value + (along * (apart - still)).sum(1, keepdim=True)
    return value.reshape(image.shape[0], -1, *image.shape[2:])
