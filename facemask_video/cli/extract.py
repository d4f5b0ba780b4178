"""``facemask-video extract``: cut training crops out of videos and pictures."""

from pathlib import Path

import click

from facemask_video.api import extract_crops
from facemask_video.cli.failures import SOME_FAILED, terminated_like_interrupted
from facemask_video.cli.options import (
    SectionedCommand,
    setting_options,
    typed_settings,
    verbosity_options,
    video_path,
)
from facemask_video.cli.progress import show_progress
from facemask_video.config import ExtractConfig
from facemask_video.config.settings import build


class ExtractCommand(SectionedCommand):
    """`extract` with its options under headings."""

    headings = {  # noqa: RUF012 - click copies nothing of a command's class
        "sample": "Which frames",
        "crop": "What is written",
        "filter": "What is kept",
        "keep": "What is rejected",
        "split": "Splits and layouts",
        "video": "Reading",
        "detect": "Finding faces",
        "track": "Following faces",
        "select": "Which faces",
        "run": "Running",
        "other": "Other",
    }


@click.command(
    cls=ExtractCommand,
    epilog="Each option can also be set in the environment, as FACEMASK_VIDEO_EXTRACT_MIN_SIZE for "
    "--min-size. Exit codes: 0 done, 3 some of several files could not be read.",
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
@setting_options(ExtractConfig)
@verbosity_options
@click.pass_context
def extract(
    ctx: click.Context,
    /,
    inputs: tuple[Path, ...],
    folder: Path,
    quiet: bool,
    **_settings: object,
) -> None:
    """Cut aligned face crops out of videos, pictures and folders of them into a training set.

    DIR gets crops/, manifest.jsonl with a line a crop, and contact.html, a page that shows what is
    kept and what is rejected, and why. Interrupted, the same call goes on where it stopped.

    \b
    facemask-video extract a.mp4 b.mp4 photos/ -o set
    facemask-video extract talk.mp4 -o set --every 0.5s --only masked --keep-rejected
    facemask-video extract a.mp4 -o set --layout cyclegan --parts eyes,lower-face
    """
    config = build(ExtractConfig, typed_settings(ctx))
    progress = "none" if quiet and config.run.progress == "auto" else config.run.progress
    with terminated_like_interrupted(), show_progress(progress) as on_progress:
        report = extract_crops(inputs, folder, config=config, progress=on_progress)
    for line in report.failed:
        click.echo(f"Error: {line}", err=True)
    if not quiet:
        for line in report.lines():
            click.echo(line)
    if report.failed:
        ctx.exit(SOME_FAILED if report.sources else 1)
