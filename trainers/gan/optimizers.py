"""Optimisers by name, and one step of them on a loss."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")


def make_optimizer(
    kind: str, parameters: Iterable[nn.Parameter], *, lr: float, beta1: float, beta2: float = 0.999
) -> torch.optim.Optimizer:
    """Return an optimiser; ``beta1`` is the momentum of those that have no betas.

    Raises:
        ValueError: The name is not known.
    """
    if kind == "adam":
        return torch.optim.Adam(parameters, lr=lr, betas=(beta1, beta2))
    if kind == "adamw":
        return torch.optim.AdamW(parameters, lr=lr, betas=(beta1, beta2))
    if kind == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=lr, momentum=beta1)
    if kind == "sgd":
        return torch.optim.SGD(parameters, lr=lr, momentum=beta1)
    raise ValueError(f"optimizer: got {kind!r}, expected one of {', '.join(OPTIMIZERS)}.")


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take one step on a loss; networks of other optimisers get no gradient from it."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    gradients = torch.autograd.grad(loss.float(), parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
