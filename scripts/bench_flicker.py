#!/usr/bin/env python3
"""Convert every clip of a folder in both directions and tell how much its faces flicker.

    scripts/bench_flicker.py FOLDER [--clip NAME ...] [--quality fast] [--grain off] [--keep FOLDER]

Both the source and the output are cut by the landmarks of the tracks, so that faces lie on top of
each other. ``source`` and ``output`` are the mean absolute differences of neighbouring frames where
the output is not the source, in levels of a byte, over all faces of the clip; ``ratio`` is output
over source. Prints a line a conversion, and exits 1 where a ratio is above --goal.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facemask_video import ConvertConfig, Direction
from facemask_video.config import CompositeConfig, OutputConfig, TranslateConfig, VideoConfig
from facemask_video.pipeline.convert import convert
from trainers.evaluate.temporal import frame_differences, read_clip


@dataclass(frozen=True, slots=True)
class Flicker:
    """How much the faces of one conversion flicker.

    Attributes:
        source: Mean absolute difference of neighbouring frames, in levels.
        output: The same of the output.
        n: Pairs of frames behind it.
        worst: Number of the track whose own ratio is the largest, and that ratio.
    """

    source: float
    output: float
    n: int
    worst: tuple[int, float]

    @property
    def ratio(self) -> float:
        """Output over source."""
        return self.output / max(self.source, 1e-6)


def measure(source: Path, output: Path, tracks: Path) -> Flicker | None:
    """Compare a conversion with its source; None where no face was changed in two frames on end."""
    of_track = {
        number: frame_differences(moments)
        for number, moments in read_clip(source, output, tracks).tracks.items()
    }
    means = {number: np.mean(pairs, axis=0) for number, pairs in of_track.items() if pairs}
    if not means:
        return None
    together = [pair for pairs in of_track.values() for pair in pairs]
    before, after = np.mean(together, axis=0)
    ratios = {number: float(made / max(was, 1e-6)) for number, (was, made) in means.items()}
    return Flicker(
        float(before), float(after), len(together), max(ratios.items(), key=lambda item: item[1])
    )


def convert_and_measure(
    clip: Path, direction: Direction, folder: Path, asked: argparse.Namespace
) -> Flicker | None:
    """Convert one clip without loss and measure it."""
    target = folder / f"{clip.stem}_{direction}.mkv"
    tracks = target.with_suffix(".jsonl")
    config = ConvertConfig(
        direction,
        video=VideoConfig(encoder="ffv1", audio=False),
        translate=TranslateConfig(quality=asked.quality),
        composite=CompositeConfig(temporal=asked.temporal, grain=asked.grain),
        output=OutputConfig(overwrite=True, tracks_out=tracks),
    )
    convert(clip, target, config)
    return measure(clip, target, tracks)


def line(clip: Path, direction: Direction, found: Flicker | None) -> str:
    """Write a row of the table."""
    start = f"| {clip.name} | {direction} |"
    if found is None:
        return f"{start} no face changed | | | | |"
    number, ratio = found.worst
    return (
        f"{start} {found.source:.2f} | {found.output:.2f} | {found.ratio:.2f} | {found.n} | "
        f"track {number}: {ratio:.2f} |"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all clips."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clip", action="append", help="Only clips of this name; repeatable.")
    parser.add_argument("--direction", choices=[str(d) for d in Direction], help="Only this one.")
    parser.add_argument("--quality", choices=("fast", "standard"), help="As of a conversion.")
    parser.add_argument("--temporal", type=float, default=CompositeConfig().temporal)
    parser.add_argument("--grain", choices=("auto", "off"), default=CompositeConfig().grain)
    parser.add_argument("--keep", type=Path, help="Folder in which the conversions are left.")
    parser.add_argument("--goal", type=float, default=1.3, help="Largest ratio that is fine.")
    asked = parser.parse_args(arguments)
    directions = [d for d in Direction if asked.direction in (None, str(d))]
    print("| clip | direction | source | output | ratio | pairs of frames | worst |")
    print("| --- | --- | ---: | ---: | ---: | ---: | --- |")
    n_above = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for clip in sorted(path for path in asked.folder.iterdir() if path.is_file()):
            if asked.clip and clip.name not in asked.clip:
                continue
            for direction in directions:
                found = convert_and_measure(clip, direction, folder, asked)
                n_above += found is not None and found.ratio > asked.goal
                print(line(clip, direction, found), flush=True)
    print(f"\n{n_above} above {asked.goal:g}.")
    return 1 if n_above else 0


if __name__ == "__main__":
    sys.exit(main())
