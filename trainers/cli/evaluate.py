"""``facemask-train evaluate``: metrics of generators, and of the videos they made."""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from facemask_video.cli.options import configured_command
from facemask_video.config.settings import as_plain
from facemask_video.core.files import atomic_write
from trainers.cli.progress import StepLines
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
    table goes to standard output. Running it twice gives the same values. What was measured before
    an interruption is kept in the folder, and shown.

    \b
    facemask-train evaluate --bare bare.npz --masked masked.npz -o evaluation
    facemask-train evaluate --sources videos/ --outputs converted/
    facemask-train evaluate --compare before/report.json after/report.json
    """
    if dry_run:
        click.echo(json.dumps(as_plain(config), indent=2))
        return
    _check_output(output, overwrite)
    texts = _compared(*compared) if compared else _evaluated(config, output, quiet=quiet)
    click.echo(texts["md"])
    _write(output, texts)


def _check_output(output: Path | None, overwrite: bool) -> None:
    if output is None or overwrite:
        return
    there = sorted(output.glob("report.*")) if output.is_dir() else []
    if there:
        raise click.UsageError(f"{there[0]} exists; pass --overwrite to replace it.")


def _write(output: Path | None, texts: Mapping[str, str]) -> None:
    if output is None:
        return
    for suffix, text in texts.items():
        with atomic_write(output / f"report.{suffix}") as part:
            part.write_text(text, encoding="utf-8")


def _evaluated(config: EvaluateConfig, output: Path | None, *, quiet: bool) -> dict[str, str]:
    """Return the report's texts; one that is not finished is shown before the error goes on."""
    from trainers.evaluate.evaluation import evaluate as run_evaluate
    from trainers.evaluate.progress import unheard
    from trainers.evaluate.report import Report
    from trainers.evaluate.report_html import report_page
    from trainers.evaluate.report_markdown import to_markdown

    def texts(report: Report) -> dict[str, str]:
        return {"md": to_markdown(report), "json": report.to_json(), "html": report_page(report)}

    kept: dict[str, str] = {}

    def keep(report: Report) -> None:
        kept.update(texts(report))
        _write(output, kept)

    steps = StepLines()
    try:
        return texts(
            run_evaluate(
                config,
                on_step=(lambda step: None) if quiet else steps.begin,
                on_done=unheard if quiet else steps.done,
                keep=keep,
            )
        )
    except BaseException:
        if kept:
            steps.end()
            click.echo(kept["md"])
        raise


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
