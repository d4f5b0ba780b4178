"""From a configuration to the parts that train."""

from dataclasses import asdict

import torch

from facemask_video.translate.networks import GeneratorSpec
from trainers.config import GeneratorConfig, TrainConfig
from trainers.data.batches import Augmentation, WarmStartSamples
from trainers.data.crops import CropSet
from trainers.gan.discriminators import DiscriminatorSpec
from trainers.gan.method import Method
from trainers.gan.warm_start import WarmStart, WarmStartOptions


def generator_spec(config: GeneratorConfig) -> GeneratorSpec:
    """Return the sizes of a generator."""
    return GeneratorSpec(**asdict(config))


def build_method(config: TrainConfig, *, device: torch.device, precision: torch.dtype) -> Method:
    """Build fresh networks and optimisers; their weights come from the configuration's seed."""
    torch.manual_seed(config.data.seed)
    warm_start = asdict(config.warm_start)
    directions = warm_start.pop("directions")
    return WarmStart(
        mask=generator_spec(config.mask),
        unmask=generator_spec(config.unmask),
        discriminator=DiscriminatorSpec(**asdict(config.discriminator)),
        options=WarmStartOptions(
            **warm_start,
            directions=("mask", "unmask") if directions == "both" else (directions,),
            lr=config.optim.lr,
            lr_discriminator=config.optim.lr_discriminator,
            beta1=config.optim.beta1,
        ),
        device=device,
        precision=precision,
    )


def build_samples(
    config: TrainConfig, bare: CropSet, masked: CropSet, *, first: int
) -> WarmStartSamples:
    """Return the samples from number ``first`` to the run's end, whole batches only."""
    size = config.run.batch_size
    n_batches = -(-max(0, config.run.images - first) // size)
    return WarmStartSamples(
        bare,
        masked,
        crop_size_px=config.data.crop_size_px,
        seed=config.data.seed,
        augmentation=Augmentation(**asdict(config.augmentation)),
        first=first,
        count=n_batches * size,
        undrawn=config.data.undrawn,
        real_fabric=config.data.real_fabric,
    )
