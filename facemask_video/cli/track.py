"""``facemask-video track``: find and follow the faces of one video, and change nothing."""

from pathlib import Path

import click

from facemask_video.api import track_video
from facemask_video.cli.failures import terminated_like_interrupted
from facemask_video.cli.options import configured_command, video_path
from facemask_video.cli.progress import say_notes, show_progress
from facemask_video.config import TracksConfig


@configured_command(TracksConfig)
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
def track(config: TracksConfig, source: Path, target: Path, quiet: bool) -> None:
    """Find and follow the faces of the video or picture IN, and write where they are.

    No generator is needed. The file may be edited: faces moved, taken out, or given "translated":
    false to leave them alone and true to work on them in any case. `convert --tracks` renders it.

    \b
    facemask-video track in.mp4 --out faces.jsonl
    facemask-video track in.mp4 --out faces.jsonl --classifier auto --faces largest
    facemask-video in.mp4 out.mp4 --direction mask --tracks faces.jsonl
    """
    mode = config.output.progress
    with terminated_like_interrupted(), show_progress(mode, quiet=quiet) as on_progress:
        report = track_video(source, target, config=config, progress=on_progress)
    if not quiet:
        say_notes(report.notes, as_json=mode == "json")
        click.echo(f"{report.target}: {report.closing_line()}")
