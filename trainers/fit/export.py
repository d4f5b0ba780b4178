"""Write what ships: averaged generators in half precision, each with its card."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from facemask_video.direction import Direction
from facemask_video.settings import as_plain, build, read_tables
from facemask_video.translate.networks import Generator, build_generator
from facemask_video.translate.weights import WeightsCard, save_generator
from trainers.config import TrainConfig
from trainers.fit.build import generator_spec
from trainers.fit.checkpoint import newest_checkpoint, read_checkpoint
from trainers.fit.runs import RunFolder


def read_config(run: RunFolder) -> dict[str, object]:
    """Return a run's settings by full name."""
    return read_tables(run.read_options(), TrainConfig, run.options)


_OF_THE_PLACE = {
    "data": ("bare", "masked", "held_out_names", "n_workers"),
    "run": (
        *("device", "n_threads", "run_dir", "progress", "tensorboard"),
        *("stats_every", "preview_every", "checkpoint_every", "keep_checkpoints"),
    ),
}
"""Settings that say where and how a recipe is run, not what it is."""


def config_sha256(config: TrainConfig) -> str:
    """Return the hash of a recipe: the same wherever it is run."""
    recipe = as_plain(config)
    for section, keys in _OF_THE_PLACE.items():
        for key in keys:
            del recipe[section][key]
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def export_generators(
    generators: Mapping[str, Generator],
    config: TrainConfig,
    folder: Path,
    *,
    images_seen: int,
    quality: str = "standard",
) -> list[Path]:
    """Write each generator as ``DIRECTION-QUALITY.safetensors``; returns the files."""
    paths = []
    for name, network in generators.items():
        card = WeightsCard(
            direction=Direction(name),
            spec=generator_spec(getattr(config, name)),
            crop_size_px=config.data.crop_size_px,
            images_seen=images_seen,
            config_sha256=config_sha256(config),
        )
        path = folder / f"{name}-{quality}.safetensors"
        save_generator(path, network, card)
        paths.append(path)
    return paths


def export_run(run: RunFolder, folder: Path, *, quality: str = "standard") -> list[Path]:
    """Write the generators of a run's newest checkpoint.

    Raises:
        TrainingError: The run has no checkpoint, or it does not fit the options.
    """
    config = build(TrainConfig, read_config(run))
    state = read_checkpoint(newest_checkpoint(run.checkpoints))
    generators: dict[str, Generator] = {}
    for name, weights in state["parts"]["averages"].items():
        generators[name] = build_generator(generator_spec(getattr(config, name)))
        generators[name].load_state_dict(weights)
    return export_generators(
        generators, config, folder, images_seen=int(state["images_seen"]), quality=quality
    )
