"""The losses, each a function of tensors; images in [-1, 1], shape (n, 3, S, S)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from facemask_video.align.template import EYE_DISTANCE, TEMPLATE
from trainers.config import GanMode

Outputs = Sequence[Sequence[Tensor]]
"""Of a discriminator: for each scale the features of each layer, the scores of patches last."""


def _mean(values: Tensor, region: Tensor | None) -> Tensor:
    """Average scores, over a region (n, 1, S, S) in [0, 1] where one is given."""
    if region is None:
        return values.mean()
    weight = functional.interpolate(region.float(), size=values.shape[-2:], mode="area")
    return (values * weight).sum() / weight.sum().clamp(min=1e-3)


def discriminator_loss(
    real: Outputs,
    fake: Outputs,
    mode: GanMode,
    *,
    real_region: Tensor | None = None,
    fake_region: Tensor | None = None,
) -> Tensor:
    """Return what the discriminator minimises, a mean over scales.

    With regions (n, 1, S, S) only patches there count: where a fake is a copy of its source there
    is nothing to learn from.
    """
    total = torch.zeros((), device=real[0][-1].device)
    for of_real, of_fake in zip(real, fake, strict=True):
        on_real = _if_real(of_real[-1].float(), mode)
        on_fake = _if_fake(of_fake[-1].float(), mode)
        total = total + 0.5 * (_mean(on_real, real_region) + _mean(on_fake, fake_region))
    return total / len(real)


def mixup_loss(
    mixed: Outputs, share: Tensor, mode: GanMode, *, region: Tensor | None = None
) -> Tensor:
    """Return what the discriminator minimises on mixtures of real and fake pictures.

    Zhang et al., "mixup", ICLR 2018, section 3.5; in faceswap-GAN's lsgan form the same but for a
    constant.

    Args:
        mixed: Scores on ``share * real + (1 - share) * fake``.
        share: Of the real picture, shape (n, 1, 1, 1).
        mode: Kind of the loss.
        region: As in `discriminator_loss`.
    """
    total = torch.zeros((), device=share.device)
    for scale in mixed:
        score = scale[-1].float()
        on_mixed = share * _if_real(score, mode) + (1 - share) * _if_fake(score, mode)
        total = total + _mean(on_mixed, region)
    return total / len(mixed)


def _if_real(score: Tensor, mode: GanMode) -> Tensor:
    """Return the discriminator's loss for each score on what is real."""
    if mode == "lsgan":
        return (score - 1) ** 2
    if mode == "vanilla":
        return functional.softplus(-score)
    if mode == "hinge":
        return functional.relu(1 - score)
    return -2 * score  # wgan-gp


def _if_fake(score: Tensor, mode: GanMode) -> Tensor:
    """Return the discriminator's loss for each score on what is a fake."""
    if mode == "lsgan":
        return score**2
    # The others treat real and fake alike but for the sign.
    return _if_real(-score, mode)


def generator_loss(fake: Outputs, mode: GanMode, *, region: Tensor | None = None) -> Tensor:
    """Return what the generator minimises against the discriminator; regions as there."""
    total = torch.zeros((), device=fake[0][-1].device)
    for of_fake in fake:
        score = of_fake[-1].float()
        if mode == "lsgan":
            total = total + _mean((score - 1) ** 2, region)
        elif mode == "vanilla":
            total = total + _mean(functional.softplus(-score), region)
        else:
            total = total - _mean(score, region)
    return total / len(fake)


def feature_matching(real: Outputs, fake: Outputs) -> Tensor:
    """Mean L1 between the discriminator's features (Wang et al., CVPR 2018, eq. 4)."""
    total = torch.zeros((), device=real[0][-1].device)
    n_terms = 0
    for of_real, of_fake in zip(real, fake, strict=True):
        for one, other in zip(of_real[:-1], of_fake[:-1], strict=True):
            total = total + functional.l1_loss(other.float(), one.detach().float())
            n_terms += 1
    return total / n_terms


def weighted_l1(image: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return L1 of pictures (n, c, S, S), averaged with weights (n, 1, S, S); 0 without weight."""
    error = (image.float() - target.float()).abs().mean(dim=1, keepdim=True)
    return (error * weight).sum() / weight.sum().clamp(min=1.0)


def segmentation_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Return cross-entropy plus soft Dice of a segmentation.

    Args:
        logits: Shape (n, 1, S, S).
        mask: True opacity of the mask, in [0, 1], of the same shape.
    """
    logits = logits.float()
    entropy = functional.binary_cross_entropy_with_logits(logits, mask)
    drawn = torch.sigmoid(logits)
    shared = (drawn * mask).sum(dim=(1, 2, 3))
    size = drawn.sum(dim=(1, 2, 3)) + mask.sum(dim=(1, 2, 3))
    # One unit in both keeps an empty picture from counting as a total miss.
    dice = 1 - (2 * shared + 50.0) / (size + 50.0)
    return entropy + dice.mean()


def alpha_loss(alpha: Tensor, mask: Tensor) -> Tensor:
    """Return `segmentation_loss` of a predicted opacity (n, 1, S, S) in [0, 1]."""
    return segmentation_loss(torch.logit(alpha.float().clamp(1e-4, 1 - 1e-4)), mask)


def perceptual(features: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
    """Return the mean L1 between features of layers, each scaled by its mean size."""
    total = torch.zeros((), device=features[0].device)
    for one, other in zip(features, target, strict=True):
        other = other.detach().float()
        total = total + (one.float() - other).abs().mean() / other.abs().mean().clamp(min=1e-3)
    return total / len(features)


def eye_region(size_px: int, *, device: torch.device | None = None) -> Tensor:
    """Weights (1, 1, S, S) that are 1 on the eyes and fall off around them.

    The eyes lie at fixed places in an aligned crop.
    """
    grid = (torch.arange(size_px, device=device) + 0.5) / size_px
    weight = torch.zeros(size_px, size_px, device=device)
    for x, y in TEMPLATE[:2]:
        across = ((grid - float(x)) / (0.35 * EYE_DISTANCE)) ** 2
        down = ((grid - float(y)) / (0.25 * EYE_DISTANCE)) ** 2
        weight = torch.maximum(weight, torch.exp(-(down[:, None] + across[None, :])))
    return weight[None, None]


def edge_l1(image: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """L1 between first differences, weighted: keeps lids and lashes sharp (faceswap-GAN)."""
    total = torch.zeros((), device=image.device)
    for dim in (2, 3):
        n = image.shape[dim] - 1
        total = total + weighted_l1(
            image.diff(dim=dim), target.diff(dim=dim), weight.narrow(dim, 0, n)
        )
    return total / 2


def total_variation(alpha: Tensor) -> Tensor:
    """Return the mean absolute first difference of an opacity (n, 1, S, S)."""
    return alpha.float().diff(dim=2).abs().mean() + alpha.float().diff(dim=3).abs().mean()


def binarity(alpha: Tensor) -> Tensor:
    """Return the mean of 4 a (1 - a) of an opacity: 0 where it is 0 or 1, 1 where it is half."""
    return (4 * alpha.float() * (1 - alpha.float())).mean()
