"""``facemask-train crops``: cut aligned faces out of folders of pictures."""

from dataclasses import dataclass
from pathlib import Path

import click

from facemask_video.cli.options import configured_command
from facemask_video.config.settings import Checked, setting, settings_of
from trainers.cli.progress import cutting_line
from trainers.config import DataConfig

_LOAD_SIZE_PX = next(
    named.default for named in settings_of(DataConfig) if named.key == "load_size_px"
)


@dataclass(frozen=True, slots=True)
class CropsConfig(Checked):
    """How crops are made."""

    size_px: int = setting(
        _LOAD_SIZE_PX,
        low=16,
        flags=("--size",),
        metavar="PX",
        help="Side of the crops; a quarter more than training's, so that jitter does not blur",
    )
    device: str = setting("auto", help="Where the detector runs: auto, cpu, cuda or cuda:N")


@configured_command(CropsConfig)
@click.argument(
    "folders",
    metavar="FOLDER...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE.npz",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the crops are written.",
)
@click.option("--overwrite", "-y", is_flag=True, help="Replace the file if it exists.")
def crops(
    config: CropsConfig, folders: tuple[Path, ...], output: Path, overwrite: bool, quiet: bool
) -> None:
    """Cut the main face of every picture under each FOLDER into one file.

    Pictures without a face and files that cannot be read are left out, counted, and listed with
    the reason beside the output, in FILE.skipped.txt.

    \b
    facemask-train crops photos/bare -o bare.npz
    """
    from facemask_video.translate.device import pick_device
    from trainers.data.crop_sources import join_crops, read_crops, write_skipped

    if output.suffix != ".npz":
        raise click.BadParameter(f"{output}: expected a name that ends in .npz.", param_hint="-o")
    if output.exists() and not overwrite:
        raise click.UsageError(f"{output} exists; pass --overwrite to replace it.")
    device = pick_device(config.device)
    read = [
        read_crops(folder, size_px=config.size_px, device=device, on_crop=cutting_line)
        for folder in folders
    ]
    crop_set = join_crops([crops for crops, _ in read])
    skipped = [each for _, left_out in read for each in left_out]
    crop_set.save(output)
    write_skipped(output.with_suffix(".skipped.txt"), skipped)
    if quiet:
        return
    click.echo(
        f"{output}: {len(crop_set):,} crops of {config.size_px} px; {len(skipped):,} pictures "
        "left out."
    )
    for name, reason in skipped:
        click.echo(f"left out: {name}: {reason}", err=True)
