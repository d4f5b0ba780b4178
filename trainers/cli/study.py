"""``facemask-train study``: ask people which of two pictures is the photograph."""

import json
from pathlib import Path

import click

from facemask_video.cli.options import configured_command
from trainers.study.config import StudyConfig


@configured_command(StudyConfig)
@click.argument("paths", metavar="DIR_REAL DIR_FAKE", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The page; with --score, a JSON file of the scores.",
)
@click.option("--score", is_flag=True, help="Score the result files given in place of the folders.")
@click.option("--overwrite", "-y", is_flag=True, help="Replace the file if it exists.")
def study(
    config: StudyConfig,
    paths: tuple[Path, ...],
    output: Path | None,
    score: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Make a page on which people tell photographs from outputs, or score what they answered.

    The page needs no network and works with mouse, touch and keyboard. Outputs may lie in folders
    GENERATOR/DIRECTION; photographs in a folder mask or unmask stand against such outputs alone.
    Pairs are matched: nothing but realism is to tell a photograph from an output.

    \b
    facemask-train study photographs/ outputs/ -o study.html
    facemask-train study --score results/*.json
    """
    if output is not None and output.exists() and not overwrite:
        raise click.UsageError(f"{output} exists; pass --overwrite to replace it.")
    if score:
        _score(paths, output)
        return
    if len(paths) != 2 or output is None:
        raise click.UsageError("expected DIR_REAL, DIR_FAKE and -o FILE.html.")
    from trainers.cli.progress import cutting_line
    from trainers.study.page import study_page

    shown = (lambda name, done, total: None) if quiet else cutting_line
    page = study_page(paths[0], paths[1], config, on_progress=shown)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page, encoding="utf-8")
    if not quiet:
        click.echo(
            f"{output}: {len(page) / 1e6:.1f} MB; give it to people, and score what they save."
        )


def _score(paths: tuple[Path, ...], output: Path | None) -> None:
    from trainers.study.score import read_answers, scores, to_markdown, to_plain

    if not paths:
        raise click.UsageError("--score: expected the JSON files that people saved.")
    rows = scores(read_answers(paths))
    click.echo(to_markdown(rows), nl=False)
    click.echo("50 % is chance, and the best that an output can reach.")
    if output is not None:
        output.write_text(json.dumps(to_plain(rows), indent=1) + "\n", encoding="utf-8")
