"""``facemask-video curate``: decide anew what a set of crops keeps."""

from pathlib import Path

import click

from facemask_video.cli.options import configured_command
from facemask_video.config import CurateConfig


@configured_command(CurateConfig)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def curate(config: CurateConfig, folder: Path, quiet: bool) -> None:
    """Apply filters and splits anew to a set that `extract` made, without decoding anything.

    Options that are not given have their defaults, whatever the set was made with. Pictures of
    crops that are rejected go to DIR/rejected and come back when they are kept again; no crop is
    deleted. Folders that --layout made are made anew in the layout that they have; --layout none
    takes them away. Crops whose pictures you deleted yourself stay out.

    \b
    facemask-video curate set --min-sharpness 0.15 --max-yaw 40
    facemask-video curate set --only masked --layout cyclegan
    """
    # Loads OpenCV: not before the options are known to be sound.
    from facemask_video.extract.finalize import curate_set

    report = curate_set(folder, config)
    if not quiet:
        for line in report.lines():
            click.echo(line)
