"""What the commands that train a small network share."""

import hashlib
import json
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from trainers.cli.progress import cutting_line, write
from trainers.config.faces import TrainingFacesConfig
from trainers.config.small_networks import SmallNetworkConfig

if TYPE_CHECKING:
    import torch

    from trainers.fit.small_networks import SmallRun
    from trainers.fit.training_crops import TrainingCrops

weights_output = click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where the weights are written.",
)
"""The option that names the file to write."""


def small_run(config: SmallNetworkConfig, *, quiet: bool) -> "SmallRun":
    """Return how the network is trained, with losses shown on stderr unless ``quiet``."""
    from facemask_video.translate.device import pick_device
    from trainers.fit.small_networks import SmallRun

    def show(seen: int, loss: float) -> None:
        write(f"{seen:,}/{config.images:,} images  loss {loss:.4f}\n")

    return SmallRun(
        config.images,
        batch_size=config.batch_size,
        seed=config.seed,
        device=pick_device(config.device),
        n_workers=config.n_workers,
        on_stats=None if quiet else show,
    )


def load_crops(
    config: SmallNetworkConfig, *, size_px: int, device: "torch.device"
) -> "TrainingCrops":
    """Load the faces that the options name, as crops of a size."""
    from trainers.config import DataConfig
    from trainers.fit.training_crops import load_training_crops

    faces = {field.name: getattr(config, field.name) for field in fields(TrainingFacesConfig)}
    data = DataConfig(**faces, crop_size_px=size_px)
    with TemporaryDirectory() as cache:
        return load_training_crops(data, Path(cache), device=device, on_crop=cutting_line)


def recipe_of(config: SmallNetworkConfig, crops: "TrainingCrops") -> dict[str, str]:
    """Return what the card of the network says of how it was trained: hashes, by name."""
    from facemask_video.config.settings import as_plain

    recipe = {
        key: value
        for key, value in as_plain(config).items()
        if key not in ("bare", "masked", "held_out_names", "device", "n_workers")
    }
    text = json.dumps(recipe, sort_keys=True)
    return {
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "training_files_sha256": crops.files_sha256(),
    }
