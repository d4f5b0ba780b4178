"""``facemask-video convert``: translate the faces of one video or picture."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from facemask_video.api import convert_video
from facemask_video.cli.failures import terminated_like_interrupted
from facemask_video.cli.inputs import refuse_second_input, source_and_target
from facemask_video.cli.options import configured_command
from facemask_video.cli.progress import say_notes, show_progress
from facemask_video.config import ConvertConfig
from facemask_video.core.standard_streams import is_standard, shown_target


@configured_command(ConvertConfig, shipped="convert")
@click.argument(
    "paths",
    metavar="IN [OUT]",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="The file to write, as OUT. A folder makes the call a batch.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Replace OUT, also where it is a video that this program did not make.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
def convert(
    config: ConvertConfig,
    paths: tuple[Path, ...],
    output: Path | None,
    force: bool,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Translate every face of the video or picture IN and write OUT, - for a pipe.

    Without OUT the result lies beside IN, with _masked or _unmasked in its name. Everything outside
    the faces is kept: the pictures' samples as decoded, the times, and all audio, subtitle and data
    streams; of a picture the profile, EXIF and, in a JPEG, the very coefficients. What unmask
    paints under a mask is invented: it is nobody's real face.

    \b
    facemask-video in.mp4 out.mp4 --direction mask
    facemask-video in.mov --direction unmask --start 00:01:00 --end 00:01:30
    facemask-video in.mp4 exact.mkv -d mask --encoder ffv1
    facemask-video photo.jpg masked.jpg -d mask
    facemask-video frames/ masked/ -d mask --frames 25
    facemask-video long.mp4 out.mp4 -d mask --resume
    ffmpeg -i in.mp4 -c copy -f matroska - | facemask-video - - -d mask | ffplay -
    facemask-video a.mp4 b.mp4 c.mp4 -o results/ -d mask
    """
    source, target = source_and_target(paths, output, of_frames=config.source.frames is not None)
    if force:
        config = replace(config, output=replace(config.output, overwrite=True))
    elif target is not None:
        refuse_second_input(source, target)
    if dry_run:
        from facemask_video.pipeline.plan import make_plan
        from facemask_video.video import standard_input_kept

        with standard_input_kept():
            click.echo(make_plan(source, target, config).text(), err=is_standard(target))
        return
    mode = config.output.progress
    with (
        terminated_like_interrupted(),
        _said_to_be_kept(source, target, config),
        show_progress(mode, quiet=quiet) as on_progress,
    ):
        report = convert_video(source, target, config=config, progress=on_progress)
    if not quiet:
        say_notes(report.notes, as_json=mode == "json")
        # Nothing but the video goes to standard output.
        to_stderr = is_standard(target)
        written = shown_target(Path(report.output["path"] or source))
        click.echo(f"{written}: {report.closing_line()}", err=to_stderr)


@contextmanager
def _said_to_be_kept(source: Path, target: Path | None, config: ConvertConfig) -> Iterator[None]:
    """Say, when the block fails or is interrupted, that what is done is kept, where it is."""
    try:
        yield
    except BaseException:
        if config.output.resume:
            from facemask_video.pipeline.output_paths import default_target
            from facemask_video.pipeline.work_folder import work_path

            if work_path(target or default_target(source, config)).is_dir():
                click.echo("What is done is kept; the same command goes on from there.", err=True)
        raise
