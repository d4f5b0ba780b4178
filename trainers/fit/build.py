"""From a configuration to the parts that train."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError, WeightsError
from facemask_video.translate.networks import Generator
from facemask_video.translate.weights import load_generator
from trainers.config import TrainConfig
from trainers.data.augment import Augmentation
from trainers.data.crops import CropSet
from trainers.data.samples import TrainingSamples
from trainers.fit.enlarge import enlarge, enlarged_spec
from trainers.gan.cut import Cut, CutOptions
from trainers.gan.cyclegan import Cyclegan, CycleganOptions
from trainers.gan.diff_augment import parse_kinds
from trainers.gan.discriminators import DiscriminatorSpec
from trainers.gan.extras import ExtraOptions
from trainers.gan.face_features import FaceFeatures, OnetFeatures, VggfaceFeatures
from trainers.gan.method import Method
from trainers.gan.pix2pix import Pix2pix, Pix2pixOptions
from trainers.gan.warm_start import WarmStart, WarmStartOptions


def build_method(
    config: TrainConfig, *, device: torch.device, precision: torch.dtype, resume: bool = False
) -> Method:
    """Build networks and optimisers; fresh weights come from the configuration's seed.

    Weights to start from are read but for a run that is resumed, which has its own.

    Raises:
        WeightsError: Weights to start from do not fit the generator configured, or those of
            ``features.vggface2`` cannot be read.
        ConfigError: The method cannot train such networks.
    """
    vggface2 = config.features.vggface2
    features = OnetFeatures() if vggface2 is None else VggfaceFeatures(vggface2)
    features = features.to(device)
    torch.manual_seed(config.data.seed)
    try:
        method = _MAKERS[config.method](config, features, device, precision)
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc
    for name, generator in method.generators():
        path: Path | None = getattr(config.start, name)
        if path is not None and not resume:
            _start_from(path, generator, Direction(name))
    return method


def _warm_start(
    config: TrainConfig, features: FaceFeatures, device: torch.device, precision: torch.dtype
) -> Method:
    options = asdict(config.warm_start)
    directions = options.pop("directions")
    return WarmStart(
        mask=config.mask,
        unmask=config.unmask,
        discriminator=discriminator_spec(config),
        options=WarmStartOptions(
            **options,
            directions=("mask", "unmask") if directions == "both" else (directions,),
            lr=config.optim.lr,
            lr_discriminator=config.optim.lr_discriminator,
            optimizer=config.optim.optimizer,
            beta1=config.optim.beta1,
        ),
        features=features,
        device=device,
        precision=precision,
    )


def _cyclegan(
    config: TrainConfig, features: FaceFeatures, device: torch.device, precision: torch.dtype
) -> Method:
    return Cyclegan(
        mask=config.mask,
        unmask=config.unmask,
        discriminator=discriminator_spec(config),
        options=CycleganOptions(**asdict(config.cyclegan)),
        features=features,
        device=device,
        precision=precision,
        **_shared(config),
    )


def _pix2pix(
    config: TrainConfig, features: FaceFeatures, device: torch.device, precision: torch.dtype
) -> Method:
    return Pix2pix(
        generator=getattr(config, config.pix2pix.direction),
        discriminator=replace(discriminator_spec(config), n_in=6),
        options=Pix2pixOptions(**asdict(config.pix2pix)),
        features=features,
        device=device,
        precision=precision,
        **_shared(config),
    )


def _cut(
    config: TrainConfig, features: FaceFeatures, device: torch.device, precision: torch.dtype
) -> Method:
    return Cut(
        generator=getattr(config, config.cut.direction),
        discriminator=discriminator_spec(config),
        options=CutOptions(**asdict(config.cut)),
        crop_size_px=config.data.crop_size_px,
        device=device,
        precision=precision,
        **_shared(config),
    )


_MAKERS: dict[str, Callable[[TrainConfig, FaceFeatures, torch.device, torch.dtype], Method]] = {
    "warm-start": _warm_start,
    "cyclegan": _cyclegan,
    "pix2pix": _pix2pix,
    "cut": _cut,
}


def _shared(config: TrainConfig) -> dict[str, Any]:
    """Return what all methods but the warm start take."""
    return {
        "extras": ExtraOptions(**asdict(config.extras)),
        "optimizer": config.optim.optimizer,
        "lr": config.optim.lr,
        "lr_discriminator": config.optim.lr_discriminator,
        "beta1": config.optim.beta1,
        "augment": parse_kinds(config.discriminator.diff_augment),
        "mixup": config.discriminator.mixup,
    }


def discriminator_spec(config: TrainConfig) -> DiscriminatorSpec:
    """Return the sizes of a discriminator."""
    sizes = asdict(config.discriminator)
    for of_the_adversary in ("diff_augment", "mixup"):
        del sizes[of_the_adversary]
    return DiscriminatorSpec(**sizes)


def _start_from(path: Path, generator: Generator, direction: Direction) -> None:
    weights, card = load_generator(path, direction=direction)
    state = weights.state_dict()
    # How a trained generator is run is the configuration's business; to another filling it adapts
    # within a few thousand images.
    spec = replace(card.spec, mirrored=generator.spec.mirrored, fill=generator.spec.fill)
    if enlarged_spec(spec) == generator.spec:
        state = enlarge(state, spec)
    elif spec != generator.spec:
        raise WeightsError(
            f"{path}: weights are for {card.spec}, the {direction} generator is configured as "
            f"{generator.spec}; configure it alike, or for twice the size with twice the fold."
        )
    generator.load_state_dict(state)


def build_samples(
    config: TrainConfig, bare: CropSet, masked: CropSet, *, first: int
) -> TrainingSamples:
    """Return the samples from number ``first`` to the run's end, whole batches only.

    Raises:
        ConfigError: Neighbours in time are asked for, and no crop has one.
    """
    moments = config.extras.lambda_temporal > 0
    if moments and max(bare.neighbours().max(), masked.neighbours().max()) < 0:
        raise ConfigError(
            "extras.lambda_temporal: no crop has a neighbour in its track; give folders that "
            "facemask-video extract made of videos, or set extras.lambda_equivariance instead."
        )
    size = config.run.batch_size
    n_batches = -(-max(0, config.run.images - first) // size)
    return TrainingSamples(
        bare,
        masked,
        crop_size_px=config.data.crop_size_px,
        seed=config.data.seed,
        augmentation=Augmentation(**asdict(config.augmentation)),
        first=first,
        count=n_batches * size,
        undrawn=config.data.undrawn,
        real_fabric=config.data.real_fabric,
        serial=config.data.serial_batches,
        mask_learns=config.data.mask_learns,
        unmask_learns=config.data.unmask_learns,
        worn_wrong=config.data.worn_wrong,
        worn_high=config.data.worn_high,
        worn_loose=config.data.worn_loose,
        garments=config.data.garments,
        turned=config.data.turned,
        put_on=config.method != "warm-start" or config.warm_start.directions != "unmask",
        wear_bare=config.method == "pix2pix",
        drawn=config.method in ("warm-start", "pix2pix"),
        moments=moments,
    )
