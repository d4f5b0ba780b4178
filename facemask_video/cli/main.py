"""The command line: a group of commands, of which ``convert`` needs no name."""

import traceback
from typing import Any

import click
from click_default_group import DefaultGroup

from facemask_video import __version__
from facemask_video.cli.convert import convert
from facemask_video.cli.doctor import doctor
from facemask_video.cli.inspect import inspect
from facemask_video.cli.log import is_verbose
from facemask_video.cli.verify import verify
from facemask_video.errors import ConfigError, FacemaskVideoError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as a shell gives it."""


class _Failure(click.ClickException):
    """A failure that the user is told in one line."""

    exit_code = 1


class _Program(DefaultGroup):  # type: ignore[misc]
    """Turns every error raised on purpose into one line and an exit code, in one place."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FacemaskVideoError as exc:
            if is_verbose():
                traceback.print_exc()
            message = " ".join(str(exc).split())
            if isinstance(exc, ConfigError):
                raise click.UsageError(message) from exc
            raise _Failure(message) from exc
        except KeyboardInterrupt:
            click.echo("Interrupted; no output was written.", err=True)
            ctx.exit(INTERRUPTED)


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


for command in (convert, inspect, verify, doctor):
    main.add_command(command)
