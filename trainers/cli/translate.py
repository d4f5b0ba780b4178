"""``facemask-train translate``: run a generator over a folder of pictures."""

from dataclasses import dataclass
from pathlib import Path

import click

from facemask_video.cli.options import configured_command
from facemask_video.config.settings import Checked, setting


@dataclass(frozen=True, slots=True)
class TranslateFolderConfig(Checked):
    """Where it runs."""

    device: str = setting(
        "auto", metavar="auto|cpu|cuda[:i]", help="Where the generator runs; auto takes a GPU"
    )


@configured_command(TranslateFolderConfig)
@click.argument("weights", metavar="WEIGHTS", type=click.Path(path_type=Path))
@click.argument(
    "folder", metavar="IN_DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="OUT_DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where results and index.html, which compares them, are written.",
)
def translate(
    config: TranslateFolderConfig, weights: Path, folder: Path, output: Path, quiet: bool
) -> None:
    """Run a generator over the pictures of a folder as they are, and compare on a page.

    No face is looked for: a picture is taken for a crop, as generators of your own pairs want it.
    For photographs of people there is facemask-video batch.

    \b
    facemask-train translate runs/00000-pix2pix-256/weights/mask-standard.safetensors test/A -o out
    """
    from facemask_video.translate.device import pick_device, pick_precision
    from facemask_video.translate.translator import Translator
    from facemask_video.translate.weights import read_card
    from trainers.data.crop_sources import warn_of_skipped
    from trainers.pairs.translate_folder import translate_folder

    device = pick_device(config.device)
    translator = Translator.load(
        weights,
        direction=read_card(weights).direction,
        device=device,
        precision=pick_precision("auto", device),
    )
    title = f"{weights.name} over {folder.name}"
    done, skipped = translate_folder(translator, folder, output, title=title)
    warn_of_skipped(folder, len(done), skipped)
    if not quiet:
        click.echo(f"{output / 'index.html'}: {len(done)} pictures translated")
