"""``facemask-train landmarks``: train the network that places the five points of a face."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from facemask_video.cli.options import setting_options
from trainers.cli.progress import cutting_line, write
from trainers.config.faces import TrainingFacesConfig


@click.command()
@setting_options(TrainingFacesConfig)
@click.option(
    "-o", "--output", required=True, metavar="FILE", type=click.Path(path_type=Path),
    help="Where the weights are written.",
)  # fmt: skip
@click.option("--images", type=click.IntRange(min=1), default=200_000, show_default=True,
              metavar="N", help="Images to see.")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(min=2), default=32, show_default=True,
              metavar="N", help="Images a step.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, metavar="N",
              help="Of weights and samples.")  # fmt: skip
@click.option("--n-workers", type=click.IntRange(min=0), default=1, show_default=True,
              metavar="N", help="Processes that prepare samples.")  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="Where the network runs.")
def landmarks(
    output: Path,
    images: int,
    batch_size: int,
    seed: int,
    n_workers: int,
    device: str,
    **faces: Any,
) -> None:
    """Train the network that finds eyes, nose and mouth also where a mask hides them.

    \b
    facemask-train landmarks --bare bare.npz --masked masked.npz -o landmarks.safetensors
    """
    from facemask_video.detect.landmarks import save_landmarks
    from facemask_video.translate.device import pick_device
    from trainers.config import DataConfig
    from trainers.data.landmark_samples import VARIED_SIZE_PX
    from trainers.fit.landmarks import train_landmarks
    from trainers.fit.sources import load_training_crops

    place = pick_device(device)
    data = DataConfig(**faces, crop_size_px=VARIED_SIZE_PX)
    with TemporaryDirectory() as cache:
        crops = load_training_crops(data, Path(cache), device=place, on_cut=cutting_line)
    network, distance = train_landmarks(
        crops,
        images=images,
        batch_size=batch_size,
        seed=seed,
        device=place,
        n_workers=n_workers,
        on_stats=lambda seen, loss: write(f"{seen:,}/{images:,} images  loss {loss:.4f}\n"),
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    save_landmarks(output, network, images_seen=images)
    click.echo(
        f"{output}: on {len(crops.bare_held_out):,} faces set aside, most of them in drawn masks, "
        f"points lie {distance:.1%} of the eyes' distance from where they were"
    )
