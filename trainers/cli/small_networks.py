"""What the commands that train a small network share: their options, and their faces."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from facemask_video.cli.options import setting_options
from trainers.cli.progress import cutting_line, write
from trainers.config.faces import TrainingFacesConfig

if TYPE_CHECKING:
    import torch

    from trainers.fit.small_networks import SmallRun
    from trainers.fit.sources import TrainingCrops

Command = Callable[..., None]


def small_network_options(*, images: int, batch_size: int) -> Callable[[Command], Command]:
    """Return a decorator that adds them, with defaults for two of them."""
    options = (
        setting_options(TrainingFacesConfig),
        click.option(
            "-o", "--output", required=True, metavar="FILE", type=click.Path(path_type=Path),
            help="Where the weights are written.",
        ),
        click.option("--images", type=click.IntRange(min=1), default=images, show_default=True,
                     metavar="N", help="Images to see."),
        click.option("--batch-size", type=click.IntRange(min=2), default=batch_size,
                     show_default=True, metavar="N", help="Images a step."),
        click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True,
                     metavar="N", help="Of weights and samples."),
        click.option("--n-workers", type=click.IntRange(min=0), default=1, show_default=True,
                     metavar="N", help="Processes that prepare samples."),
        click.option("--device", default="auto", show_default=True,
                     help="Where the network runs."),
    )  # fmt: skip

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def take_run(options: dict[str, Any]) -> "SmallRun":
    """Take out of a command's options what describes the training; the faces are left."""
    from facemask_video.translate.device import pick_device
    from trainers.fit.small_networks import SmallRun

    images = options.pop("images")
    return SmallRun(
        images,
        device=pick_device(options.pop("device")),
        on_stats=lambda seen, loss: write(f"{seen:,}/{images:,} images  loss {loss:.4f}\n"),
        **{name: options.pop(name) for name in ("batch_size", "seed", "n_workers")},
    )


def load_crops(faces: dict[str, Any], *, size_px: int, device: "torch.device") -> "TrainingCrops":
    """Load the faces that the options name, cut to crops of a size."""
    from trainers.config import DataConfig
    from trainers.fit.sources import load_training_crops

    data = DataConfig(**faces, crop_size_px=size_px)
    with TemporaryDirectory() as cache:
        return load_training_crops(data, Path(cache), device=device, on_crop=cutting_line)
