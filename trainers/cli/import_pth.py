"""``facemask-train import``: take over a generator of pytorch-CycleGAN-and-pix2pix."""

from dataclasses import dataclass
from pathlib import Path

import click

from facemask_video.cli.options import configured_command
from facemask_video.config.settings import Checked, setting
from facemask_video.core.direction import Direction


@dataclass(frozen=True, slots=True)
class ImportConfig(Checked):
    """What the generator is."""

    direction: Direction = setting(
        flags=("-d", "--direction"),
        metavar="mask|unmask",
        help="What the generator does; AtoB and BtoA are understood",
    )
    crop_size_px: int = setting(
        256,
        low=16,
        flags=("--crop-size",),
        metavar="PX",
        help="Side of the pictures it was trained on",
    )
    licence: str = setting("unknown", help="Of the weights; goes into their card")


@configured_command(ImportConfig, name="import")
@click.argument("source", metavar="FILE.pth", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, metavar="FILE.safetensors", type=click.Path(path_type=Path),
    help="Where the weights are written.",
)  # fmt: skip
def import_pth(config: ImportConfig, source: Path, output: Path, quiet: bool) -> None:
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
        direction=config.direction,
        spec=network.spec,
        crop_size_px=config.crop_size_px,
        licence=config.licence,
    )
    save_generator(output, network, card)
    if not quiet:
        click.echo(
            f"{output}: {network.spec.n_blocks} blocks, ngf {network.spec.ngf}, "
            f"{network.spec.norm} norm"
        )
