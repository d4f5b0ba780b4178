"""``facemask-train pairs``: put masks on bare faces and keep both pictures."""

from collections import Counter
from pathlib import Path

import click

from facemask_video.cli.failures import SOME_FAILED
from facemask_video.cli.options import setting_options, typed_settings
from facemask_video.config.settings import build
from trainers.cli.progress import cutting_line
from trainers.pairs.config import PairsConfig


@click.command()
@click.argument("place", metavar="DIR|NPZ", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="OUT",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the set; one that an interrupted run left is gone on with.",
)
@setting_options(PairsConfig)
@click.pass_context
def pairs(ctx: click.Context, /, place: Path, output: Path, **_settings: object) -> None:
    """Write masked and unmasked pictures of the same faces, and where the masks lie.

    DIR holds pictures of bare faces, or is what facemask-video extract made; crops in an .npz file
    do as well. OUT gets the folders bare, masked and outline, with manifest.jsonl telling what is
    on each picture, and pairs.csv, which facemask-train evaluate --pairs reads.

    \b
    facemask-train pairs photos/bare -o pairs --styles surgical,ffp2 --per-image 2 --jobs 4
    facemask-train pairs A -o generated --with generator
    """
    from trainers.data.crop_sources import write_skipped
    from trainers.pairs.make_pairs import make_pairs

    config = build(PairsConfig, typed_settings(ctx))
    outcome = make_pairs(
        place,
        output,
        config,
        on_progress=lambda done, total: cutting_line(place.name, done, total),
    )
    write_skipped(output / "skipped.txt", outcome.skipped)
    styles = Counter(row.style for row in outcome.rows)
    click.echo(
        f"{output}: {len(outcome.rows):,} pairs of {outcome.n_faces:,} faces, {outcome.n_new:,} of "
        f"them new ({', '.join(f'{name} {styles[name]:,}' for name in sorted(styles))}); "
        f"{len(outcome.skipped):,} left out"
    )
    for name, reason in outcome.skipped:
        click.echo(f"left out: {name}: {reason}", err=True)
    if outcome.n_unreadable:
        ctx.exit(SOME_FAILED)
