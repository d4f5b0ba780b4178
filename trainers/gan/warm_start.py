"""The paired warm start: learn both directions from drawn masks.

``mask`` learns to draw one kind of mask; ``unmask`` learns to find masks of every kind and to
complete the face beneath. Real masked faces, whose bare face nobody has, take part in two ways: the
adversary of ``unmask`` judges their completion too, and ``mask`` must leave them as they are.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from facemask_video.translate.networks import (
    Generator,
    TwoStageGenerator,
    build_generator,
)
from facemask_video.translate.networks.inpaint import dilate, soft_threshold
from trainers.config import TrainConfig
from trainers.data.batches import Batch
from trainers.gan import losses
from trainers.gan.autocast import autocast
from trainers.gan.discriminators import build_discriminator
from trainers.gan.face_features import FaceFeatures
from trainers.gan.image_pool import ImagePool
from trainers.gan.luma import chroma
from trainers.gan.optimizers import descend, make_optimizer

_FEATURES_PX = 128


class WarmStart:
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
        self.device, self.precision = device, precision
        self.mask = build_generator(config.mask).to(device)
        self.unmask = build_generator(config.unmask).to(device)
        self.judge_masked = build_discriminator(config.discriminator).to(device)
        self.judge_bare = build_discriminator(config.discriminator).to(device)
        self.features = features
        self.optimizers = {
            name: make_optimizer(
                network.parameters(),
                config.optim,
                lr=config.optim.lr if name in ("mask", "unmask") else config.optim.lr_discriminator,
                beta2=0.999 if name in ("mask", "unmask") else 0.99,
            )
            for name, network in self.networks()
        }

    @property
    def pools(self) -> Mapping[str, ImagePool]:
        """None: the discriminators see the newest fakes alone."""
        return {}

    def networks(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield every network that learns, by name."""
        yield "mask", self.mask
        yield "unmask", self.unmask
        yield "judge_masked", self.judge_masked
        yield "judge_bare", self.judge_bare

    def generators(self) -> Iterator[tuple[str, Generator]]:
        """Yield what ships."""
        yield "mask", self.mask
        yield "unmask", self.unmask

    def step(self, batch: Batch, images_seen: int) -> dict[str, Tensor]:
        """Take one step with every network; returns the losses by name, detached."""
        with_gan = images_seen >= self.config.gan_from
        stats: dict[str, Tensor] = {}
        if self.config.directions != "mask":
            stats |= self._step_unmask(batch, with_gan=with_gan)
        if self.config.directions != "unmask":
            stats |= self._step_mask(batch, with_gan=with_gan)
        return stats

    def _step_unmask(self, batch: Batch, *, with_gan: bool) -> dict[str, Tensor]:
        opt, generator = self.config, self.unmask
        stats: dict[str, Tensor] = {}
        with autocast(self.device, self.precision):
            if isinstance(generator, TwoStageGenerator):
                logits = generator.mask_logits(batch.masked)
                outline = losses.outline_loss(logits, batch.masked_cover)
                known = batch.real_cover.amin(dim=(1, 2, 3)) >= 0
                if bool(known.any()):
                    real_logits = generator.mask_logits(batch.real_masked[known])
                    stats["unmask/real_outline"] = losses.outline_loss(
                        real_logits, batch.real_cover[known]
                    )
                    outline = outline + 0.5 * stats["unmask/real_outline"]
                # Completion learns under the true outline and under its own, mistakes included.
                # Gaps are not closed, as they are in a conversion: it should learn about them.
                own = soft_threshold(torch.sigmoid(logits.detach().float()))
                use_own = torch.arange(len(own), device=own.device).view(-1, 1, 1, 1) % 2 == 0
                used = torch.where(
                    use_own, torch.maximum(own, batch.masked_cover), batch.masked_cover
                )
                erased, alpha = generator.erase(_hidden_below(used, opt.hidden_below))
                painted = generator.complete(batch.masked, erased)
            else:
                painted, alpha = generator(batch.masked)
                outline = losses.alpha_loss(alpha, batch.masked_cover)
            # The adversary should see one wear, the target's, inside and outside the mask.
            result = batch.target + alpha * (painted - batch.target)
            under = losses.weighted_l1(painted, batch.target, alpha.detach().float())
            keep = losses.weighted_l1(painted, batch.target, torch.ones_like(batch.masked_cover))
            stats |= {"unmask/outline": outline, "unmask/l1": under}
            loss = opt.lambda_outline * outline + opt.lambda_l1 * under + opt.lambda_keep * keep
            if opt.lambda_chroma > 0:
                color, true_color = chroma(painted), chroma(batch.target)
                stats["unmask/chroma"] = losses.weighted_l1(
                    color, true_color, alpha.detach().float()
                )
                loss = loss + opt.lambda_chroma * stats["unmask/chroma"]
            loss = loss + self._perceptual(result, batch.target, "unmask", stats)
            fakes, regions = [result], [_around(alpha, 4)]
            if with_gan and opt.lambda_real > 0:
                # Real masks: no target, so the outline learns from the adversary alone. A quarter
                # is enough for that, and a second pass over all would double the cost of a step.
                real_masked = batch.real_masked[: max(1, len(result) // 4)]
                translation = generator(real_masked)
                fakes.append(translation.over(real_masked))
                # Wider: cloth that the outline missed must count.
                regions.append(_around(translation.alpha, 12))
            if with_gan:
                judged = self.judge_bare(torch.cat(fakes))
                of_drawn = [[f[: len(result)] for f in scale] for scale in judged]
                stats["unmask/gan"] = losses.generator_loss(
                    of_drawn, opt.gan_mode, region=regions[0]
                )
                loss = loss + opt.lambda_gan * stats["unmask/gan"]
                with torch.no_grad():
                    of_target = self.judge_bare(batch.target)
                stats["unmask/features"] = losses.feature_matching(of_target, of_drawn)
                loss = loss + opt.lambda_features * stats["unmask/features"]
                if len(fakes) > 1:
                    of_real = [[f[len(result) :] for f in scale] for scale in judged]
                    stats["unmask/gan_real"] = losses.generator_loss(
                        of_real, opt.gan_mode, region=regions[1]
                    )
                    loss = loss + opt.lambda_real * stats["unmask/gan_real"]
        self._update("unmask", loss)
        if with_gan:
            stats["unmask/judge"] = self._step_judge(
                "judge_bare",
                batch.target,
                torch.cat(fakes).detach(),
                real_region=regions[0],
                fake_region=torch.cat(regions),
            )
        return {name: value.detach().float() for name, value in stats.items()}

    def _step_mask(self, batch: Batch, *, with_gan: bool) -> dict[str, Tensor]:
        opt = self.config
        stats: dict[str, Tensor] = {}
        # The last quarter is real masked faces, which stay as they are.
        n_kept = len(batch.bare) // 4
        image = torch.cat([batch.bare[n_kept:], batch.real_masked[:n_kept]])
        target = torch.cat([batch.surgical[n_kept:], batch.real_masked[:n_kept]])
        cover = torch.cat(
            [batch.surgical_cover[n_kept:], torch.zeros_like(batch.surgical_cover[:n_kept])]
        )
        with autocast(self.device, self.precision):
            translation = self.mask(image)
            result = translation.over(image)
            n_drawn = len(image) - n_kept
            under = losses.weighted_l1(translation.painted, target, cover)
            alpha = losses.alpha_loss(translation.alpha, cover)
            whole = losses.weighted_l1(result, target, torch.ones_like(cover))
            eyes = losses.weighted_l1(
                result,
                image,
                losses.eye_region(image.shape[-1], device=image.device).expand(
                    len(image), -1, -1, -1
                ),
            )
            stats |= {"mask/alpha": alpha, "mask/l1": under, "mask/eyes": eyes}
            loss = opt.lambda_outline * alpha + opt.lambda_l1 * (under + whole)
            # Where alpha hides it the painting would be free; kept true, its tint can be compared.
            keep = losses.weighted_l1(translation.painted, image, 1 - cover)
            loss = loss + opt.lambda_l1 * eyes + opt.lambda_keep * keep
            if with_gan:
                judged = self.judge_masked(result[:n_drawn])
                region = _around(cover[:n_drawn], 4)
                stats["mask/gan"] = losses.generator_loss(judged, opt.gan_mode, region=region)
                with torch.no_grad():
                    of_target = self.judge_masked(target[:n_drawn])
                stats["mask/features"] = losses.feature_matching(of_target, judged)
                loss = loss + opt.lambda_gan * stats["mask/gan"]
                loss = loss + opt.lambda_features * stats["mask/features"]
        self._update("mask", loss)
        if with_gan:
            stats["mask/judge"] = self._step_judge(
                "judge_masked",
                target[:n_drawn],
                result[:n_drawn].detach(),
                real_region=region,
                fake_region=region,
            )
        return {name: value.detach().float() for name, value in stats.items()}

    def _perceptual(
        self, image: Tensor, target: Tensor, name: str, stats: dict[str, Tensor]
    ) -> Tensor:
        if self.config.lambda_perceptual <= 0:
            return torch.zeros((), device=image.device)
        # Networks for faces know small ones: a larger picture is shown at a size they understand.
        if image.shape[-1] >= 2 * _FEATURES_PX:
            pixels = int(image.shape[-1]) // _FEATURES_PX
            image, target = (nn.functional.avg_pool2d(p, pixels) for p in (image, target))
        with torch.no_grad():
            of_target = self.features(target)
        stats[f"{name}/perceptual"] = losses.perceptual(self.features(image), of_target)
        return self.config.lambda_perceptual * stats[f"{name}/perceptual"]

    def _step_judge(
        self, name: str, real: Tensor, fake: Tensor, *, real_region: Tensor, fake_region: Tensor
    ) -> Tensor:
        judge = dict(self.networks())[name]
        judge.requires_grad_(True)
        with autocast(self.device, self.precision):
            loss = losses.discriminator_loss(
                judge(real),
                judge(fake),
                self.config.gan_mode,
                real_region=real_region,
                fake_region=fake_region,
            )
        self._update(name, loss)
        return loss.detach()

    def _update(self, name: str, loss: Tensor) -> None:
        """Step one optimiser on a loss; every other network's gradients are left out of it."""
        descend(self.optimizers[name], loss)


def _hidden_below(outline: Tensor, share: float) -> Tensor:
    """Let the outlines of the last pictures of a batch reach down to the lower edge."""
    n_others = len(outline) - round(share * len(outline))
    reaching = outline[n_others:].cummax(dim=2).values
    return torch.cat([outline[:n_others], reaching])


def _around(alpha: Tensor, reach_px: int) -> Tensor:
    """Widen an opacity by a few px, apart from any gradient."""
    return dilate(alpha.detach().float(), reach_px)
