"""CUT and FastCUT: one direction without pairs and without a way back.

Park et al., "Contrastive Learning for Unpaired Image-to-Image Translation", ECCV 2020, section 3:
a patch of the translation should be told from other patches of the same picture by what lay in its
place before, judged in the features of the generator's own encoder.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional

from facemask_video.translate.networks import (
    Generator,
    GeneratorSpec,
    build_generator,
)
from facemask_video.translate.networks.resnet import ResnetTrunk
from trainers.data.batches import Batch
from trainers.gan.adversary import Adversary
from trainers.gan.autocast import autocast
from trainers.gan.discriminators import DiscriminatorSpec
from trainers.gan.extras import ExtraOptions, extra_losses
from trainers.gan.image_pool import ImagePool
from trainers.gan.optimizers import descend, make_optimizer

_EMBEDDING = 256
_TEMPERATURE = 0.07


@dataclass(frozen=True, slots=True)
class CutOptions:
    """Weights of the losses. FastCUT is ``lambda_NCE`` 10, ``nce_idt`` off, flips on.

    Attributes:
        direction: ``mask`` or ``unmask``.
        gan_mode: See `losses.GAN_MODES`.
        lambda_gan: Adversary.
        lambda_NCE: Contrast of patches.
        nce_idt: Contrast also pictures that need no change, which keeps them.
        flip_equivariance: Mirror half of the steps' inputs, and hold their features against those
            of the unmirrored input.
        num_patches: Patches compared in each picture and layer.
    """

    direction: str = "mask"
    gan_mode: str = "lsgan"
    lambda_gan: float = 1.0
    lambda_NCE: float = 1.0
    nce_idt: bool = True
    flip_equivariance: bool = False
    num_patches: int = 256


class EncoderFeatures(nn.Module):
    """The features of a residual generator's encoder, each embedded by a small network."""

    def __init__(self, trunk: ResnetTrunk, sample: Tensor) -> None:
        """Size the embeddings by a sample input, (1, 3, S, S)."""
        super().__init__()
        # Not a submodule: the trunk belongs to the generator and is saved with it.
        self._trunk = [trunk]
        with torch.no_grad():
            channels = [features.shape[1] for features in self.encode(sample)]
        self.embeddings = nn.ModuleList(
            nn.Sequential(
                nn.Linear(width, _EMBEDDING), nn.ReLU(), nn.Linear(_EMBEDDING, _EMBEDDING)
            )
            for width in channels
        )

    def encode(self, image: Tensor) -> list[Tensor]:
        """Return the picture and the features after stem, halvings and half the blocks."""
        [trunk] = self._trunk
        features = trunk.stem(trunk.fold(image))
        kept = [image, features]
        for down in trunk.down:
            features = down(features)
            kept.append(features)
        for block in list(trunk.blocks)[: max(1, len(trunk.blocks) // 2)]:
            features = block(features)
        kept.append(features)
        return kept

    def forward(self, image: Tensor, places: list[Tensor]) -> list[Tensor]:
        """Return unit vectors (n, patches, 256) of each layer at ``places``, flat indices."""
        vectors = []
        for features, embed, where in zip(self.encode(image), self.embeddings, places, strict=True):
            flat = features.flatten(2).transpose(1, 2)[:, where]
            vectors.append(functional.normalize(embed(flat).float(), dim=2))
        return vectors

    def choose_places(self, image: Tensor, n_patches: int) -> list[Tensor]:
        """Draw places in each layer from torch's generator."""
        with torch.no_grad():
            sizes = [features[0, 0].numel() for features in self.encode(image[:1])]
        return [torch.randperm(size)[:n_patches].to(image.device) for size in sizes]


class Cut:
    """One generator, its adversary, the patch embeddings, and one step of training them."""

    def __init__(
        self,
        *,
        generator: GeneratorSpec,
        discriminator: DiscriminatorSpec,
        options: CutOptions,
        extras: ExtraOptions,
        optimizer: str,
        lr: float,
        lr_discriminator: float,
        beta1: float,
        augment: tuple[str, ...],
        mixup: float,
        crop_size_px: int,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        """Build fresh networks.

        Raises:
            ValueError: The generator is not a residual one.
        """
        self.options, self.extras = options, extras
        self.device, self.precision = device, precision
        self.generator = build_generator(generator).to(device)
        trunk = getattr(self.generator, "trunk", None)
        if not isinstance(trunk, ResnetTrunk):
            raise ValueError(
                f"{options.direction}.architecture: got {generator.architecture!r}, cut compares "
                "the features of a resnet."
            )
        sample = torch.zeros(1, 3, crop_size_px, crop_size_px, device=device)
        self.features = EncoderFeatures(trunk.eval(), sample).to(device)
        trunk.train()
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
            optimizer,
            chain(self.generator.parameters(), self.features.parameters()),
            lr=lr,
            beta1=beta1,
        )

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Every optimiser; the embeddings learn with the generator."""
        return {"generator": self.generator_optimizer, "judge": self.judge.optimizer}

    @property
    def pools(self) -> Mapping[str, ImagePool]:
        """The discriminator's, which keeps nothing."""
        return {"judge": self.judge.pool}

    def networks(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield every network that learns, by name."""
        yield from self.generators()
        yield "embeddings", self.features
        yield "judge", self.judge.network

    def generators(self) -> Iterator[tuple[str, Generator]]:
        """Yield what ships."""
        yield self.options.direction, self.generator

    def step(self, batch: Batch, images_seen: int) -> dict[str, Tensor]:
        """Take one step with every network; returns the losses by name, detached."""
        opt, name = self.options, self.options.direction
        source, target, moments = batch.bare, batch.real_masked, batch.bare_moments
        if name == "unmask":
            source, target, moments = target, source, batch.masked_moments
        flipped = opt.flip_equivariance and float(torch.rand(())) < 0.5
        shown = source.flip(3) if flipped else source
        stats: dict[str, Tensor] = {}
        with autocast(self.device, self.precision):
            translation = self.generator(shown)
            fake = translation.over(shown).float()
            stats[f"{name}/nce"] = self._contrast(source, fake.flip(3) if flipped else fake)
            nce = stats[f"{name}/nce"]
            if opt.nce_idt:
                same = self.generator(target).over(target).float()
                stats[f"{name}/nce_idt"] = self._contrast(target, same)
                nce = 0.5 * (nce + stats[f"{name}/nce_idt"])
            loss = opt.lambda_NCE * nce
            if opt.lambda_gan > 0:
                stats[f"{name}/gan"] = self.judge.generator_loss(fake)
                loss = loss + opt.lambda_gan * stats[f"{name}/gan"]
            loss = loss + extra_losses(
                name, self.generator, shown, translation, moments, self.extras, stats
            )
        descend(self.generator_optimizer, loss)
        if opt.lambda_gan > 0:
            stats[f"{name}/judge"] = self.judge.learn(target, fake)
        return {key: value.detach().float() for key, value in stats.items()}

    def _contrast(self, before: Tensor, after: Tensor) -> Tensor:
        """Return the cross-entropy of finding each patch's own place among all places."""
        places = self.features.choose_places(before, self.options.num_patches)
        keys = [vectors.detach() for vectors in self.features(before, places)]
        queries = self.features(after, places)
        total = torch.zeros((), device=before.device)
        for query, key in zip(queries, keys, strict=True):
            likeness = query @ key.transpose(1, 2) / _TEMPERATURE
            own = torch.arange(likeness.shape[1], device=likeness.device)
            total = total + functional.cross_entropy(
                likeness.flatten(0, 1), own.repeat(len(likeness))
            )
        return total / len(keys)
