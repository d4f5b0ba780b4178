"""``facemask-video benchmark``: what a conversion costs on this machine."""

import dataclasses
import json
from pathlib import Path

import click

from facemask_video.cli.options import configured_command, video_path
from facemask_video.config.printed import BenchmarkConfig

_MEANING = {
    "plain": "decoded and encoded",
    "networks": "the networks alone",
    "warm": "converted, networks loaded",
    "process": "the whole program",
    "deface": "deface, the whole program",
}


@configured_command(BenchmarkConfig)
@click.argument(
    "clips",
    metavar="CLIP...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    callback=lambda ctx, parameter, paths: tuple(video_path(ctx, parameter, p) for p in paths),
)
def benchmark(config: BenchmarkConfig, clips: tuple[Path, ...], quiet: bool) -> None:
    """Measure what converting each CLIP costs beside what cannot be spared.

    By turns: the clip decoded and encoded with nothing between, the networks alone on what they
    were asked, the conversion with its networks loaded, the program as a user starts it, and deface
    where it is installed. Processor time, which holds on a busy machine; seconds of the clock are
    shown where nothing else kept the machine busy. Nothing is kept.

    \b
    facemask-video benchmark clip.mp4 --direction unmask --runs 5
    """
    from facemask_video.benchmark.measure import benchmark as measure
    from facemask_video.benchmark.measure import machine

    found = []
    for clip in clips:
        result = measure(clip, config)
        found.append(dataclasses.asdict(result))
        if config.json or quiet:
            continue
        click.echo(
            f"{result.clip}: {result.width_px}x{result.height_px}, {result.frames} frames, "
            f"{result.faces / result.frames:.1f} faces a frame"
        )
        click.echo(f"  {'':<28}{'CPU ms a frame':>16}{'spread':>8}{'fps':>8}{'peak MB':>9}")
        for name, cost in result.costs.items():
            ms, spread = (1000 * s / result.frames for s in (cost.cpu_s, cost.cpu_spread_s))
            fps = f"{result.frames / cost.wall_s:.1f}" if result.idle else "busy"
            peak = "" if cost.peak_rss_mb is None else f"{cost.peak_rss_mb:.0f}"
            click.echo(f"  {_MEANING[name]:<28}{ms:>16.1f}{spread:>8.1f}{fps:>8}{peak:>9}")
        click.echo(f"  converted / (encoded + networks): {result.ratio:.2f}")
    if config.json:
        click.echo(json.dumps({"clips": found, "machine": machine()}, indent=2))
