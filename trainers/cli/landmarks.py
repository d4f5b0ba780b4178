"""``facemask-train landmarks``: train the network that places the five points of a face."""

from pathlib import Path
from typing import Any

import click

from trainers.cli.small_networks import load_crops, small_network_options, take_run


@click.command()
@small_network_options(images=200_000, batch_size=32)
def landmarks(output: Path, **options: Any) -> None:
    """Train the network that finds eyes, nose and mouth also where a mask hides them.

    \b
    facemask-train landmarks --bare bare.npz --masked masked.npz -o landmarks.safetensors
    """
    from facemask_video.detect.landmarks import save_landmarks
    from trainers.data.landmark_samples import VARIED_SIZE_PX
    from trainers.fit.landmarks import train_landmarks

    run = take_run(options)
    crops = load_crops(options, size_px=VARIED_SIZE_PX, device=run.device)
    network, distance = train_landmarks(crops, run)
    save_landmarks(output, network, images_seen=run.images)
    click.echo(
        f"{output}: on {len(crops.bare_held_out):,} faces set aside, most of them in drawn masks, "
        f"points lie {distance:.1%} of the eyes' distance from where they were"
    )
