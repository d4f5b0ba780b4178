"""``facemask-train mask-classifier``: train the network that tells masked faces from bare ones."""

from pathlib import Path

import click

from facemask_video.cli.options import configured_command
from trainers.cli.small_networks import load_crops, recipe_of, small_run, weights_output
from trainers.config.small_networks import SmallNetworkConfig


@configured_command(SmallNetworkConfig)
@weights_output
def mask_classifier(config: SmallNetworkConfig, output: Path, quiet: bool) -> None:
    """Train the classifier by which the converter leaves faces alone that need no translation.

    \b
    facemask-train mask-classifier --bare bare.npz --masked masked.npz -o classifier.safetensors
    """
    from facemask_video.classify.mask_classifier import INPUT_SIZE_PX, save_mask_classifier
    from trainers.fit.mask_classifier import train_mask_classifier

    run = small_run(config, quiet=quiet)
    crops = load_crops(config, size_px=INPUT_SIZE_PX, device=run.device)
    network, accuracy = train_mask_classifier(crops, run)
    recipe = recipe_of(config, crops)
    save_mask_classifier(output, network, images_seen=run.images, recipe=recipe)
    if not quiet:
        click.echo(
            f"{output}: classifies {accuracy.bare:.1%} of {len(crops.bare_held_out):,} bare and "
            f"{accuracy.masked:.1%} of {len(crops.masked_held_out):,} masked faces set aside "
            "correctly"
        )
