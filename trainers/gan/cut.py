"""CUT and FastCUT: one direction without pairs and without a way back.

Park et al., "Contrastive Learning for Unpaired Image-to-Image Translation", ECCV 2020, section 3:
a patch of the translation should be distinguished from other patches of the same picture by what
lay in its place before, compared in the features of the generator's own encoder.
"""

from collections.abc import Iterator, Mapping
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional

from facemask_video.core.errors import ConfigError
from facemask_video.translate.networks import (
    Generator,
    GeneratorSpec,
    build_generator,
)
from facemask_video.translate.networks.layers import unshuffle
from facemask_video.translate.networks.resnet import ResnetTrunk
from trainers.config import TrainConfig
from trainers.data.batches import Batch
from trainers.gan.adversary import Adversary
from trainers.gan.autocast import autocast
from trainers.gan.extras import add_extra_losses
from trainers.gan.face_features import FaceFeatures
from trainers.gan.image_pool import ImagePool
from trainers.gan.method import StepLosses, WeightedSum
from trainers.gan.optimizers import descend, make_optimizer

_EMBEDDING = 256
_TEMPERATURE = 0.07


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
        features = trunk.stem(unshuffle(image, trunk.fold))
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
        config: TrainConfig,
        *,
        features: FaceFeatures,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        """Build fresh networks; ``features`` of faces have no part in CUT.

        Raises:
            ConfigError: The generator is not a residual one.
        """
        self.config, self.extras = config.cut, config.extras
        self.device, self.precision = device, precision
        spec: GeneratorSpec = getattr(config, self.config.direction)
        self.generator = build_generator(spec).to(device)
        trunk = getattr(self.generator, "trunk", None)
        if not isinstance(trunk, ResnetTrunk):
            raise ConfigError(
                f"{self.config.direction}.architecture: got {spec.architecture!r}, cut compares "
                "the features of a resnet."
            )
        side = config.data.crop_size_px
        sample = torch.zeros(1, 3, side, side, device=device)
        self.features = EncoderFeatures(trunk.eval(), sample).to(device)
        trunk.train()
        self.discriminator = Adversary(
            config.discriminator,
            config.optim,
            gan_mode=self.config.gan_mode,
            device=device,
            precision=precision,
        )
        self.generator_optimizer = make_optimizer(
            chain(self.generator.parameters(), self.features.parameters()),
            config.optim,
            lr=config.optim.lr,
        )

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Every optimiser; the embeddings learn with the generator."""
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
        yield "embeddings", self.features
        yield "discriminator", self.discriminator.network

    def generators(self) -> Iterator[tuple[str, Generator]]:
        """Yield what ships."""
        yield self.config.direction, self.generator

    def step(self, batch: Batch, images_seen: int) -> StepLosses:
        """Take one step with every network; returns the losses, detached."""
        opt, name = self.config, self.config.direction
        source, target, pairs = batch.bare, batch.real_masked, batch.bare_frame_pairs
        if name == "unmask":
            source, target, pairs = target, source, batch.masked_frame_pairs
        flipped = opt.flip_equivariance and float(torch.rand(())) < 0.5
        shown = source.flip(3) if flipped else source
        loss = WeightedSum()
        with autocast(self.device, self.precision):
            translation = self.generator(shown)
            fake = translation.over(shown).float()
            share = 0.5 if opt.nce_idt else 1.0
            contrast = self._contrast(source, fake.flip(3) if flipped else fake)
            loss.add(f"{name}/nce", contrast, share * opt.lambda_NCE)
            if opt.nce_idt:
                same = self.generator(target).over(target).float()
                loss.add(f"{name}/nce_idt", self._contrast(target, same), share * opt.lambda_NCE)
            if opt.lambda_gan > 0:
                scores = self.discriminator.score(fake)
                loss.add(f"{name}/gan", self.discriminator.generator_loss(scores), opt.lambda_gan)
            add_extra_losses(loss, name, self.generator, shown, translation, pairs, self.extras)
        descend(self.generator_optimizer, loss.total)
        learnt = {}
        if opt.lambda_gan > 0:
            learnt[f"{name}/discriminator"] = self.discriminator.learn(target, fake)
        return StepLosses(loss.terms, learnt).detached()

    def _contrast(self, before: Tensor, after: Tensor) -> Tensor:
        """Return the cross-entropy of finding each patch's own place among all places."""
        places = self.features.choose_places(before, self.config.num_patches)
        keys = [vectors.detach() for vectors in self.features(before, places)]
        queries = self.features(after, places)
        total = torch.zeros((), device=before.device)
        for query, key in zip(queries, keys, strict=True):
            similarity = query @ key.transpose(1, 2) / _TEMPERATURE
            own = torch.arange(similarity.shape[1], device=similarity.device)
            total = total + functional.cross_entropy(
                similarity.flatten(0, 1), own.repeat(len(similarity))
            )
        return total / len(keys)
