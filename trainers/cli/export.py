"""``facemask-train export``: write a run's generators for the converter."""

from pathlib import Path
from typing import get_args

import click

from trainers.config.run import Capacity


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the files are written.",
)
@click.option(
    "--capacity",
    type=click.Choice(get_args(Capacity)),
    show_default="the run's own",
    help="Goes into the files' names, DIRECTION-CAPACITY.safetensors.",
)
@click.option(
    "--onnx",
    is_flag=True,
    help="Write each as ONNX too, checked against torch on crops of the run that were set aside.",
)
def export(run: Path, output: Path, capacity: str | None, onnx: bool) -> None:
    """Write the averaged generators of a RUN folder's newest checkpoint.

    Each becomes one safetensors file in half precision, with a card that says what it is for.

    \b
    facemask-train export runs/00000-cpu-128 -o weights/ --onnx
    """
    from trainers.fit.export import export_run
    from trainers.fit.runs import RunFolder

    for path in export_run(RunFolder.open(run), output, capacity=capacity, onnx=onnx):
        click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
