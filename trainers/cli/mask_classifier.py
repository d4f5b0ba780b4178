"""``facemask-train gate``: train the classifier that tells masked faces from bare ones."""

from pathlib import Path
from typing import Any

import click

from trainers.cli.small_networks import load_crops, small_network_options, take_run


@click.command()
@small_network_options(images=40_000, batch_size=64)
def gate(output: Path, **options: Any) -> None:
    """Train the gate, by which the converter leaves faces alone that need no translation.

    \b
    facemask-train gate --bare bare.npz --masked masked.npz -o gate.safetensors
    """
    from facemask_video.classify.mask_classifier import INPUT_SIZE_PX, save_mask_classifier
    from trainers.fit.mask_classifier import train_mask_classifier

    run = take_run(options)
    crops = load_crops(options, size_px=INPUT_SIZE_PX, device=run.device)
    network, accuracy = train_mask_classifier(crops, run)
    save_mask_classifier(output, network, images_seen=run.images)
    click.echo(
        f"{output}: tells {accuracy.bare:.1%} of {len(crops.bare_held_out):,} bare and "
        f"{accuracy.masked:.1%} of {len(crops.masked_held_out):,} masked faces set aside"
    )
