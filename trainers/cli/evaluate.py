"""``facemask-train evaluate``: metrics of generators, and of the videos they made."""

import json
from pathlib import Path

import click

from facemask_video.cli.options import configured_command
from facemask_video.config.settings import as_plain
from trainers.evaluate.config import EvaluateConfig


@configured_command(EvaluateConfig, shipped="evaluate", file_argument=True)
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
def evaluate(
    config: EvaluateConfig,
    output: Path | None,
    compared: tuple[Path, Path] | None,
    overwrite: bool,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Measure the generators on held-out pictures, and converted videos against their sources.

    A metric is measured where what it needs is given: pairs of pictures, an embedder, videos. The
    table goes to standard output. Running it twice gives the same values.

    \b
    facemask-train evaluate --bare bare.npz --masked masked.npz -o evaluation
    facemask-train evaluate --sources videos/ --outputs converted/
    facemask-train evaluate --compare before/report.json after/report.json
    """
    if dry_run:
        click.echo(json.dumps(as_plain(config), indent=2))
        return
    _check_output(output, overwrite)
    texts = _compared(*compared) if compared else _evaluated(config, quiet=quiet)
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


def _evaluated(config: EvaluateConfig, *, quiet: bool) -> dict[str, str]:
    from trainers.evaluate.evaluation import evaluate as run_evaluate
    from trainers.evaluate.report import to_markdown
    from trainers.evaluate.report_html import report_page

    report = run_evaluate(
        config, on_step=lambda step: None if quiet else click.echo(step, err=True)
    )
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
