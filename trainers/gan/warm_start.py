"""The paired warm start: learn both directions from drawn masks.

``mask`` learns to draw one kind of mask; ``unmask`` learns to segment masks of every kind and to
complete the face beneath. Real masked faces, whose bare face nobody has, take part in two ways:
the adversary of ``unmask`` sees their completion too, and ``mask`` must leave them as they are.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from facemask_video.translate.networks import (
    TwoStageGenerator,
)
from facemask_video.translate.networks.inpaint import dilate, soft_threshold
from trainers.config import TrainConfig
from trainers.data.batches import Batch
from trainers.gan.adversary import Adversary, Scores
from trainers.gan.autocast import autocast
from trainers.gan.both_directions import BothDirections
from trainers.gan.face_features import FaceFeatures
from trainers.gan.losses import (
    alpha_loss,
    eye_region,
    perceptual,
    segmentation_loss,
    weighted_l1,
)
from trainers.gan.luma import chroma
from trainers.gan.method import StepLosses, WeightedSum
from trainers.gan.optimizers import descend, make_optimizer

_FEATURES_PX = 128


class WarmStart(BothDirections):
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
        self.config = config.warm_start
        super().__init__(
            config,
            gan_mode=self.config.gan_mode,
            pool_size=self.config.pool_size,
            beta2=0.99,
            device=device,
            precision=precision,
        )
        self.features = features
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            name: make_optimizer(network.parameters(), config.optim, lr=config.optim.lr)
            for name, network in self.generators()
        } | {name: adversary.optimizer for name, adversary in self.adversaries()}

    def step(self, batch: Batch, images_seen: int) -> StepLosses:
        """Take one step with every network; returns the losses, detached."""
        with_gan = images_seen >= self.config.gan_from
        losses = StepLosses({}, {})
        if self.config.directions != "mask":
            losses |= self._step_unmask(batch, with_gan=with_gan)
        if self.config.directions != "unmask":
            losses |= self._step_mask(batch, with_gan=with_gan)
        return losses.detached()

    def _step_unmask(self, batch: Batch, *, with_gan: bool) -> StepLosses:
        opt, loss = self.config, WeightedSum()
        learnt: dict[str, Tensor] = {}
        with autocast(self.device, self.precision):
            painted, alpha = self._segment_and_paint(batch, loss)
            # The adversary should see one degradation, the target's, inside and outside the mask.
            result = batch.target + alpha * (painted - batch.target)
            self._add_paired_losses(loss, painted, result, batch.target, alpha.detach().float())
            if with_gan:
                fakes, regions = self._fakes_of_unmask(batch, result, alpha)
                drawn, real = slice(len(result)), slice(len(result), None)
                scores = self.discriminator_bare.score(fakes, region=regions)
                self._add_adversarial(
                    loss, "unmask", self.discriminator_bare, scores.of(drawn), batch.target
                )
                if len(fakes) > len(result):
                    passes = self.discriminator_bare.generator_loss(scores.of(real))
                    loss.add("unmask/gan_real", passes, opt.lambda_real)
        descend(self.optimizers["unmask"], loss.total)
        if with_gan:
            learnt["unmask/discriminator"] = self.discriminator_bare.learn(
                batch.target, fakes, real_region=regions[drawn], fake_region=regions
            )
        return StepLosses(loss.terms, learnt)

    def _segment_and_paint(self, batch: Batch, loss: WeightedSum) -> tuple[Tensor, Tensor]:
        """Let ``unmask`` paint the drawn masks away; returns its picture and its alpha."""
        generator, weight = self.unmask, self.config.lambda_segmentation
        if not isinstance(generator, TwoStageGenerator):
            painted, alpha = generator(batch.masked)
            loss.add("unmask/segmentation", alpha_loss(alpha, batch.masked_alpha), weight)
            return painted, alpha
        logits = generator.mask_logits(batch.masked)
        segmentation = segmentation_loss(logits, batch.masked_alpha)
        known = batch.real_alpha.amin(dim=(1, 2, 3)) >= 0
        if bool(known.any()):
            real_logits = generator.mask_logits(batch.real_masked[known])
            of_real = segmentation_loss(real_logits, batch.real_alpha[known])
            loss.terms["unmask/real_segmentation"] = of_real
            segmentation = segmentation + 0.5 * of_real
        loss.add("unmask/segmentation", segmentation, weight)
        # Completion learns under the true mask and under its own, mistakes included. Gaps are not
        # closed, as they are in a conversion: it should learn about them.
        own = soft_threshold(torch.sigmoid(logits.detach().float()))
        use_own = torch.arange(len(own), device=own.device).view(-1, 1, 1, 1) % 2 == 0
        used = torch.where(use_own, torch.maximum(own, batch.masked_alpha), batch.masked_alpha)
        erased, alpha = generator.erase(_hidden_below(used, self.config.hidden_below))
        return generator.complete(batch.masked, erased), alpha

    def _add_paired_losses(
        self, loss: WeightedSum, painted: Tensor, result: Tensor, target: Tensor, alpha: Tensor
    ) -> None:
        """Hold what ``unmask`` painted, and the picture under alpha, against the bare face."""
        opt = self.config
        loss.add("unmask/l1", weighted_l1(painted, target, alpha), opt.lambda_l1)
        whole = weighted_l1(painted, target, torch.ones_like(alpha))
        loss.total = loss.total + opt.lambda_keep * whole
        if opt.lambda_chroma > 0:
            tint = weighted_l1(chroma(painted), chroma(target), alpha)
            loss.add("unmask/chroma", tint, opt.lambda_chroma)
        if opt.lambda_perceptual > 0:
            loss.add("unmask/perceptual", self._perceptual(result, target), opt.lambda_perceptual)

    def _fakes_of_unmask(
        self, batch: Batch, result: Tensor, alpha: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return what the adversary sees, drawn masks first, and where each counts."""
        if self.config.lambda_real <= 0:
            return result, _around(alpha, 4)
        # Real masks: no target, so the segmentation learns from the adversary alone. A quarter is
        # enough for that, and a second pass over all would double the cost of a step.
        real_masked = batch.real_masked[: max(1, len(result) // 4)]
        translation = self.unmask(real_masked)
        # Wider: cloth that the segmentation missed must count.
        regions = torch.cat([_around(alpha, 4), _around(translation.alpha, 12)])
        return torch.cat([result, translation.over(real_masked)]), regions

    def _step_mask(self, batch: Batch, *, with_gan: bool) -> StepLosses:
        loss, learnt = WeightedSum(), dict[str, Tensor]()
        # The last quarter is real masked faces, which stay as they are.
        n_kept = len(batch.bare) // 4
        image = torch.cat([batch.bare[n_kept:], batch.real_masked[:n_kept]])
        target = torch.cat([batch.surgical[n_kept:], batch.real_masked[:n_kept]])
        opacity = torch.cat(
            [batch.surgical_alpha[n_kept:], torch.zeros_like(batch.surgical_alpha[:n_kept])]
        )
        drawn = slice(len(image) - n_kept)
        with autocast(self.device, self.precision):
            result = self._add_mask_losses(loss, image, target, opacity)
            if with_gan:
                fakes, region = result[drawn], _around(opacity[drawn], 4)
                scores = self.discriminator_masked.score(fakes, region=region)
                self._add_adversarial(
                    loss, "mask", self.discriminator_masked, scores, target[drawn]
                )
        descend(self.optimizers["mask"], loss.total)
        if with_gan:
            learnt["mask/discriminator"] = self.discriminator_masked.learn(
                target[drawn], fakes, real_region=region, fake_region=region
            )
        return StepLosses(loss.terms, learnt)

    def _add_mask_losses(
        self, loss: WeightedSum, image: Tensor, target: Tensor, opacity: Tensor
    ) -> Tensor:
        """Translate faces, hold the result against drawn masks, and return it."""
        opt, translation = self.config, self.mask(image)
        result: Tensor = translation.over(image)
        loss.add("mask/alpha", alpha_loss(translation.alpha, opacity), opt.lambda_segmentation)
        under = weighted_l1(translation.painted, target, opacity)
        whole = weighted_l1(result, target, torch.ones_like(opacity))
        loss.terms["mask/l1"] = under
        loss.total = loss.total + opt.lambda_l1 * (under + whole)
        eyes = eye_region(image.shape[-1], device=image.device).expand(len(image), -1, -1, -1)
        loss.add("mask/eyes", weighted_l1(result, image, eyes), opt.lambda_l1)
        # Where alpha hides it the painting would be free; kept true, its tint can be compared.
        keep = weighted_l1(translation.painted, image, 1 - opacity)
        loss.total = loss.total + opt.lambda_keep * keep
        return result

    def _add_adversarial(
        self, loss: WeightedSum, name: str, adversary: Adversary, scores: Scores, target: Tensor
    ) -> None:
        loss.add(f"{name}/gan", adversary.generator_loss(scores), self.config.lambda_gan)
        features = adversary.feature_matching(scores, target)
        loss.add(f"{name}/features", features, self.config.lambda_features)

    def _perceptual(self, image: Tensor, target: Tensor) -> Tensor:
        # Networks for faces know small ones: a larger picture is shown at a size they understand.
        if image.shape[-1] >= 2 * _FEATURES_PX:
            pixels = int(image.shape[-1]) // _FEATURES_PX
            image, target = (nn.functional.avg_pool2d(p, pixels) for p in (image, target))
        with torch.no_grad():
            of_target = self.features(target)
        return perceptual(self.features(image), of_target)


def _hidden_below(opacity: Tensor, share: float) -> Tensor:
    """Let the masks of the last pictures of a batch reach down to the lower edge."""
    n_others = len(opacity) - round(share * len(opacity))
    reaching = opacity[n_others:].cummax(dim=2).values
    return torch.cat([opacity[:n_others], reaching])


def _around(alpha: Tensor, reach_px: int) -> Tensor:
    """Widen an opacity by a few px, apart from any gradient."""
    return dilate(alpha.detach().float(), reach_px)
