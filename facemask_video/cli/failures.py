"""Turn errors raised on purpose into one line and an exit code, in one place."""

import io
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

from facemask_video.cli.log import is_verbose
from facemask_video.core.errors import ConfigError, FacemaskVideoError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as a shell gives it."""

SOME_FAILED = 3
"""Exit code where some of several inputs failed and the rest is done."""


class ClearFailures(click.Group):
    """A group of commands that tells a failure in one line.

    Exit codes: 1 failed, 2 usage, 130 interrupted. With ``-v`` the traceback comes first.
    """

    interrupted = "Interrupted."
    """Said after Ctrl-C."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the arguments; interrupted meanwhile, end as commands do: click would with 1."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except KeyboardInterrupt:
            click.echo(self.interrupted, err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn what it raises on purpose into a line and an exit code."""
        for stream in (sys.stdout, sys.stderr):
            # Names of files need not be text; they are printed as the bytes that they are.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="surrogateescape")
        try:
            return super().invoke(ctx)
        except (FacemaskVideoError, RuntimeError) as exc:
            message = _one_line(exc)
            if message is None:
                raise
            if is_verbose():
                traceback.print_exc()
            if isinstance(exc, ConfigError):
                raise click.UsageError(message) from exc
            raise click.ClickException(message) from exc
        except KeyboardInterrupt:
            click.echo(self.interrupted, err=True)
            ctx.exit(INTERRUPTED)


def _one_line(error: FacemaskVideoError | RuntimeError) -> str | None:
    """Return what a user is told of an error; None where it is none that a user can mend."""
    if isinstance(error, FacemaskVideoError):
        return " ".join(str(error).split())
    if not _is_out_of_memory(error):
        return None
    why = str(error).splitlines()[0].partition(". ")[0]
    return (
        f"{why} on the GPU; take a smaller --batch-size where the command has one, or the "
        "processor (--device cpu)."
    )


def _is_out_of_memory(error: RuntimeError) -> bool:
    # Who has not imported torch by now has not filled a GPU's memory with it.
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    # torch's own, or the driver's where other programs hold the memory.
    by_driver = str(error).startswith("CUDA error: out of memory")
    return by_driver or isinstance(error, torch.cuda.OutOfMemoryError)


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM unwind the stack as Ctrl-C does, so that no part of a file stays behind."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
