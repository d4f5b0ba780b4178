"""``facemask-train detector``: teach MTCNN faces under masks."""

from pathlib import Path

import click

from facemask_video.cli.failures import INTERRUPTED
from facemask_video.cli.options import configured_command
from trainers.config.detector import DetectorConfig


@configured_command(DetectorConfig)
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="Folder of the run; one that was interrupted is gone on with.",
)
@click.pass_context
def detector(
    ctx: click.Context, /, config: DetectorConfig, data: Path, output: Path, quiet: bool
) -> None:
    """Teach the networks that find faces what masked faces are, and what are none.

    DATA holds faces_masked and faces_unmasked, each with a manifest.csv of boxes and points. The
    same command goes on with a run that was interrupted. RUN/mtcnn-masks.safetensors is the result.

    \b
    facemask-train detector DATA --clips clips -o runs/detector
    """
    from trainers.cli.progress import cutting_line, write
    from trainers.fit.detector_run import run_detector
    from trainers.fit.interrupt import stop_on_signals

    def show(network: str, seen: int, loss: float) -> None:
        write(f"{network}: {seen:,}/{config.images:,} crops  loss {loss:.4f}\n")

    with stop_on_signals() as stop:
        path = run_detector(
            data,
            output,
            config,
            stop=stop,
            on_done=(lambda name, done, total: None) if quiet else cutting_line,
            on_stats=(lambda network, seen, loss: None) if quiet else show,
        )
    if path is None:
        click.echo(f"Stopped by {stop.signal_name}; the same command goes on in {output}", err=True)
        ctx.exit(INTERRUPTED)
    if not quiet:
        click.echo(f"{path}: written")
