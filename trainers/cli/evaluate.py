"""``facemask-train evaluate``: figures for generators, and for the videos they made."""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from facemask_video.cli.options import SectionedCommand, setting_options, typed_settings
from facemask_video.config.settings import as_plain, build, read_toml
from facemask_video.config.shipped import find_config
from trainers.evaluate.config import EvaluateConfig


class EvaluateCommand(SectionedCommand):
    """`evaluate` with its options under headings."""

    headings = {  # noqa: RUF012 - click copies nothing of a command's class
        "sets": "Pictures",
        "weights": "Networks",
        "lfw": "Verification of persons",
        "clips": "Videos",
        "run": "Run",
        "other": "Other",
    }


@click.command(cls=EvaluateCommand)
@click.argument("config_file", metavar="[CONFIG]", required=False, type=click.Path(path_type=Path))
@setting_options(EvaluateConfig)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where report.json, report.md and report.html are written.",
)
@click.option(
    "--compare",
    "compared",
    nargs=2,
    metavar="A.json B.json",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Put two reports side by side instead.",
)
@click.option("--overwrite", "-y", is_flag=True, help="Replace reports in the folder.")
@click.option("--dry-run", is_flag=True, help="Show the resolved configuration and do nothing.")
@click.pass_context
def evaluate(
    ctx: click.Context,
    /,
    config_file: Path | None,
    output: Path | None,
    compared: tuple[Path, Path] | None,
    overwrite: bool,
    dry_run: bool,
    **_settings: object,
) -> None:
    """Measure the generators on held-out pictures, and converted videos against their sources.

    A figure is measured where what it needs is given: pairs of pictures, an embedder, videos. The
    table goes to standard output. Running it twice gives the same figures.

    \b
    facemask-train evaluate --bare bare.npz --masked masked.npz -o evaluation
    facemask-train evaluate --sources videos/ --outputs converted/
    facemask-train evaluate --compare before/report.json after/report.json
    """
    layers: list[Mapping[str, object]] = []
    if config_file is not None:
        layers.append(read_toml(find_config(config_file, "evaluate"), EvaluateConfig))
    config = build(EvaluateConfig, *layers, typed_settings(ctx))
    if dry_run:
        click.echo(json.dumps(as_plain(config), indent=2))
        return
    _check_output(output, overwrite)
    texts = _compared(*compared) if compared else _evaluated(config)
    click.echo(texts["md"])
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        for suffix, text in texts.items():
            (output / f"report.{suffix}").write_text(text, encoding="utf-8")


def _check_output(output: Path | None, overwrite: bool) -> None:
    if output is None or overwrite:
        return
    there = sorted(output.glob("report.*")) if output.is_dir() else []
    if there:
        raise click.UsageError(f"{there[0]} exists; pass --overwrite to replace it.")


def _evaluated(config: EvaluateConfig) -> dict[str, str]:
    from trainers.evaluate.evaluation import evaluate as run_evaluate
    from trainers.evaluate.report import to_markdown
    from trainers.evaluate.report_html import report_page

    report = run_evaluate(config, on_step=lambda step: click.echo(step, err=True))
    return {"md": to_markdown(report), "json": report.to_json(), "html": report_page(report)}


def _compared(first: Path, second: Path) -> dict[str, str]:
    from trainers.evaluate.compare import compare, comparison_markdown
    from trainers.evaluate.report import Report
    from trainers.evaluate.report_html import comparison_page

    differences = compare(Report.load(first), Report.load(second))
    names = (str(first), str(second))
    return {
        "md": comparison_markdown(differences, names),
        "html": comparison_page(differences, names),
    }
