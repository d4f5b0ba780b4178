"""CycleGAN: two generators, two discriminators, no pairs.

Zhu et al., ICCV 2017, sections 3 and 4: adversarial losses in both domains, a cycle through both
generators, and an identity loss on pictures that need no change.
"""

from collections.abc import Iterator, Mapping
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional

from facemask_video.translate.networks import Generator, build_generator
from trainers.config import TrainConfig
from trainers.data.batches import Batch
from trainers.gan import losses
from trainers.gan.adversary import Adversary
from trainers.gan.autocast import autocast
from trainers.gan.extras import extra_losses
from trainers.gan.face_features import FaceFeatures
from trainers.gan.image_pool import ImagePool
from trainers.gan.optimizers import descend, make_optimizer


class Cyclegan:
    """Both generators, their adversaries, and one step of training them."""

    def __init__(
        self,
        config: TrainConfig,
        *,
        features: FaceFeatures,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        """Build fresh networks; ``precision`` is autocast's, norms and losses stay in fp32."""
        self.config, self.extras = config.cyclegan, config.extras
        self.device, self.precision = device, precision
        self.mask = build_generator(config.mask).to(device)
        self.unmask = build_generator(config.unmask).to(device)
        self.judge_masked, self.judge_bare = (
            Adversary(
                config.discriminator,
                config.optim,
                gan_mode=self.config.gan_mode,
                pool_size=self.config.pool_size,
                device=device,
                precision=precision,
            )
            for _ in range(2)
        )
        self.features = features
        self.generator_optimizer = make_optimizer(
            chain(self.mask.parameters(), self.unmask.parameters()),
            config.optim,
            lr=config.optim.lr,
        )

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Every optimiser: one for both generators, one for each discriminator."""
        return {
            "generators": self.generator_optimizer,
            "judge_masked": self.judge_masked.optimizer,
            "judge_bare": self.judge_bare.optimizer,
        }

    @property
    def pools(self) -> Mapping[str, ImagePool]:
        """The fakes that both discriminators see again."""
        return {"judge_masked": self.judge_masked.pool, "judge_bare": self.judge_bare.pool}

    def networks(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield every network that learns, by name."""
        yield from self.generators()
        yield "judge_masked", self.judge_masked.network
        yield "judge_bare", self.judge_bare.network

    def generators(self) -> Iterator[tuple[str, Generator]]:
        """Yield what ships."""
        yield "mask", self.mask
        yield "unmask", self.unmask

    def step(self, batch: Batch, images_seen: int) -> dict[str, Tensor]:
        """Take one step with every network; returns the losses by name, detached."""
        opt = self.config
        bare, masked = batch.bare, batch.real_masked
        stats: dict[str, Tensor] = {}
        with autocast(self.device, self.precision):
            to_masked, to_bare = self.mask(bare), self.unmask(masked)
            fake_masked, fake_bare = to_masked.over(bare), to_bare.over(masked)
            loss = self._cycle("mask", bare, self.unmask, fake_masked, opt.lambda_A, stats)
            loss = loss + self._cycle("unmask", masked, self.mask, fake_bare, opt.lambda_B, stats)
            if opt.lambda_gan > 0:
                stats["mask/gan"] = self.judge_masked.generator_loss(fake_masked)
                stats["unmask/gan"] = self.judge_bare.generator_loss(fake_bare)
                loss = loss + opt.lambda_gan * (stats["mask/gan"] + stats["unmask/gan"])
            if opt.lambda_identity > 0:
                stats["mask/identity"] = functional.l1_loss(
                    self.mask(masked).over(masked).float(), masked
                )
                stats["unmask/identity"] = functional.l1_loss(
                    self.unmask(bare).over(bare).float(), bare
                )
                loss = loss + opt.lambda_identity * (
                    opt.lambda_B * stats["mask/identity"] + opt.lambda_A * stats["unmask/identity"]
                )
            loss = loss + extra_losses(
                "mask", self.mask, bare, to_masked, batch.bare_moments, self.extras, stats
            )
            loss = loss + extra_losses(
                "unmask", self.unmask, masked, to_bare, batch.masked_moments, self.extras, stats
            )
        descend(self.generator_optimizer, loss)
        if opt.lambda_gan > 0:
            stats["mask/judge"] = self.judge_masked.learn(masked, fake_masked.float())
            stats["unmask/judge"] = self.judge_bare.learn(bare, fake_bare.float())
        return {name: value.detach().float() for name, value in stats.items()}

    def _cycle(
        self,
        name: str,
        image: Tensor,
        back: Generator,
        fake: Tensor,
        weight: float,
        stats: dict[str, Tensor],
    ) -> Tensor:
        """Return the loss of translating a fake back to where it came from."""
        again = back(fake).over(fake).float()
        measure = functional.l1_loss if self.config.cycle_loss == "l1" else functional.mse_loss
        stats[f"{name}/cycle"] = measure(again, image)
        loss = weight * stats[f"{name}/cycle"]
        if self.config.lambda_perceptual > 0:
            with torch.no_grad():
                of_image = self.features(image)
            stats[f"{name}/perceptual"] = losses.perceptual(self.features(again), of_image)
            loss = loss + self.config.lambda_perceptual * stats[f"{name}/perceptual"]
        return loss
