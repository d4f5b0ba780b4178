"""``facemask-train import``: take over a generator of pytorch-CycleGAN-and-pix2pix."""

from pathlib import Path
from typing import Any

import click

from facemask_video.cli.options import DIRECTION


@click.command("import")
@click.argument("source", metavar="FILE.pth", type=click.Path(path_type=Path))
@click.option(
    "-d", "--direction", type=DIRECTION, required=True, metavar="mask|unmask",
    help="What the generator does; AtoB and BtoA are understood.",
)  # fmt: skip
@click.option(
    "--crop-size", "crop_size_px", type=click.IntRange(min=16), default=256, show_default=True,
    metavar="PX", help="Side of the pictures it was trained on.",
)  # fmt: skip
@click.option(
    "--licence", default="unknown", show_default=True, help="Of the weights; goes into their card."
)
@click.option(
    "-o", "--output", required=True, metavar="FILE.safetensors", type=click.Path(path_type=Path),
    help="Where the weights are written.",
)  # fmt: skip
def import_pth(source: Path, direction: Any, crop_size_px: int, licence: str, output: Path) -> None:
    """Write latest_net_G_A.pth, or G_B, of pytorch-CycleGAN-and-pix2pix as a weights file.

    The faces it was trained on should be aligned as `facemask-train crops` aligns them: the file
    says so, and the converter cuts its crops that way.

    \b
    facemask-train import latest_net_G_A.pth -d mask -o mask.safetensors
    """
    from facemask_video.translate.weights import WeightsCard, save_generator
    from trainers.fit.pth import read_pth

    network = read_pth(source)
    card = WeightsCard(
        direction=direction, spec=network.spec, crop_size_px=crop_size_px, licence=licence
    )
    save_generator(output, network, card)
    click.echo(
        f"{output}: {network.spec.n_blocks} blocks, ngf {network.spec.ngf}, "
        f"{network.spec.norm} norm"
    )
