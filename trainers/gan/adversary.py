"""A discriminator with all that belongs to it: optimiser, pool of fakes, augmentation, loss."""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainers.config import DiscriminatorConfig, GanMode, OptimConfig
from trainers.gan import losses
from trainers.gan.autocast import autocast
from trainers.gan.diff_augment import DiffAugment, parse_kinds
from trainers.gan.discriminators import build_discriminator
from trainers.gan.image_pool import ImagePool
from trainers.gan.optimizers import descend, make_optimizer

_PENALTY = 10.0
"""Weight of the gradient penalty, the value of Gulrajani et al."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a discriminator says of fakes.

    Attributes:
        outputs: Features of each layer and the scores of patches, for each scale.
        region: Where the scores count, (n, 1, S, S) in [0, 1]; everywhere where None.
        augmentation: How the fakes were varied.
    """

    outputs: losses.Outputs
    region: Tensor | None
    augmentation: DiffAugment

    def of(self, images: slice) -> "Scores":
        """Return the scores of some of the fakes."""
        return Scores(
            [[layer[images] for layer in scale] for scale in self.outputs],
            None if self.region is None else self.region[images],
            self.augmentation.of(images),
        )


class Adversary:
    """Discriminates pictures and learns to do so better; no generator gets a gradient from it."""

    def __init__(
        self,
        config: DiscriminatorConfig,
        optim: OptimConfig,
        *,
        gan_mode: GanMode,
        n_in: int = 3,
        pool_size: int = 0,
        beta2: float = 0.999,
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
            beta2: Second momentum of its optimiser, where that has one.
            device: Where it runs.
            precision: Of autocast.

        Raises:
            ConfigError: A kind of augmentation is not known.
        """
        self.network = build_discriminator(config, n_in=n_in).to(device)
        self.optimizer = make_optimizer(
            self.network.parameters(), optim, lr=optim.lr_discriminator, beta2=beta2
        )
        self.pool = ImagePool(pool_size)
        self.gan_mode, self.mixup = gan_mode, config.mixup
        self.augment = parse_kinds(config.diff_augment)
        self.device, self.precision = device, precision

    def score(self, fake: Tensor, *, region: Tensor | None = None) -> Scores:
        """Discriminate fakes (n, c, S, S) for the generator; gradients reach them.

        Args:
            fake: What the generator gave.
            region: Where it counts, (n, 1, S, S) in [0, 1].
        """
        augmentation = DiffAugment.draw(self.augment, fake)
        outputs = self.network(augmentation.vary(fake))
        return Scores(outputs, None if region is None else augmentation.move(region), augmentation)

    def generator_loss(self, scores: Scores) -> Tensor:
        """Return how badly fakes pass."""
        return losses.generator_loss(scores.outputs, self.gan_mode, region=scores.region)

    def feature_matching(self, scores: Scores, target: Tensor) -> Tensor:
        """Return how far the features of fakes lie from those of their targets, varied alike."""
        with torch.no_grad():
            of_target = self.network(scores.augmentation.vary(target))
        return losses.feature_matching(of_target, scores.outputs)

    def learn(
        self,
        real: Tensor,
        fake: Tensor,
        *,
        real_region: Tensor | None = None,
        fake_region: Tensor | None = None,
    ) -> Tensor:
        """Take one step on real pictures and fakes, some of them from the pool.

        Args:
            real: Shape (n, c, S, S).
            fake: Shape (m, c, S, S).
            real_region: Where the real ones count, (n, 1, S, S) in [0, 1].
            fake_region: Where the fakes count, alike.
        """
        fake, fake_region = self._exchange(fake.detach(), fake_region)
        of_real = DiffAugment.draw(self.augment, real)
        real = of_real.vary(real.detach())
        of_fake = DiffAugment.draw(self.augment, fake)
        fake = of_fake.vary(fake)
        real_region = None if real_region is None else of_real.move(real_region)
        fake_region = None if fake_region is None else of_fake.move(fake_region)
        with autocast(self.device, self.precision):
            if self.mixup > 0:
                loss = self._mixup_loss(real, fake, real_region, fake_region)
            else:
                outputs = self.network(real), self.network(fake)
                loss = losses.discriminator_loss(
                    *outputs, self.gan_mode, real_region=real_region, fake_region=fake_region
                )
        if self.gan_mode == "wgan-gp":
            loss = loss + _PENALTY * self._gradient_penalty(real, fake)
        descend(self.optimizer, loss)
        return loss.detach()

    def _exchange(self, fake: Tensor, region: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Pass fakes through the pool, each with the region where it counts."""
        if region is None or self.pool.size == 0:
            return self.pool.exchange(fake), region
        exchanged = self.pool.exchange(torch.cat([fake, region.to(fake.dtype)], dim=1))
        return exchanged[:, :-1], exchanged[:, -1:]

    def _mixup_loss(
        self, real: Tensor, fake: Tensor, real_region: Tensor | None, fake_region: Tensor | None
    ) -> Tensor:
        """Return the loss on mixtures; of fewer real pictures some are mixed twice."""
        again = torch.arange(len(fake), device=real.device) % len(real)
        drawn = torch.distributions.Beta(self.mixup, self.mixup).sample((len(fake),))
        share = drawn.view(-1, 1, 1, 1).to(real.device)
        mixed = self.network(share * real[again] + (1 - share) * fake)
        region = None
        if real_region is not None and fake_region is not None:
            region = torch.maximum(real_region[again], fake_region)
        return losses.mixup_loss(mixed, share, self.gan_mode, region=region)

    def _gradient_penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        """Hold the slope between real and fake at 1 (Gulrajani et al., NeurIPS 2017, eq. 3)."""
        share = torch.rand(len(real), 1, 1, 1, device=real.device)
        between = (share * real + (1 - share) * fake).float().requires_grad_(True)
        scores = [scale[-1].float().sum() for scale in self.network(between)]
        [slope] = torch.autograd.grad(torch.stack(scores).sum(), between, create_graph=True)
        length = torch.linalg.vector_norm(slope.flatten(1), dim=1)
        return torch.mean((length - 1) ** 2)
