"""``facemask-train landmarks``: train the network that places the five points of a face."""

from pathlib import Path

import click

from facemask_video.cli.options import configured_command
from trainers.cli.small_networks import load_crops, recipe_of, small_run, weights_output
from trainers.config.small_networks import LandmarksConfig


@configured_command(LandmarksConfig)
@weights_output
def landmarks(config: LandmarksConfig, output: Path, quiet: bool) -> None:
    """Train the network that finds eyes, nose and mouth also where a mask hides them.

    \b
    facemask-train landmarks --bare bare.npz --masked masked.npz -o landmarks.safetensors
    """
    from facemask_video.detect.landmarks import save_landmarks
    from trainers.data.landmark_samples import VARIED_SIZE_PX
    from trainers.fit.landmarks import train_landmarks

    run = small_run(config, quiet=quiet)
    crops = load_crops(config, size_px=VARIED_SIZE_PX, device=run.device)
    network, distance = train_landmarks(crops, run)
    recipe = recipe_of(config, crops)
    save_landmarks(output, network, images_seen=run.images, recipe=recipe)
    if not quiet:
        click.echo(
            f"{output}: on {len(crops.bare_held_out):,} faces set aside, most of them in drawn "
            f"masks, points lie {distance:.1%} of the eyes' distance from where they were"
        )
