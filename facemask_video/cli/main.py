"""The command line: a group of commands, of which ``convert`` needs no name."""

import click
from click_default_group import DefaultGroup

from facemask_video import __version__
from facemask_video.cli.convert import convert
from facemask_video.cli.curate import curate
from facemask_video.cli.doctor import doctor
from facemask_video.cli.extract import extract
from facemask_video.cli.failures import ClearFailures
from facemask_video.cli.inspect import inspect
from facemask_video.cli.track import track
from facemask_video.cli.verify import verify


class _Program(ClearFailures, DefaultGroup):  # type: ignore[misc]
    interrupted = "Interrupted; no output was written."


@click.group(
    cls=_Program,
    default="convert",
    default_if_no_args=False,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "FACEMASK_VIDEO",
        "max_content_width": 100,
    },
    epilog="`facemask-video IN OUT` is short for `facemask-video convert IN OUT`; its options are "
    "shown by `facemask-video convert --help`.",
)
@click.version_option(__version__, "--version", prog_name="facemask-video")
def main() -> None:
    """Put synthetic face masks on faces in a video, or take masks off, and change nothing else.

    \b
    facemask-video in.mp4 out.mp4 --direction mask
    facemask-video in.mp4 out.mp4 --direction unmask
    """


for command in (convert, track, extract, curate, inspect, verify, doctor):
    main.add_command(command)
