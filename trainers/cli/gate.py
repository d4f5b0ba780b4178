"""``facemask-train gate``: train the classifier that tells masked faces from bare ones."""

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
@click.option("--images", type=click.IntRange(min=1), default=40_000, show_default=True,
              metavar="N", help="Images to see.")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(min=2), default=64, show_default=True,
              metavar="N", help="Images a step.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, metavar="N",
              help="Of weights and samples.")  # fmt: skip
@click.option("--n-workers", type=click.IntRange(min=0), default=1, show_default=True,
              metavar="N", help="Processes that prepare samples.")  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="Where the network runs.")
def gate(
    output: Path,
    images: int,
    batch_size: int,
    seed: int,
    n_workers: int,
    device: str,
    **faces: Any,
) -> None:
    """Train the gate, by which the converter leaves faces alone that need no translation.

    \b
    facemask-train gate --bare bare.npz --masked masked.npz -o gate.safetensors
    """
    from facemask_video.translate.device import pick_device
    from facemask_video.translate.gate import SEEN_SIZE_PX, save_gate
    from trainers.config import DataConfig
    from trainers.fit.gate import train_gate
    from trainers.fit.sources import load_training_crops

    place = pick_device(device)
    data = DataConfig(**faces, crop_size_px=SEEN_SIZE_PX)
    with TemporaryDirectory() as cache:
        crops = load_training_crops(data, Path(cache), device=place, on_cut=cutting_line)
    network, accuracy = train_gate(
        crops,
        images=images,
        batch_size=batch_size,
        seed=seed,
        device=place,
        n_workers=n_workers,
        on_stats=lambda seen, loss: write(f"{seen:,}/{images:,} images  loss {loss:.3f}\n"),
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    save_gate(output, network, images_seen=images)
    click.echo(
        f"{output}: tells {accuracy.bare:.1%} of {len(crops.bare_held_out):,} bare and "
        f"{accuracy.masked:.1%} of {len(crops.masked_held_out):,} masked faces set aside"
    )
