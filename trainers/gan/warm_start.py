"""The paired warm start: learn both directions from drawn masks.

``mask`` learns to draw one kind of mask; ``unmask`` learns to find masks of every kind and to
complete the face beneath. Real masked faces, whose bare face nobody has, take part in two ways: the
adversary of ``unmask`` judges their completion too, and ``mask`` must leave them as they are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from facemask_video.translate.networks import (
    Generator,
    GeneratorSpec,
    TwoStageGenerator,
    build_generator,
)
from facemask_video.translate.networks.inpaint import dilate, soft_threshold
from trainers.data.batches import Batch
from trainers.gan import losses
from trainers.gan.autocast import autocast
from trainers.gan.discriminators import DiscriminatorSpec, build_discriminator
from trainers.gan.face_features import FaceFeatures
from trainers.gan.image_pool import ImagePool
from trainers.gan.luma import chroma
from trainers.gan.optimizers import descend, make_optimizer


@dataclass(frozen=True, slots=True)
class WarmStartOptions:
    """Weights of the losses and steps of the optimisers.

    Attributes:
        lr: Step of the generators' optimiser.
        lr_discriminator: The same for the discriminators.
        optimizer: See `optimizers.OPTIMIZERS`.
        beta1: Its first momentum.
        gan_mode: See `losses.GAN_MODES`; ``wgan-gp`` is not offered here.
        lambda_l1: L1 under the mask.
        lambda_chroma: L1 of colour alone under the mask (``unmask``): holds the tint where the
            adversary drives brightness.
        lambda_keep: L1 of the whole painted picture, so that alpha's edge never shows.
        lambda_outline: Outline, or alpha, against the drawn opacity.
        lambda_perceptual: Features of faces; those of O-Net want crops of 48 px or more.
        lambda_gan: Adversary.
        lambda_features: Feature matching.
        lambda_real: Adversary on real masked faces (``unmask``).
        gan_from: Images seen before the adversary joins.
        hidden_below: Share of the faces to complete that are hidden from the mask down to the
            crop's lower edge: so a mask looks that the picture cuts, where its edge is repeated.
        directions: Which generators learn; the other one stands still.
    """

    lr: float = 2e-4
    lr_discriminator: float = 2e-4
    optimizer: str = "adam"
    beta1: float = 0.5
    gan_mode: str = "hinge"
    lambda_l1: float = 10.0
    lambda_chroma: float = 0.0
    lambda_keep: float = 1.0
    lambda_outline: float = 2.0
    lambda_perceptual: float = 2.0
    lambda_gan: float = 0.3
    lambda_features: float = 3.0
    lambda_real: float = 0.3
    gan_from: int = 4000
    hidden_below: float = 0.0
    directions: tuple[str, ...] = ("mask", "unmask")


_FEATURES_PX = 128


class WarmStart:
    """Both generators, their adversaries, and one step of training them."""

    def __init__(
        self,
        *,
        mask: GeneratorSpec,
        unmask: GeneratorSpec,
        discriminator: DiscriminatorSpec,
        options: WarmStartOptions,
        features: FaceFeatures,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        """Build fresh networks; ``precision`` is autocast's, norms and losses stay in fp32."""
        self.options, self.device, self.precision = options, device, precision
        self.mask = build_generator(mask).to(device)
        self.unmask = build_generator(unmask).to(device)
        self.judge_masked = build_discriminator(discriminator).to(device)
        self.judge_bare = build_discriminator(discriminator).to(device)
        self.features = features
        self.optimizers = {
            name: make_optimizer(
                options.optimizer,
                network.parameters(),
                lr=options.lr if name in ("mask", "unmask") else options.lr_discriminator,
                beta1=options.beta1,
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
        with_gan = images_seen >= self.options.gan_from
        stats: dict[str, Tensor] = {}
        if "unmask" in self.options.directions:
            stats |= self._step_unmask(batch, with_gan=with_gan)
        if "mask" in self.options.directions:
            stats |= self._step_mask(batch, with_gan=with_gan)
        return stats

    def _step_unmask(self, batch: Batch, *, with_gan: bool) -> dict[str, Tensor]:
        opt, generator = self.options, self.unmask
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
        opt = self.options
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
        if self.options.lambda_perceptual <= 0:
            return torch.zeros((), device=image.device)
        # Networks for faces know small ones: a larger picture is shown at a size they understand.
        if image.shape[-1] >= 2 * _FEATURES_PX:
            pixels = int(image.shape[-1]) // _FEATURES_PX
            image, target = (nn.functional.avg_pool2d(p, pixels) for p in (image, target))
        with torch.no_grad():
            of_target = self.features(target)
        stats[f"{name}/perceptual"] = losses.perceptual(self.features(image), of_target)
        return self.options.lambda_perceptual * stats[f"{name}/perceptual"]

    def _step_judge(
        self, name: str, real: Tensor, fake: Tensor, *, real_region: Tensor, fake_region: Tensor
    ) -> Tensor:
        judge = dict(self.networks())[name]
        judge.requires_grad_(True)
        with autocast(self.device, self.precision):
            loss = losses.discriminator_loss(
                judge(real),
                judge(fake),
                self.options.gan_mode,
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
