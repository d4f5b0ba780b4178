"""``facemask-train fit``: train generators from a configuration."""

import json
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from facemask_video.cli.failures import INTERRUPTED
from facemask_video.cli.options import (
    SectionedCommand,
    config_option,
    setting_option,
    settings_of_file,
    typed_settings,
    verbosity_options,
)
from facemask_video.config.settings import as_plain, build, read_tables, settings_of
from facemask_video.core.errors import ConfigError
from trainers.cli.progress import cutting_line, on_stats
from trainers.config import TrainConfig

if TYPE_CHECKING:
    import torch

    from trainers.fit.loop import Outcome
    from trainers.fit.processes import Processes
    from trainers.fit.runs import RunFolder

Function = TypeVar("Function", bound=Callable[..., Any])


def _flags(function: Function) -> Function:
    """Give settings under a heading flags of their own; ``--set`` reaches the others too."""
    for named in reversed(settings_of(TrainConfig)):
        if named.heading:
            function = setting_option(named)(function)
    return function


@click.command(cls=SectionedCommand)
@config_option("train", file_argument=True)
@_flags
@click.option(
    "--set",
    "assignments",
    metavar="SECTION.KEY=VALUE",
    multiple=True,
    help="Give any setting of the configuration, networks and losses included; repeatable.",
)
@click.option(
    "--resume",
    "--continue-train",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="Go on with a run folder.",
)
@click.option("--dry-run", is_flag=True, help="Show the resolved configuration and do nothing.")
@verbosity_options
@click.pass_context
def fit(
    ctx: click.Context,
    /,
    config_file: Path | None,
    config_argument: Path | None,
    assignments: tuple[str, ...],
    resume: Path | None,
    dry_run: bool,
    quiet: bool,
    **_settings: object,
) -> None:
    """Train the generators that CONFIG describes: a TOML file, or a shipped one by its name.

    Pictures are cut to aligned crops first, where folders are given. Everything about the run goes
    into a numbered folder under --run-dir: options, statistics, previews, checkpoints, and at the
    end the weights. Ctrl-C saves and leaves; --resume RUN goes on from there.

    \b
    facemask-train fit cpu-128 --bare bare/ --masked masked/
    facemask-train fit --resume runs/00000-cpu-128 --images 400000
    """
    run, layers = None, list[Mapping[str, object]]()
    if resume is not None:
        from trainers.fit.export import read_config
        from trainers.fit.runs import RunFolder

        run = RunFolder.open(resume)
        layers.append(read_config(run))
    layers.append(settings_of_file(TrainConfig, config_file, config_argument, shipped="train"))
    layers += [_assigned(assignments), typed_settings(ctx)]
    config = build(TrainConfig, *(_absolute(layer) for layer in layers))
    if dry_run:
        click.echo(json.dumps(as_plain(config), indent=2))
        return
    run, outcome = _train(config, run, quiet=quiet)
    if outcome is None:
        return
    if outcome.stopped_by:
        # The line of progress, which renews itself, is not ended yet.
        line_end = "\n" if config.run.progress == "auto" and sys.stderr.isatty() else ""
        click.echo(
            f"{line_end}Stopped by {outcome.stopped_by} after {outcome.images_seen:,} images; "
            f"go on with facemask-train fit --resume {run.path}",
            err=True,
        )
        ctx.exit(INTERRUPTED)
    if not quiet:
        click.echo(f"{run.weights}: generators after {outcome.images_seen:,} images")


def _train(
    config: TrainConfig, run: "RunFolder | None", *, quiet: bool
) -> "tuple[RunFolder, Outcome | None]":
    """Train in this process, one of those that torchrun started or alone.

    Args:
        config: Of the run.
        run: To go on with; None is a new one.
        quiet: Show nothing of it.

    Returns:
        The run, and how it ended; None in all processes but the first, which speaks for them.
    """
    import torch

    from facemask_video.translate.device import pick_device
    from trainers.fit.processes import join_processes
    from trainers.fit.runs import RunFolder

    if config.run.n_threads:
        torch.set_num_threads(config.run.n_threads)
    with join_processes(pick_device(config.run.device)) as (processes, device):
        resume = run is not None
        if run is None:
            made = RunFolder.create(config.run.run_dir, config.name) if processes.is_first else None
            run = RunFolder(processes.from_first(made.path if made else config.run.run_dir))
        outcome = _train_together(config, run, processes, device, resume=resume, quiet=quiet)
        return run, outcome if processes.is_first else None


def _train_together(
    config: TrainConfig,
    run: "RunFolder",
    processes: "Processes",
    device: "torch.device",
    *,
    resume: bool,
    quiet: bool,
) -> "Outcome":
    from facemask_video.translate.device import DTYPES, pick_precision
    from trainers.fit.loop import fit as run_fit
    from trainers.fit.schedule import with_epochs
    from trainers.fit.training_crops import load_run_crops

    precision = pick_precision(config.run.precision, device)
    # Training in fp16 would need its losses scaled; bf16 has the range of fp32.
    dtype = DTYPES["fp32" if precision == "fp16" else precision]
    says = processes.is_first and not quiet
    if says:
        together = f", {processes.count} processes" if processes.count > 1 else ""
        number = str(dtype).partition(".")[2]
        click.echo(f"{run.path}: {config.method} on {device}, {number}{together}", err=True)
    with processes.first_goes_first():  # it cuts crops, the others read them
        crops = load_run_crops(config, run.crops, device=device, on_crop=cutting_line)
    if says:
        n_bare_aside, n_masked_aside = crops.n_set_aside
        click.echo(
            f"{len(crops.bare):,} bare and {len(crops.masked):,} masked faces to train on; "
            f"{n_bare_aside:,} and {n_masked_aside:,} set aside",
            err=True,
        )
    config = with_epochs(config, len(crops.bare))
    return run_fit(
        config,
        run,
        crops,
        device=device,
        precision=dtype,
        processes=processes,
        resume=resume,
        on_stats=on_stats("none" if quiet else config.run.progress, config.run.images),
    )


def _assigned(assignments: tuple[str, ...]) -> dict[str, object]:
    """Read ``section.key=value``; the value is TOML, or else text."""
    values: dict[str, object] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set {assignment}: expected SECTION.KEY=VALUE.")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        tables: dict[str, object] = {name.strip(): value}
        values |= read_tables(tables, TrainConfig, Path("--set"))
    return values


def _absolute(values: Mapping[str, object]) -> dict[str, object]:
    """Make paths absolute, so that a run can be resumed from another folder."""
    return {
        name: value.absolute() if isinstance(value, Path) else value
        for name, value in values.items()
    }
