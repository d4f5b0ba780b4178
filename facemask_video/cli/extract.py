"""``facemask-video extract``: cut training crops out of videos and pictures."""

from pathlib import Path

import click

from facemask_video.api import extract_crops
from facemask_video.cli.failures import SOME_FAILED, terminated_like_interrupted
from facemask_video.cli.options import configured_command, video_path
from facemask_video.cli.progress import show_progress
from facemask_video.config import ExtractConfig


@configured_command(
    ExtractConfig, epilog="Exit codes: 0 done, 3 some of several files could not be read."
)
@click.argument("inputs", metavar="IN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    callback=video_path,
    help="Folder of the set: a new one, or one to go on with.",
)
def extract(config: ExtractConfig, inputs: tuple[Path, ...], folder: Path, quiet: bool) -> None:
    """Cut aligned face crops out of videos, pictures and folders of them into a training set.

    DIR gets crops/, manifest.jsonl with a line a crop, and contact.html, a page that shows what is
    kept and what is rejected, and why. Interrupted, the same call goes on where it stopped.

    \b
    facemask-video extract a.mp4 b.mp4 photos/ -o set
    facemask-video extract talk.mp4 -o set --every 0.5s --only masked --keep-rejected
    facemask-video extract a.mp4 -o set --layout cyclegan --parts eyes,lower-face
    """
    mode = config.run.progress
    with terminated_like_interrupted(), show_progress(mode, quiet=quiet) as on_progress:
        report = extract_crops(inputs, folder, config=config, progress=on_progress)
    for line in report.failed:
        click.echo(f"Error: {line}", err=True)
    if not quiet:
        for line in report.lines():
            click.echo(line)
    if report.failed:
        click.get_current_context().exit(SOME_FAILED if report.sources else 1)
