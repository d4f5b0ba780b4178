"""``facemask-train export``: write a run's generators for the converter."""

from dataclasses import dataclass
from pathlib import Path

import click

from facemask_video.cli.options import configured_command
from facemask_video.config.settings import Checked, setting
from trainers.config.run import Capacity


@dataclass(frozen=True, slots=True)
class ExportConfig(Checked):
    """What is written."""

    capacity: Capacity | None = setting(
        None,
        default_text="the run's own",
        help="Goes into the files' names, DIRECTION-CAPACITY.safetensors",
    )
    onnx: bool = setting(
        False,
        help="Write each as ONNX too, checked against torch on crops that the run set aside",
    )


@configured_command(ExportConfig)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the files are written.",
)
def export(config: ExportConfig, run: Path, output: Path, quiet: bool) -> None:
    """Write the averaged generators of a RUN folder's newest checkpoint.

    Each becomes one safetensors file in half precision, with a card that says what it is for.

    \b
    facemask-train export runs/00000-cpu-128 -o weights/ --onnx
    """
    from trainers.fit.export import export_run
    from trainers.fit.runs import RunFolder

    for path in export_run(RunFolder.open(run), output, capacity=config.capacity, onnx=config.onnx):
        if not quiet:
            click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
