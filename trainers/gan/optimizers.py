"""Optimisers by name, and one step of them on a loss."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from trainers.config import OptimConfig


def make_optimizer(
    parameters: Iterable[nn.Parameter], optim: OptimConfig, *, lr: float, beta2: float = 0.999
) -> torch.optim.Optimizer:
    """Return the optimiser configured; ``beta1`` is the momentum of those that have no betas."""
    match optim.optimizer:
        case "adam":
            return torch.optim.Adam(parameters, lr=lr, betas=(optim.beta1, beta2))
        case "adamw":
            return torch.optim.AdamW(parameters, lr=lr, betas=(optim.beta1, beta2))
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=lr, momentum=optim.beta1)
        case "sgd":
            return torch.optim.SGD(parameters, lr=lr, momentum=optim.beta1)


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take one step on a loss; networks of other optimisers get no gradient from it."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    gradients = torch.autograd.grad(loss.float(), parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
