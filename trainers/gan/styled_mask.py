"""Learn to put on masks of many styles from photographs of masked faces.

The backward cycle of CycleGAN with its one-to-many half made explicit: an unmask generator gave the
bare face of a masked one, an encoder reads the mask's style off it, and the generator must give the
photograph back (Zhu et al., NeurIPS 2017, section 3.1; Almahairi et al., ICML 2018). An adversary
discriminates those, and masks whose style is somebody else's, for which there is no target.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call

from facemask_video.translate.networks import Style, StyledGenerator, inpaint
from facemask_video.translate.networks.scene_light import scene_light
from facemask_video.translate.networks.styled import soften
from trainers.config.networks import DiscriminatorConfig
from trainers.config.styled import StyledMaskConfig
from trainers.data.styled_samples import StyledSample
from trainers.gan import losses
from trainers.gan.autocast import autocast
from trainers.gan.diff_augment import DiffAugment
from trainers.gan.discriminators import build_discriminator
from trainers.gan.face_features import FaceFeatures
from trainers.gan.losses import Outputs
from trainers.gan.method import StepLosses
from trainers.gan.optimizers import descend


@dataclass(frozen=True, slots=True, eq=False)
class StyledBatch:
    """Samples of `StyledSample`, stacked.

    Attributes:
        masked: (n, 3, S, S) in [-1, 1].
        region: (n, 1, S, S) in [0, 1].
        bare: As ``masked``.
        shown: As ``masked``.
        other: As ``masked``.
        is_photograph: bool (n,), true of one at least.
        in_usual_light: bool (n,).
        other_in_usual_light: bool (n,).
    """

    masked: Tensor
    region: Tensor
    bare: Tensor
    shown: Tensor
    other: Tensor
    is_photograph: Tensor
    in_usual_light: Tensor
    other_in_usual_light: Tensor

    @classmethod
    def stack(cls, samples: list[StyledSample]) -> "StyledBatch":
        """Put samples into one batch."""
        columns = {}
        for entry in fields(cls):
            values = [torch.as_tensor(getattr(sample, entry.name)) for sample in samples]
            columns[entry.name] = torch.stack(values)
        return cls(**columns)

    def to(self, device: torch.device) -> "StyledBatch":
        """Move it to a device, pictures with channels last in memory."""
        moved = {}
        for entry in fields(self):
            value = getattr(self, entry.name).to(device, non_blocking=True)
            if value.dim() == 4:
                value = value.contiguous(memory_format=torch.channels_last)
            moved[entry.name] = value
        return StyledBatch(**moved)

    def exposed(self) -> "StyledBatch":
        """Bring faces to usual light, as the generator does."""
        light = scene_light(self.masked)
        return replace(
            self,
            masked=light.to_usual(self.masked),
            bare=light.to_usual(self.bare),
            shown=scene_light(self.shown).to_usual(self.shown),
            other=scene_light(self.other).to_usual(self.other),
        )


class StyledMaskTraining:
    """Generator, encoder, discriminator, and one step of training them.

    Args:
        generator: Fresh, or to go on with.
        config: Weights of the losses, and the optimisers' steps.
        features: Of the perceptual loss.
        device: Where it runs.
        precision: Of autocast.
    """

    def __init__(
        self,
        generator: StyledGenerator,
        config: StyledMaskConfig,
        features: FaceFeatures,
        *,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        self.config, self.device, self.precision = config, device, precision
        self.generator = generator.to(device).to(memory_format=torch.channels_last)
        # It sees the region beside the picture.
        sizes = DiscriminatorConfig(ndf=config.ndf, n_layers=3, n_scales=2)
        discriminator = build_discriminator(sizes, n_in=4)
        self.discriminator = discriminator.to(device).to(memory_format=torch.channels_last)
        self.features = features.to(device)
        betas = (0.5, 0.99)
        self.optimizer = torch.optim.Adam(self.generator.parameters(), lr=config.lr, betas=betas)
        self.discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), lr=config.lr_discriminator, betas=betas
        )

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Both optimisers, by the name of their network."""
        return {"generator": self.optimizer, "discriminator": self.discriminator_optimizer}

    def networks(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield both networks, by name."""
        yield "mask", self.generator
        yield "discriminator", self.discriminator

    def step(self, batch: StyledBatch, images_seen: int) -> StepLosses:
        """Take one step.

        Args:
            batch: What is learnt from.
            images_seen: Before this step.

        Returns:
            The losses, detached.
        """
        config, generator, n = self.config, self.generator, len(batch.masked)
        batch = batch.exposed()
        photographs = torch.nonzero(batch.is_photograph)[:, 0]
        stats: dict[str, Tensor] = {}
        with autocast(self.device, self.precision):
            own = generator.encoder(batch.shown, batch.region)
            lent = self._lent_styles(own, photographs, config.n_transfers)
            # Noise keeps the code from hiding in its last bits what it can't carry to another face.
            own = Style(
                own.texture + config.style_noise * torch.randn_like(own.texture),
                own.shape + config.style_noise * torch.randn_like(own.shape),
            )
            logits = generator.region_logits(
                torch.cat([batch.bare, batch.other[: len(lent)]]),
                torch.cat([own.shape, lent.shape]),
            ).float()
            loss = self._region_loss(logits, batch.region, stats)
            images, region, in_usual_light = self._transfers(
                batch, generator.opacity(logits[n:]).detach(), photographs, images_seen
            )
            images, region = torch.cat([batch.masked, images]), torch.cat([batch.region, region])
            margin = int(torch.randint(1, 6, ())) * int(images.shape[-1]) // 128
            style = Style(
                torch.cat([own.texture, lent.texture]), torch.cat([own.shape, lent.shape])
            )
            painted = generator.paint(
                images, region, style, generator.erase(region, margin)
            ).float()
            loss = loss + self._reconstruction_loss(painted[:n], batch, stats)
            result = images + soften(region) * (painted - images)
            around = inpaint.dilate(region, 4)
            if images_seen >= config.gan_from:
                loss = loss + self._adversarial_loss(result, region, around, batch, stats)
                loss = loss + self._style_loss(painted[n:], region[n:], lent, in_usual_light, stats)
        descend(self.optimizer, loss)
        discriminator: dict[str, Tensor] = {}
        if images_seen >= config.gan_from:
            discriminator["mask/discriminator"] = self._step_discriminator(
                result.detach(), region, around, batch, photographs
            )
        generator_losses = {f"mask/{name}": value for name, value in stats.items()}
        return StepLosses(generator_losses, discriminator).detached()

    @staticmethod
    def _lent_styles(own: Style, photographs: Tensor, count: int) -> Style:
        """Return styles of photographs to be laid on other faces, half of them mirrored."""
        rows = photographs[torch.randint(len(photographs), (count,))]
        texture, shape = own.texture.detach()[rows], own.shape.detach()[rows]
        mirrored = (torch.rand(count, 1, 1, 1) < 0.5).to(texture.device)
        return Style(torch.where(mirrored, texture.flip(3), texture), shape)

    def _transfers(
        self, batch: StyledBatch, found: Tensor, photographs: Tensor, images_seen: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return faces that get somebody else's mask, where, and whether in usual light.

        They are bare ones, and photographs.
        """
        count = len(found)
        rows = photographs[torch.randperm(len(photographs))[: count // 2]]
        if images_seen >= self.config.place_from:
            images, region, usual = batch.other[:count], found, batch.other_in_usual_light[:count]
        else:
            early = photographs[torch.randint(len(photographs), (count,))]
            images, region = batch.masked[early], batch.region[early]
            usual = batch.in_usual_light[early]
        kept = count - len(rows)
        return (
            torch.cat([images[:kept], batch.masked[rows]]),
            torch.cat([region[:kept], batch.region[rows]]),
            torch.cat([usual[:kept], batch.in_usual_light[rows]]),
        )

    def _region_loss(self, logits: Tensor, region: Tensor, stats: dict[str, Tensor]) -> Tensor:
        n = len(region)
        stats["region"] = losses.segmentation_loss(logits[:n], region)
        stats["hard"] = losses.binarity(torch.sigmoid(logits))
        eyes = losses.eye_region(int(logits.shape[-1]), device=logits.device)
        stats["eyes"] = (self.generator.opacity(logits[n:]) * eyes).mean()
        config = self.config
        region_loss = config.lambda_region * (stats["region"] + 0.3 * stats["hard"])
        return region_loss + config.lambda_eyes * stats["eyes"]

    def _reconstruction_loss(
        self, painted: Tensor, batch: StyledBatch, stats: dict[str, Tensor]
    ) -> Tensor:
        config, counted = self.config, inpaint.dilate(batch.region, 2)
        stats["l1"] = losses.weighted_l1(painted, batch.masked, counted)
        stats["edge"] = losses.edge_l1(painted, batch.masked, counted)
        whole = batch.masked + counted * (painted - batch.masked)
        with torch.no_grad():
            target = self.features(batch.masked)
        stats["perceptual"] = losses.perceptual(self.features(whole), target)
        loss = config.lambda_l1 * stats["l1"] + config.lambda_edge * stats["edge"]
        return loss + config.lambda_perceptual * stats["perceptual"]

    def _adversarial_loss(
        self,
        result: Tensor,
        region: Tensor,
        around: Tensor,
        batch: StyledBatch,
        stats: dict[str, Tensor],
    ) -> Tensor:
        n, config = len(batch.masked), self.config
        varied = _draw(result)
        shown, counted = _vary(varied, result, region, around)
        outputs: Outputs = self.discriminator(shown)
        stats["gan"] = losses.generator_loss(outputs, "hinge", region=counted)
        with torch.no_grad():
            # Varied as the fakes are, so that features can be compared.
            alike = varied.of(slice(0, n))
            target: Outputs = self.discriminator(
                _vary(alike, batch.masked, region[:n], around[:n])[0]
            )
        own_features = [[features[:n] for features in scale] for scale in outputs]
        stats["features"] = losses.feature_matching(target, own_features)
        return config.lambda_gan * stats["gan"] + config.lambda_features * stats["features"]

    def _style_loss(
        self,
        painted: Tensor,
        region: Tensor,
        lent: Style,
        in_usual_light: Tensor,
        stats: dict[str, Tensor],
    ) -> Tensor:
        """Hold the style that is read off a transfer against the one it was painted in.

        In another light it is to look otherwise: those don't count. The encoder gets no gradient:
        it would learn to see what the generator can draw.
        """
        fixed = {name: value.detach() for name, value in self.generator.encoder.named_parameters()}
        seen = functional_call(self.generator.encoder, fixed, (painted, region))
        apart = (seen.texture - lent.texture).abs().mean((1, 2, 3))
        counted = in_usual_light.to(apart.dtype)
        stats["style"] = (apart * counted).sum() / counted.sum().clamp(min=1)
        return self.config.lambda_style * stats["style"]

    def _step_discriminator(
        self,
        fakes: Tensor,
        region: Tensor,
        around: Tensor,
        batch: StyledBatch,
        photographs: Tensor,
    ) -> Tensor:
        k, n = len(photographs), len(batch.masked)
        images = torch.cat([batch.masked[photographs], fakes])
        shown, counted = _vary(
            _draw(images),
            images,
            torch.cat([batch.region[photographs], region]),
            torch.cat([around[:n][photographs], around]),
        )
        with autocast(self.device, self.precision):
            outputs: Outputs = self.discriminator(shown)
            loss = losses.discriminator_loss(
                [[features[:k] for features in scale] for scale in outputs],
                [[features[k:] for features in scale] for scale in outputs],
                "hinge",
                real_region=counted[:k],
                fake_region=counted[k:],
            )
        descend(self.discriminator_optimizer, loss)
        return loss


def _draw(images: Tensor) -> DiffAugment:
    """Draw a variation at half the usual change of colour: the tint of cloth counts too."""
    drawn = DiffAugment.draw(("color", "translation"), images)
    return replace(drawn, color=None if drawn.color is None else drawn.color / 2)


def _vary(
    varied: DiffAugment, images: Tensor, region: Tensor, around: Tensor
) -> tuple[Tensor, Tensor]:
    """Return images with their regions as a fourth channel, varied, and where they count."""
    shown = torch.cat([varied.vary(images), varied.move(region * 2 - 1)], dim=1)
    return shown, varied.move(around)
