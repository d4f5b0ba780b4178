"""``facemask-video curate``: decide anew what a set of crops keeps."""

from pathlib import Path

import click

from facemask_video.cli.options import (
    SectionedCommand,
    setting_options,
    typed_settings,
    verbosity_options,
)
from facemask_video.config import CurateConfig
from facemask_video.config.settings import build


class CurateCommand(SectionedCommand):
    """`curate` with its options under headings."""

    headings = {  # noqa: RUF012 - click copies nothing of a command's class
        "filter": "What is kept",
        "split": "Splits and layouts",
        "other": "Other",
    }


@click.command(
    cls=CurateCommand,
    epilog="Each option can also be set in the environment, as FACEMASK_VIDEO_CURATE_MIN_SIZE for "
    "--min-size.",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@setting_options(CurateConfig)
@verbosity_options
@click.pass_context
def curate(ctx: click.Context, /, folder: Path, quiet: bool, **_settings: object) -> None:
    """Apply filters and splits anew to a set that `extract` made, without decoding anything.

    Options that are not given have their defaults, whatever the set was made with. Pictures of
    crops that are rejected go to DIR/rejected and come back when they are kept again; no crop is
    deleted. Folders that --layout made are made anew in the layout that they have; --layout none
    takes them away. Crops whose pictures you deleted yourself stay out.

    \b
    facemask-video curate set --min-sharpness 0.15 --max-yaw 40
    facemask-video curate set --only masked --layout cyclegan
    """
    config = build(CurateConfig, typed_settings(ctx))
    # Loads OpenCV: not before the options are known to be sound.
    from facemask_video.extract.finalize import curate_set

    report = curate_set(folder, config)
    if not quiet:
        for line in report.lines():
            click.echo(line)
