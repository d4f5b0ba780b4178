"""``facemask-video verify``: hold an output against its input."""

import dataclasses
import json
from pathlib import Path

import click

from facemask_video.api import verify_video
from facemask_video.cli.options import verbosity_options, video_path


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path), callback=video_path)
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path), callback=video_path)
@click.option(
    "--tracks",
    metavar="FILE.jsonl",
    type=click.Path(path_type=Path),
    help="The file that convert wrote with --tracks-out: names the regions that may differ.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@verbosity_options
@click.pass_context
def verify(
    ctx: click.Context,
    /,
    source: Path,
    output: Path,
    tracks: Path | None,
    as_json: bool,
    **_verbosity: object,
) -> None:
    """Check that OUT is IN with nothing changed but faces.

    Frame count, times, streams, the packets of copied streams, colour tags, rotation; and, for a
    lossless OUT and with --tracks, the largest difference of a sample outside the faces' regions.
    Exits 1 where something differs that should not.

    \b
    facemask-video in.mp4 out.mkv -d mask --encoder ffv1 --tracks-out faces.jsonl
    facemask-video verify in.mp4 out.mkv --tracks faces.jsonl
    """
    report = verify_video(source, output, tracks=tracks)
    if as_json:
        content = {"ok": report.ok, "rows": [dataclasses.asdict(row) for row in report.rows]}
        click.echo(json.dumps(content, indent=2, default=str))
    else:
        width = max(len(row.name) for row in report.rows)
        for row in report.rows:
            verdict = "ok  " if row.ok else "FAIL"
            found = row.found if row.ok else f"expected {row.expected}, found {row.found}"
            click.echo(f"{verdict}  {row.name:<{width}}  {found}")
    if not report.ok:
        ctx.exit(1)
