"""``facemask-video batch``: translate the faces of many files."""

from pathlib import Path

import click

from facemask_video.api import convert_batch
from facemask_video.cli.batch_display import show_batch, show_table
from facemask_video.cli.failures import INTERRUPTED, SOME_FAILED, terminated_like_interrupted
from facemask_video.cli.options import configured_command
from facemask_video.config import BatchConfig


def _show_status(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
    if value is None or ctx.resilient_parsing:
        return
    from facemask_video.batch.status import describe_status

    for line in describe_status(value):
        click.echo(line)
    ctx.exit()


@configured_command(
    BatchConfig,
    shipped="convert",
    epilog="Exit codes: 0 all done, 3 some files failed and the rest is done, 130 interrupted.",
)
@click.argument("inputs", metavar="IN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the results; made where it is not there.",
)
@click.option(
    "--status",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    is_eager=True,
    expose_value=False,
    callback=_show_status,
    help="Say how far the batch of a folder of results is, and do nothing else.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
def batch(
    config: BatchConfig, inputs: tuple[Path, ...], folder: Path, dry_run: bool, quiet: bool
) -> None:
    """Translate every face of many files, folders and patterns of files.

    DIR gets a result for each file, in the folders that the files lie in below IN. What DIR's
    ledger knows to be finished under the same options is not done again: after a failure, a power
    cut or Ctrl-C the same call goes on. Several files as inputs of `facemask-video IN... -o DIR`
    are a batch as well.

    \b
    facemask-video batch footage/ -o masked/ -d mask
    facemask-video batch cam1/ cam2/ 'old/*.avi' -o masked/ -d mask --jobs 4 --dry-run
    facemask-video batch --status masked/
    """
    if dry_run:
        from facemask_video.batch.dry_run import describe_batch

        for line in describe_batch(inputs, folder, config):
            click.echo(line)
        return
    context = click.get_current_context()
    try:
        with (
            terminated_like_interrupted(),
            show_batch(config.output.progress, quiet=quiet) as on_event,
        ):
            report = convert_batch(inputs, folder, config=config, progress=on_event)
    except KeyboardInterrupt:
        click.echo("Interrupted; what is finished is kept, and the same call goes on.", err=True)
        context.exit(INTERRUPTED)
    if not quiet:
        show_table(report)
        for line in report.lines():
            click.echo(line)
    if report.failed:
        context.exit(SOME_FAILED if report.done else 1)
