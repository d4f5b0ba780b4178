"""pix2pix: one direction from pairs, with a discriminator that sees input and output together.

Isola et al., CVPR 2017, section 3. The pairs are drawn: a bare face and the same with a mask.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import nn
from torch.nn import functional

from facemask_video.translate.networks import Generator, build_generator
from trainers.config import TrainConfig
from trainers.data.batches import Batch
from trainers.gan import losses
from trainers.gan.adversary import Adversary
from trainers.gan.autocast import autocast
from trainers.gan.extras import add_extra_losses
from trainers.gan.face_features import FaceFeatures
from trainers.gan.image_pool import ImagePool
from trainers.gan.method import StepLosses, WeightedSum
from trainers.gan.optimizers import descend, make_optimizer


class Pix2pix:
    """One generator, its conditional adversary, and one step of training them."""

    def __init__(
        self,
        config: TrainConfig,
        *,
        features: FaceFeatures,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        """Build fresh networks; ``precision`` is autocast's, norms and losses stay in fp32."""
        self.config, self.extras = config.pix2pix, config.extras
        self.features = features
        self.device, self.precision = device, precision
        self.generator = build_generator(getattr(config, self.config.direction)).to(device)
        self.discriminator = Adversary(
            config.discriminator,
            config.optim,
            gan_mode=self.config.gan_mode,
            n_in=6,  # the input and the translation
            device=device,
            precision=precision,
        )
        self.generator_optimizer = make_optimizer(
            self.generator.parameters(), config.optim, lr=config.optim.lr
        )

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Every optimiser."""
        return {
            "generator": self.generator_optimizer,
            "discriminator": self.discriminator.optimizer,
        }

    @property
    def pools(self) -> Mapping[str, ImagePool]:
        """The discriminator's, which keeps nothing."""
        return {"discriminator": self.discriminator.pool}

    def networks(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield every network that learns, by name."""
        yield from self.generators()
        yield "discriminator", self.discriminator.network

    def generators(self) -> Iterator[tuple[str, Generator]]:
        """Yield what ships."""
        yield self.config.direction, self.generator

    def step(self, batch: Batch, images_seen: int) -> StepLosses:
        """Take one step with both networks; returns the losses, detached."""
        opt, name = self.config, self.config.direction
        if name == "mask":
            image, target, pairs = batch.bare, batch.surgical, batch.bare_frame_pairs
        else:
            image, target, pairs = batch.masked, batch.target, batch.masked_frame_pairs
        loss = WeightedSum()
        with autocast(self.device, self.precision):
            translation = self.generator(image)
            fake = translation.over(image).float()
            loss.add(f"{name}/l1", functional.l1_loss(fake, target), opt.lambda_L1)
            if opt.lambda_perceptual > 0:
                with torch.no_grad():
                    of_target = self.features(target)
                features = losses.perceptual(self.features(fake), of_target)
                loss.add(f"{name}/perceptual", features, opt.lambda_perceptual)
            if opt.lambda_gan > 0:
                scores = self.discriminator.score(torch.cat([image, fake], dim=1))
                loss.add(f"{name}/gan", self.discriminator.generator_loss(scores), opt.lambda_gan)
            add_extra_losses(loss, name, self.generator, image, translation, pairs, self.extras)
        descend(self.generator_optimizer, loss.total)
        learnt = {}
        if opt.lambda_gan > 0:
            learnt[f"{name}/discriminator"] = self.discriminator.learn(
                torch.cat([image, target], dim=1), torch.cat([image, fake], dim=1)
            )
        return StepLosses(loss.terms, learnt).detached()
