"""``facemask-video verify``: hold an output against its input."""

import dataclasses
import json
from pathlib import Path

import click

from facemask_video.api import verify_video
from facemask_video.cli.options import configured_command, video_path
from facemask_video.config.printed import VerifyConfig


@configured_command(VerifyConfig)
@click.argument("source", metavar="IN", type=click.Path(path_type=Path), callback=video_path)
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path), callback=video_path)
def verify(config: VerifyConfig, source: Path, output: Path, quiet: bool) -> None:
    """Check that OUT is IN with nothing changed but faces.

    Frame count, times, streams, the packets of copied streams, colour tags, rotation; and, for a
    lossless OUT and with --tracks, the largest difference of a sample outside the faces' regions.
    Of pictures size, rotation, depth, alpha, profile and EXIF, and of a JPEG the coefficients of
    every block outside the regions.
    Exits 1 where something differs that should not.

    \b
    facemask-video in.mp4 out.mkv -d mask --encoder ffv1 --tracks-out faces.jsonl
    facemask-video verify in.mp4 out.mkv --tracks faces.jsonl
    facemask-video verify in.mp4 range.mp4 --start 00:01:00 --end 00:01:30
    """
    report = verify_video(
        source,
        output,
        tracks=config.tracks,
        start=config.start_s,
        end=config.end_s,
        max_pixels=config.max_pixels,
        all_video=config.all_video,
    )
    if config.json:
        content = {"ok": report.ok, "rows": [dataclasses.asdict(row) for row in report.rows]}
        click.echo(json.dumps(content, indent=2, default=str))
    else:
        width = max(len(row.name) for row in report.rows)
        for row in (row for row in report.rows if not quiet or not row.ok):
            verdict = "ok  " if row.ok else "FAIL"
            found = row.found if row.ok else f"expected {row.expected}, found {row.found}"
            click.echo(f"{verdict}  {row.name:<{width}}  {found}")
    if not report.ok:
        click.get_current_context().exit(1)
