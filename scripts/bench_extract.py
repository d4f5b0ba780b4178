#!/usr/bin/env python3
"""Time extraction from file to finished set, beside decoding the same clip and nothing else.

Both by turns, so that a machine that slows down slows both; the first turn is not counted. Loading
the networks is part of an extraction; a set is written afresh each time.

    scripts/bench_extract.py samples/astronaut.mp4 > extract.json
    scripts/bench_extract.py clip.mp4 --every 10

Prints one JSON object: frames a second of both, as median and interquartile range, and crops.
"""

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from facemask_video import __version__
from facemask_video.config import ExtractConfig
from facemask_video.config.extract import SampleConfig
from facemask_video.extract.extract import extract
from facemask_video.video import VideoReader


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--every", help="as extract's; the best of each track where not given")
    parser.add_argument("--runs", type=int, default=3, help="counted turns (3)")
    asked = parser.parse_args()
    config = ExtractConfig(sample=SampleConfig(every=asked.every))

    decoding, extracting, crops, kept, frames = [], [], 0, 0, 0
    for turn in range(asked.runs + 1):
        started = time.perf_counter()
        with VideoReader(asked.clip) as reader:
            frames = sum(1 for _ in reader)
        decoded = time.perf_counter()
        with tempfile.TemporaryDirectory() as place:
            begun = time.perf_counter()
            report = extract([asked.clip], Path(place) / "set", config)
            ended = time.perf_counter()
        crops, kept = len(report.rows), sum(row.kept for row in report.rows)
        if turn:
            decoding.append(frames / (decoded - started))
            extracting.append(frames / (ended - begun))
    result = {
        "clip": asked.clip.name,
        "frames": frames,
        "sampling": f"every {asked.every}" if asked.every else "best of each track",
        "crops": crops,
        "kept": kept,
        "decode_fps": spread(decoding),
        "extract_fps": spread(extracting),
        "runs": asked.runs,
        "version": __version__,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processor": platform.processor() or platform.machine(),
    }
    print(json.dumps(result, indent=2))


def spread(values: list[float]) -> dict[str, float]:
    """Return median and interquartile range."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {"median": round(float(middle), 2), "iqr": round(float(high - low), 2)}


if __name__ == "__main__":
    main()
