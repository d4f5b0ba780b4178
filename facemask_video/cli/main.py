"""The command line: a group of commands, of which ``convert`` needs no name."""

import difflib
import re
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from facemask_video import __version__
from facemask_video.cli.batch import batch
from facemask_video.cli.benchmark import benchmark
from facemask_video.cli.convert import convert
from facemask_video.cli.curate import curate
from facemask_video.cli.doctor import doctor
from facemask_video.cli.extract import extract
from facemask_video.cli.failures import ClearFailures
from facemask_video.cli.inputs import is_batch
from facemask_video.cli.inspect import inspect
from facemask_video.cli.live import live
from facemask_video.cli.preview import preview
from facemask_video.cli.track import track
from facemask_video.cli.ui import ui
from facemask_video.cli.verify import verify

_OWN_OPTIONS = ("-h", "--help", "--version")
_FILE_LIKE = re.compile(r"-[^-].*\.[a-z]\w{1,4}", re.IGNORECASE)


class _Program(ClearFailures):
    interrupted = "Interrupted; no output was written."

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``convert``, or ``batch``, before what begins with no command."""
        if args and not ctx.resilient_parsing:
            self._refuse_what_is_no_file(ctx, args)
        if args and args[0] not in self.commands and args[0] not in _OWN_OPTIONS:
            args = ["batch" if is_batch(args) else "convert", *args]
        return super().parse_args(ctx, args)

    def _refuse_what_is_no_file(self, ctx: click.Context, args: list[str]) -> None:
        # -oDIR.v2 is an option with its value; who types -out.mkv means no ut.mkv.
        with_path = tuple(
            name
            for parameter in self.commands.get(args[0], convert).params
            for name in parameter.opts
            if isinstance(parameter.type, click.Path) and re.fullmatch(r"-\w", name)
        )
        for word in args[: args.index("--") if "--" in args else None]:
            is_value = word.startswith(with_path) and not word.startswith("-out")
            is_like_file = _FILE_LIKE.fullmatch(word) and not is_value
            if is_like_file or (word.startswith("-") and Path(word).is_file()):
                raise click.UsageError(
                    f"{word}: begins with a dash, as options do; write ./{word} for a file.", ctx
                )
        first = args[0]
        if first in self.commands or not re.fullmatch(r"\w+", first) or Path(first).exists():
            return
        near = difflib.get_close_matches(first, self.commands, n=1)
        meant = (
            f"did you mean {near[0]!r}?" if near else f"commands are {', '.join(self.commands)}."
        )
        raise click.UsageError(f"{first}: is neither a command nor a file; {meant}", ctx)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer commands, and what `convert` takes in their place."""
        below = click.Context(convert, parent=ctx, info_name=convert.name, resilient_parsing=True)
        offered = super().shell_complete(ctx, incomplete)
        names = {item.value for item in offered}
        if incomplete.startswith("-"):
            offered += [
                item
                for item in convert.shell_complete(below, incomplete)
                if item.value not in names
            ]
        else:
            offered.append(CompletionItem(incomplete, type="file"))
        return offered


@click.group(
    cls=_Program,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "FACEMASK_VIDEO",
        "max_content_width": 100,
    },
    epilog="`facemask-video IN OUT` is short for `facemask-video convert IN OUT`; its options are "
    "shown by `facemask-video convert --help`. The shell completes commands, options and files "
    'after `eval "$(_FACEMASK_VIDEO_COMPLETE=bash_source facemask-video)"`; zsh_source and '
    "fish_source do it for zsh and fish.",
)
@click.version_option(__version__, "--version", prog_name="facemask-video")
def main() -> None:
    """Put synthetic face masks on faces in a video, or take masks off, and change nothing else.

    What lies under a mask cannot be known: the faces that unmask shows are invented.

    \b
    facemask-video in.mp4 out.mp4 --direction mask
    facemask-video in.mp4 out.mp4 --direction unmask
    facemask-video *.mp4 -o masked/ --direction mask
    """


for command in (
    convert,
    batch,
    live,
    track,
    preview,
    ui,
    extract,
    curate,
    inspect,
    verify,
    benchmark,
    doctor,
):
    main.add_command(command)
