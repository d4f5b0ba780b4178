"""From a configuration to the parts that train."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError, WeightsError
from facemask_video.translate.networks import Generator
from facemask_video.translate.weights import load_generator
from trainers.config import MethodName, TrainConfig
from trainers.data.crops import CropSet
from trainers.data.samples import PairedSamples, TrainingSamples
from trainers.fit.enlarge import enlarge, enlarged_spec
from trainers.gan.cut import Cut
from trainers.gan.cyclegan import Cyclegan
from trainers.gan.face_features import OnetFeatures, VggfaceFeatures
from trainers.gan.initialise import initialise
from trainers.gan.method import Method
from trainers.gan.pix2pix import Pix2pix
from trainers.gan.warm_start import WarmStart

_METHODS: dict[MethodName, Callable[..., Method]] = {
    "warm-start": WarmStart,
    "cyclegan": Cyclegan,
    "pix2pix": Pix2pix,
    "cut": Cut,
}


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
    method = _METHODS[config.method](config, features=features, device=device, precision=precision)
    if config.start.init_type != "torch":
        for _, network in method.networks():
            initialise(network, config.start.init_type, config.start.init_gain)
    for name, generator in method.generators():
        path: Path | None = getattr(config.start, name)
        if path is not None and not resume:
            _start_from(path, generator, Direction(name))
    return method


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
) -> TrainingSamples | PairedSamples:
    """Return the samples from number ``first`` to the run's end, whole batches only.

    Raises:
        ConfigError: Neighbours in time are asked for, and no crop has one.
    """
    with_neighbours = config.extras.lambda_temporal > 0
    if with_neighbours and max(bare.neighbours().max(), masked.neighbours().max()) < 0:
        raise ConfigError(
            "extras.lambda_temporal: no crop has a neighbour in its track; give folders that "
            "facemask-video extract made of videos, or set extras.lambda_equivariance instead."
        )
    size = config.run.batch_size
    n_batches = -(-max(0, config.run.images - first) // size)
    count = n_batches * size
    if config.pairs.given:
        return PairedSamples(
            bare, masked, config.data, config.augmentation, first=first, count=count
        )
    return TrainingSamples(
        bare,
        masked,
        config.data,
        config.augmentation,
        first=first,
        count=count,
        draws_pairs=config.method in ("warm-start", "pix2pix"),
        draws_for_mask=config.method != "warm-start" or config.warm_start.directions != "unmask",
        degrades_bare=config.method == "pix2pix",
        with_neighbours=with_neighbours,
    )
