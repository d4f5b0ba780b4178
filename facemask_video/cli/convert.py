"""``facemask-video convert``: translate the faces of one video."""

from pathlib import Path

import click

from facemask_video.api import convert_video
from facemask_video.cli.failures import terminated_like_interrupted
from facemask_video.cli.options import (
    SectionedCommand,
    setting_options,
    typed_settings,
    verbosity_options,
    video_path,
)
from facemask_video.cli.progress import say_notes, show_progress
from facemask_video.config import ConvertConfig
from facemask_video.config.settings import build, read_toml
from facemask_video.config.shipped import find_config


class ConvertCommand(SectionedCommand):
    """`convert` with its options under headings."""

    headings = {  # noqa: RUF012 - click copies nothing of a command's class
        "": "Direction",
        "translate": "Generator",
        "detect": "Finding faces",
        "track": "Following faces",
        "select": "Which faces",
        "replay": "Faces from a file",
        "composite": "Blending",
        "video": "Reading and encoding",
        "output": "Output",
        "other": "Other",
    }


@click.command(
    cls=ConvertCommand,
    epilog="Each option can also be set in the environment, as FACEMASK_VIDEO_CONVERT_CRF for "
    "--crf, or in a TOML file given with --config.",
)
@click.argument("source", metavar="IN", type=click.Path(path_type=Path), callback=video_path)
@click.argument(
    "target", metavar="[OUT]", required=False, type=click.Path(path_type=Path), callback=video_path
)
@setting_options(ConvertConfig)
@click.option(
    "--config",
    "config_file",
    metavar="FILE.toml|NAME",
    type=click.Path(path_type=Path),
    help="Read a TOML file, or a shipped one by its name (compare, exact, small_faces); "
    "what is typed wins over it.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@verbosity_options
@click.pass_context
def convert(
    ctx: click.Context,
    /,
    source: Path,
    target: Path | None,
    config_file: Path | None,
    dry_run: bool,
    quiet: bool,
    **_settings: object,
) -> None:
    """Translate every face of the video IN and write the video OUT.

    Without OUT the result lies beside IN, with _masked or _unmasked in its name. Everything outside
    the faces is kept: the pictures' samples as decoded, the times, and all audio, subtitle and data
    streams.

    \b
    facemask-video in.mp4 out.mp4 --direction mask
    facemask-video in.mov --direction unmask --start 00:01:00 --end 00:01:30
    facemask-video in.mp4 exact.mkv -d mask --encoder ffv1
    """
    from_file = read_toml(find_config(config_file, "convert"), ConvertConfig) if config_file else {}
    config = build(ConvertConfig, from_file, typed_settings(ctx))
    if dry_run:
        from facemask_video.pipeline.plan import make_plan

        click.echo(make_plan(source, target, config).text())
        return
    progress = "none" if quiet and config.output.progress == "auto" else config.output.progress
    with terminated_like_interrupted(), show_progress(progress) as on_progress:
        report = convert_video(source, target, config=config, progress=on_progress)
    if not quiet:
        say_notes(report.notes, as_json=progress == "json")
        click.echo(f"{report.output['path']}: {report.closing_line()}")
