"""The only place that knows the networks' value range: [-1, 1] for bytes 0 to 255."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from facemask_video.core.frame import AlphaF32, ImageU8

VALUE_RANGE = "-1..1"
"""Written into every weights file."""


def to_network(images: Sequence[ImageU8], device: torch.device) -> Tensor:
    """Stack RGB images (S, S, 3) into float32 (n, 3, S, S) in [-1, 1], channels last in memory."""
    stacked = torch.from_numpy(np.stack(images)).to(device, non_blocking=True)
    return stacked.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def to_images(batch: Tensor) -> list[ImageU8]:
    """Turn (n, 3, S, S) in [-1, 1] into RGB images, rounded to the nearest byte."""
    scaled = batch.float().clamp(-1, 1).add(1.0).mul_(127.5).round_().to(torch.uint8)
    return list(scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy())


def to_alphas(batch: Tensor) -> list[AlphaF32]:
    """Turn (n, 1, S, S) into opacities (S, S) in [0, 1]."""
    return list(batch[:, 0].float().clamp(0, 1).contiguous().cpu().numpy())
