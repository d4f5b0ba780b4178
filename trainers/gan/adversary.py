"""A discriminator with all that belongs to it: optimiser, pool of fakes, augmentation, loss."""

import torch
from torch import Tensor

from trainers.config import DiscriminatorConfig, GanMode, OptimConfig
from trainers.gan import losses
from trainers.gan.autocast import autocast
from trainers.gan.diff_augment import diff_augment, parse_kinds
from trainers.gan.discriminators import build_discriminator
from trainers.gan.image_pool import ImagePool
from trainers.gan.optimizers import descend, make_optimizer

_PENALTY = 10.0
"""Weight of the gradient penalty, the value of Gulrajani et al."""


class Adversary:
    """Judges pictures and learns to judge them better; no generator gets a gradient from it."""

    def __init__(
        self,
        config: DiscriminatorConfig,
        optim: OptimConfig,
        *,
        gan_mode: GanMode,
        n_in: int = 3,
        pool_size: int = 0,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        """Build a fresh discriminator.

        Args:
            config: Its sizes, the augmentation of what it sees, and mixup.
            optim: Its optimiser and step.
            gan_mode: Its loss.
            n_in: Channels of what it sees, 3 for each picture.
            pool_size: Fakes kept; see `ImagePool`.
            device: Where it runs.
            precision: Of autocast.

        Raises:
            ConfigError: A kind of augmentation is not known.
        """
        self.network = build_discriminator(config, n_in=n_in).to(device)
        self.optimizer = make_optimizer(self.network.parameters(), optim, lr=optim.lr_discriminator)
        self.pool = ImagePool(pool_size)
        self.gan_mode, self.mixup = gan_mode, config.mixup
        self.augment = parse_kinds(config.diff_augment)
        self.device, self.precision = device, precision

    def generator_loss(self, fake: Tensor) -> Tensor:
        """Return how badly a fake, (n, c, S, S), passes; gradients reach the fake."""
        judged = self.network(diff_augment(fake, self.augment))
        return losses.generator_loss(judged, self.gan_mode)

    def learn(self, real: Tensor, fake: Tensor) -> Tensor:
        """Take one step on real pictures and fakes, some of them from the pool."""
        fake = self.pool.exchange(fake.detach())
        real, fake = diff_augment(real.detach(), self.augment), diff_augment(fake, self.augment)
        with autocast(self.device, self.precision):
            if self.mixup > 0:
                drawn = torch.distributions.Beta(self.mixup, self.mixup).sample((len(real),))
                share = drawn.view(-1, 1, 1, 1).to(real.device)
                mixed = self.network(share * real + (1 - share) * fake)
                loss = losses.mixup_loss(mixed, share, self.gan_mode)
            else:
                verdicts = self.network(real), self.network(fake)
                loss = losses.discriminator_loss(*verdicts, self.gan_mode)
        if self.gan_mode == "wgan-gp":
            loss = loss + _PENALTY * self._gradient_penalty(real, fake)
        descend(self.optimizer, loss)
        return loss.detach()

    def _gradient_penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        """Hold the slope between real and fake at 1 (Gulrajani et al., NeurIPS 2017, eq. 3)."""
        share = torch.rand(len(real), 1, 1, 1, device=real.device)
        between = (share * real + (1 - share) * fake).float().requires_grad_(True)
        verdicts = [scale[-1].float().sum() for scale in self.network(between)]
        [slope] = torch.autograd.grad(torch.stack(verdicts).sum(), between, create_graph=True)
        length = torch.linalg.vector_norm(slope.flatten(1), dim=1)
        return torch.mean((length - 1) ** 2)
