"""CycleGAN: two generators, two discriminators, no pairs.

Zhu et al., ICCV 2017, sections 3 and 4: adversarial losses in both domains, a cycle through both
generators, and an identity loss on pictures that need no change.
"""

from collections.abc import Mapping
from itertools import chain

import torch
from torch import Tensor
from torch.nn import functional

from facemask_video.translate.networks import Generator
from trainers.config import TrainConfig
from trainers.data.batches import Batch
from trainers.gan import losses
from trainers.gan.autocast import autocast
from trainers.gan.both_directions import BothDirections
from trainers.gan.extras import add_extra_losses
from trainers.gan.face_features import FaceFeatures
from trainers.gan.method import StepLosses, WeightedSum
from trainers.gan.optimizers import descend, make_optimizer


class Cyclegan(BothDirections):
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
        super().__init__(
            config,
            gan_mode=self.config.gan_mode,
            pool_size=self.config.pool_size,
            device=device,
            precision=precision,
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
        of_adversaries = {name: adversary.optimizer for name, adversary in self.adversaries()}
        return {"generators": self.generator_optimizer, **of_adversaries}

    def step(self, batch: Batch, images_seen: int) -> StepLosses:
        """Take one step with every network; returns the losses, detached."""
        opt = self.config
        bare, masked = batch.bare, batch.real_masked
        loss = WeightedSum()
        with autocast(self.device, self.precision):
            to_masked, to_bare = self.mask(bare), self.unmask(masked)
            fake_masked, fake_bare = to_masked.over(bare), to_bare.over(masked)
            self._add_cycle(loss, "mask", bare, self.unmask, fake_masked, opt.lambda_A)
            self._add_cycle(loss, "unmask", masked, self.mask, fake_bare, opt.lambda_B)
            if opt.lambda_gan > 0:
                for name, adversary, fake in (
                    ("mask", self.discriminator_masked, fake_masked),
                    ("unmask", self.discriminator_bare, fake_bare),
                ):
                    passes = adversary.generator_loss(adversary.score(fake))
                    loss.add(f"{name}/gan", passes, opt.lambda_gan)
            if opt.lambda_identity > 0:
                same_masked, same_bare = (
                    self.mask(masked).over(masked),
                    self.unmask(bare).over(bare),
                )
                of_masked = functional.l1_loss(same_masked.float(), masked)
                of_bare = functional.l1_loss(same_bare.float(), bare)
                loss.add("mask/identity", of_masked, opt.lambda_identity * opt.lambda_B)
                loss.add("unmask/identity", of_bare, opt.lambda_identity * opt.lambda_A)
            for name, generator, image, translation, pairs in (
                ("mask", self.mask, bare, to_masked, batch.bare_frame_pairs),
                ("unmask", self.unmask, masked, to_bare, batch.masked_frame_pairs),
            ):
                add_extra_losses(loss, name, generator, image, translation, pairs, self.extras)
        descend(self.generator_optimizer, loss.total)
        learnt = {}
        if opt.lambda_gan > 0:
            learnt = {
                "mask/discriminator": self.discriminator_masked.learn(masked, fake_masked.float()),
                "unmask/discriminator": self.discriminator_bare.learn(bare, fake_bare.float()),
            }
        return StepLosses(loss.terms, learnt).detached()

    def _add_cycle(
        self,
        loss: WeightedSum,
        name: str,
        image: Tensor,
        back: Generator,
        fake: Tensor,
        weight: float,
    ) -> None:
        """Add the loss of translating a fake back to where it came from."""
        again = back(fake).over(fake).float()
        measure = functional.l1_loss if self.config.cycle_loss == "l1" else functional.mse_loss
        loss.add(f"{name}/cycle", measure(again, image), weight)
        if self.config.lambda_perceptual > 0:
            with torch.no_grad():
                of_image = self.features(image)
            features = losses.perceptual(self.features(again), of_image)
            loss.add(f"{name}/perceptual", features, self.config.lambda_perceptual)
