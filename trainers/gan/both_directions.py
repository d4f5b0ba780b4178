"""What methods that learn both directions have in common: two generators, two adversaries."""

from collections.abc import Iterator, Mapping

import torch
from torch import nn

from facemask_video.translate.networks import Generator, build_generator
from trainers.config import GanMode, TrainConfig
from trainers.gan.adversary import Adversary
from trainers.gan.image_pool import ImagePool


class BothDirections:
    """Both generators, and an adversary in each domain."""

    def __init__(
        self,
        config: TrainConfig,
        *,
        gan_mode: GanMode,
        pool_size: int,
        beta2: float = 0.999,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        """Build fresh networks.

        Args:
            config: Sizes of the networks, and the discriminators' optimisers.
            gan_mode: Loss of the adversaries.
            pool_size: Fakes kept for each discriminator.
            beta2: Second momentum of the discriminators' optimisers.
            device: Where it runs.
            precision: Of autocast; norms and losses stay in fp32.
        """
        self.device, self.precision = device, precision
        self.mask = build_generator(config.mask).to(device)
        self.unmask = build_generator(config.unmask).to(device)
        self.discriminator_masked, self.discriminator_bare = (
            Adversary(
                config.discriminator,
                config.optim,
                gan_mode=gan_mode,
                pool_size=pool_size,
                beta2=beta2,
                device=device,
                precision=precision,
            )
            for _ in range(2)
        )

    def adversaries(self) -> Iterator[tuple[str, Adversary]]:
        """Yield the discriminators with all that belongs to them, by name."""
        yield "discriminator_masked", self.discriminator_masked
        yield "discriminator_bare", self.discriminator_bare

    @property
    def pools(self) -> Mapping[str, ImagePool]:
        """The fakes that both discriminators see again."""
        return {name: adversary.pool for name, adversary in self.adversaries()}

    def networks(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield every network that learns, by name."""
        yield from self.generators()
        for name, adversary in self.adversaries():
            yield name, adversary.network

    def generators(self) -> Iterator[tuple[str, Generator]]:
        """Yield what ships."""
        yield "mask", self.mask
        yield "unmask", self.unmask
