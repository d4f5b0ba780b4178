"""pix2pix: one direction from pairs, with a discriminator that sees input and output together.

Isola et al., CVPR 2017, section 3. The pairs are drawn: a bare face and the same with a mask.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from facemask_video.translate.networks import Generator, GeneratorSpec, build_generator
from trainers.data.batches import Batch
from trainers.gan import losses
from trainers.gan.adversary import Adversary
from trainers.gan.autocast import autocast
from trainers.gan.discriminators import DiscriminatorSpec
from trainers.gan.extras import ExtraOptions, extra_losses
from trainers.gan.face_features import FaceFeatures
from trainers.gan.image_pool import ImagePool
from trainers.gan.optimizers import descend, make_optimizer


@dataclass(frozen=True, slots=True)
class Pix2pixOptions:
    """Weights of the losses.

    Attributes:
        direction: ``mask`` or ``unmask``.
        gan_mode: See `losses.GAN_MODES`.
        lambda_L1: L1 to the target.
        lambda_gan: Adversary.
        lambda_perceptual: Features of faces; those of O-Net want crops of 48 px or more.
    """

    direction: str = "mask"
    gan_mode: str = "vanilla"
    lambda_L1: float = 100.0
    lambda_gan: float = 1.0
    lambda_perceptual: float = 0.0


class Pix2pix:
    """One generator, its conditional adversary, and one step of training them."""

    def __init__(
        self,
        *,
        generator: GeneratorSpec,
        discriminator: DiscriminatorSpec,
        options: Pix2pixOptions,
        extras: ExtraOptions,
        optimizer: str,
        lr: float,
        lr_discriminator: float,
        beta1: float,
        augment: tuple[str, ...],
        mixup: float,
        features: FaceFeatures,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        """Build fresh networks; the discriminator must take six channels."""
        if discriminator.n_in != 6:
            raise ValueError(f"discriminator.n_in: got {discriminator.n_in}, expected 6.")
        self.options, self.extras, self.features = options, extras, features
        self.device, self.precision = device, precision
        self.generator = build_generator(generator).to(device)
        self.judge = Adversary(
            discriminator,
            gan_mode=options.gan_mode,
            optimizer=optimizer,
            lr=lr_discriminator,
            beta1=beta1,
            pool_size=0,
            augment=augment,
            mixup=mixup,
            device=device,
            precision=precision,
        )
        self.generator_optimizer = make_optimizer(
            optimizer, self.generator.parameters(), lr=lr, beta1=beta1
        )

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Every optimiser."""
        return {"generator": self.generator_optimizer, "judge": self.judge.optimizer}

    @property
    def pools(self) -> Mapping[str, ImagePool]:
        """The discriminator's, which keeps nothing."""
        return {"judge": self.judge.pool}

    def networks(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield every network that learns, by name."""
        yield from self.generators()
        yield "judge", self.judge.network

    def generators(self) -> Iterator[tuple[str, Generator]]:
        """Yield what ships."""
        yield self.options.direction, self.generator

    def step(self, batch: Batch, images_seen: int) -> dict[str, Tensor]:
        """Take one step with both networks; returns the losses by name, detached."""
        opt, name = self.options, self.options.direction
        if name == "mask":
            image, target, moments = batch.bare, batch.surgical, batch.bare_moments
        else:
            image, target, moments = batch.masked, batch.target, batch.masked_moments
        stats: dict[str, Tensor] = {}
        with autocast(self.device, self.precision):
            translation = self.generator(image)
            fake = translation.over(image).float()
            stats[f"{name}/l1"] = functional.l1_loss(fake, target)
            loss = opt.lambda_L1 * stats[f"{name}/l1"]
            if opt.lambda_perceptual > 0:
                with torch.no_grad():
                    of_target = self.features(target)
                stats[f"{name}/perceptual"] = losses.perceptual(self.features(fake), of_target)
                loss = loss + opt.lambda_perceptual * stats[f"{name}/perceptual"]
            if opt.lambda_gan > 0:
                stats[f"{name}/gan"] = self.judge.generator_loss(torch.cat([image, fake], dim=1))
                loss = loss + opt.lambda_gan * stats[f"{name}/gan"]
            loss = loss + extra_losses(
                name, self.generator, image, translation, moments, self.extras, stats
            )
        descend(self.generator_optimizer, loss)
        if opt.lambda_gan > 0:
            stats[f"{name}/judge"] = self.judge.learn(
                torch.cat([image, target], dim=1), torch.cat([image, fake], dim=1)
            )
        return {key: value.detach().float() for key, value in stats.items()}
