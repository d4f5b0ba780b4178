"""``facemask-video preview``: what a conversion makes of one moment, without converting."""

from pathlib import Path

import click

from facemask_video.api import preview_clip, preview_video
from facemask_video.cli.failures import terminated_like_interrupted
from facemask_video.cli.options import configured_command, video_path
from facemask_video.cli.progress import say_notes, show_progress
from facemask_video.config import ConvertConfig, PreviewConfig


@configured_command(PreviewConfig, shipped="convert", written_for=ConvertConfig)
@click.argument("source", metavar="IN", type=click.Path(path_type=Path), callback=video_path)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="OUT",
    required=True,
    type=click.Path(path_type=Path),
    callback=video_path,
    help="A picture, .png say, of the moment; or a video, .mp4 say, of the two seconds around it.",
)
def preview(config: PreviewConfig, source: Path, target: Path, quiet: bool) -> None:
    """Show what a conversion of the video or picture IN makes of one moment.

    OUT shows it before, after, and the alpha by which it changed, side by side. The options are
    those of `convert`, whose files --config takes. Of IN the second before the moment and the
    second after are read, so what needs more may come out otherwise than in the whole: the
    classifier's vote on who came into view earlier, what --reference knows of a person, a
    --min-track of more than that, and the numbers of persons, by which --style random gives masks.
    Of all these but --reference a file given with --tracks, written for the whole, knows what the
    conversion knows.

    \b
    facemask-video preview in.mp4 --at 12.3 -d mask -o preview.png
    facemask-video preview in.mp4 --at 1:02 -d unmask --boxes -o preview.mp4 -y
    facemask-video preview photo.jpg -d mask --style ffp2 -o preview.png
    """
    from facemask_video.pipeline.preview import is_clip

    with terminated_like_interrupted():
        if is_clip(target):
            with show_progress("auto", quiet=quiet) as on_progress:
                report = preview_clip(source, target, config=config, progress=on_progress)
            notes, line = report.notes, report.closing_line()
        else:
            seen = preview_video(source, target, config=config)
            notes, line = seen.notes, seen.closing_line()
    if not quiet:
        say_notes(notes, as_json=False)
        click.echo(f"{target}: {line}")
