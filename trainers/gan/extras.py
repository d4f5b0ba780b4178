"""Losses that any unpaired or paired method may add to its own, each switched by its weight."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from facemask_video.translate.networks import Generator, Translation
from trainers.config import ExtrasConfig
from trainers.data.batches import FramePairs
from trainers.gan.losses import binarity, edge_l1, eye_region, total_variation, weighted_l1
from trainers.gan.method import WeightedSum

_DIFFERENCE_SCALE = 0.1
"""Mean difference of two frames, in units of [-1, 1], at which a third of the loss is left."""


def add_extra_losses(
    losses: WeightedSum,
    name: str,
    generator: Generator,
    image: Tensor,
    translation: Translation,
    frame_pairs: FramePairs | None,
    extras: ExtrasConfig,
) -> None:
    """Add the extras of one translation.

    Args:
        losses: Takes in each loss that has a weight.
        name: Of the direction; goes into the losses' names.
        generator: What translated.
        image: What it was given.
        translation: What it gave.
        frame_pairs: Neighbouring frames of the same domain.
        extras: The weights.
    """
    result = translation.over(image)
    eyes = eye_region(image.shape[-1], device=image.device).expand(len(image), -1, -1, -1)
    makers: dict[str, tuple[float, Callable[[], Tensor]]] = {
        "eyes": (extras.lambda_eyes, lambda: weighted_l1(result, image, eyes)),
        "edges": (extras.lambda_edges, lambda: edge_l1(result, image, eyes)),
        "alpha_area": (extras.lambda_alpha_area, lambda: translation.alpha.float().mean()),
        "alpha_binary": (extras.lambda_alpha_binary, lambda: binarity(translation.alpha)),
        "alpha_smooth": (extras.lambda_alpha_smooth, lambda: total_variation(translation.alpha)),
        "equivariance": (
            extras.lambda_equivariance,
            lambda: _equivariance(generator, image, result),
        ),
    }
    if frame_pairs is not None and len(frame_pairs.first) > 0:
        makers["temporal"] = (extras.lambda_temporal, lambda: _temporal(generator, frame_pairs))
    for key, (weight, make) in makers.items():
        if weight > 0:
            losses.add(f"{name}/{key}", make(), weight)


def _equivariance(generator: Generator, image: Tensor, result: Tensor) -> Tensor:
    """L1 between the translation of moved crops and their moved translation."""
    n_images = len(image)
    # The jitter between neighbouring crops of a track: a few px at 128, a degree or two.
    turn = 0.04 * (2 * torch.rand(n_images, device=image.device) - 1)
    zoom = 1 + 0.03 * (2 * torch.rand(n_images, device=image.device) - 1)
    shift = 0.03 * (2 * torch.rand(n_images, 2, device=image.device) - 1)
    cos, sin = zoom * torch.cos(turn), zoom * torch.sin(turn)
    rows = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], dim=1)
    grid = _grid(rows.view(-1, 2, 3), image)
    moved = _sample(image, grid)
    return functional.l1_loss(generator(moved).over(moved).float(), _sample(result, grid))


def _temporal(generator: Generator, frame_pairs: FramePairs) -> Tensor:
    """L1 between the translations of two frames, brought together, where the frames are alike.

    Weighted as in Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018, section 3.2:
    a face that blinks or speaks may well change in its translation too.
    """
    first, second = frame_pairs.first, frame_pairs.second
    grid = _grid(frame_pairs.to_second, first)
    apart = (first - _sample(second, grid)).abs().mean(dim=1, keepdim=True)
    one, other = (generator(image).over(image).float() for image in (first, second))
    return weighted_l1(one, _sample(other, grid), torch.exp(-apart / _DIFFERENCE_SCALE))


def _grid(rows: Tensor, picture: Tensor) -> Tensor:
    """Return where each place of a picture is looked up by affine maps (n, 2, 3)."""
    # Autocast would multiply in bf16, whose steps near an edge are half a px at 256.
    with torch.autocast(rows.device.type, enabled=False):
        return functional.affine_grid(rows, list(picture.shape), align_corners=False)


def _sample(picture: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(picture.float(), grid, padding_mode="border", align_corners=False)
