"""``facemask-video track``: find and follow the faces of one video, and change nothing."""

from pathlib import Path

import click

from facemask_video.api import track_video
from facemask_video.cli.failures import terminated_like_interrupted
from facemask_video.cli.options import (
    SectionedCommand,
    setting_options,
    typed_settings,
    verbosity_options,
    video_path,
)
from facemask_video.cli.progress import say_notes, show_progress
from facemask_video.config import TracksConfig
from facemask_video.config.settings import build


class TrackCommand(SectionedCommand):
    """`track` with its options under headings."""

    headings = {  # noqa: RUF012 - click copies nothing of a command's class
        "video": "Reading",
        "detect": "Finding faces",
        "track": "Following faces",
        "select": "Which faces",
        "networks": "Networks",
        "output": "Output",
        "other": "Other",
    }


@click.command(
    cls=TrackCommand,
    epilog="Each option can also be set in the environment, as FACEMASK_VIDEO_TRACK_MIN_FACE for "
    "--min-face.",
)
@click.argument("source", metavar="IN", type=click.Path(path_type=Path), callback=video_path)
@click.option(
    "--out",
    "target",
    metavar="FILE.jsonl",
    required=True,
    type=click.Path(path_type=Path),
    callback=video_path,
    help="Write the faces of each frame here, one JSON object a line.",
)
@setting_options(TracksConfig)
@verbosity_options
@click.pass_context
def track(
    ctx: click.Context,
    /,
    source: Path,
    target: Path,
    quiet: bool,
    **_settings: object,
) -> None:
    """Find and follow the faces of the video IN, and write where they are.

    No generator is needed. The file may be edited: faces moved, taken out, or given "translated":
    false to leave them alone and true to work on them in any case. `convert --tracks` renders it.

    \b
    facemask-video track in.mp4 --out faces.jsonl
    facemask-video track in.mp4 --out faces.jsonl --gate auto --faces largest
    facemask-video in.mp4 out.mp4 --direction mask --tracks faces.jsonl
    """
    config = build(TracksConfig, typed_settings(ctx))
    progress = "none" if quiet and config.output.progress == "auto" else config.output.progress
    with terminated_like_interrupted(), show_progress(progress) as on_progress:
        report = track_video(source, target, config=config, progress=on_progress)
    if not quiet:
        say_notes(report.notes, as_json=progress == "json")
        click.echo(f"{report.target}: {report.closing_line()}")
