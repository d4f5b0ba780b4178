"""``facemask-train pairs``: put masks on bare faces and keep both pictures."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facemask_video.cli.failures import SOME_FAILED
from facemask_video.cli.options import configured_command
from trainers.cli.progress import cutting_line
from trainers.pairs.config import PairsConfig

if TYPE_CHECKING:
    from trainers.pairs.make_pairs import PairsResult


@configured_command(PairsConfig)
@click.argument("place", metavar="DIR|NPZ", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="OUT",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the set; one that an interrupted run left is gone on with.",
)
def pairs(config: PairsConfig, place: Path, output: Path, quiet: bool) -> None:
    """Write masked and unmasked pictures of the same faces, and where the masks lie.

    DIR holds pictures of bare faces, or is what facemask-video extract made; crops in an .npz file
    do as well. OUT gets the folders bare, masked and segmentation, with manifest.jsonl telling what
    is on each picture, and pairs.csv, which facemask-train evaluate --pairs reads.

    \b
    facemask-train pairs photos/bare -o pairs --styles surgical,ffp2 --per-image 2 --jobs 4
    facemask-train pairs A -o generated --with generator
    """
    from trainers.data.crop_sources import write_skipped
    from trainers.pairs.make_pairs import make_pairs

    result = make_pairs(
        place,
        output,
        config,
        on_progress=lambda done, total: cutting_line(place.name, done, total),
    )
    write_skipped(output / "skipped.txt", result.skipped)
    if not quiet:
        _say(result, output)
    if result.n_unreadable:
        click.get_current_context().exit(SOME_FAILED)


def _say(result: "PairsResult", output: Path) -> None:
    styles = Counter(row.style for row in result.rows)
    click.echo(
        f"{output}: {len(result.rows):,} pairs of {result.n_faces:,} faces, {result.n_new:,} of "
        f"them new ({', '.join(f'{name} {styles[name]:,}' for name in sorted(styles))}); "
        f"{len(result.skipped):,} left out"
    )
    for name, reason in result.skipped:
        click.echo(f"left out: {name}: {reason}", err=True)
