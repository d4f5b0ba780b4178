#!/usr/bin/env python3
"""Time a conversion beside a plain decode-encode of the same clip by the same encoder.

What the conversion takes beyond the plain run is what faces cost; the plain run is what nobody can
do without. Runs alternate, so that a machine that slows down slows both. The first of each is not
counted: it loads libraries and fills caches.

    scripts/bench_convert.py samples/astronaut.mp4 --direction mask > bench.json

Prints one JSON object: medians and interquartile ranges, seconds of each stage, and what it ran on.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import av

from facemask_video import __version__
from facemask_video.config import ConvertConfig, OutputConfig, TranslateConfig, VideoConfig
from facemask_video.core.direction import Direction
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.report import ConversionReport

LIBRARIES = ("torch", "av", "numpy", "opencv-python-headless", "facenet-pytorch")


def main() -> None:
    """Read the command line, run, print."""
    arguments = parse_arguments()
    config = ConvertConfig(
        direction=Direction.parse(arguments.direction),
        video=VideoConfig(encoder=arguments.encoder, crf=arguments.crf, preset=arguments.preset),
        translate=TranslateConfig(
            weights=arguments.weights,
            device=arguments.device,
            precision=arguments.precision,
            batch_size=arguments.batch_size,
        ),
        output=OutputConfig(overwrite=True),
    )
    plain_s: list[float] = []
    reports: list[ConversionReport] = []
    with tempfile.TemporaryDirectory(prefix="bench_convert_") as folder:
        target = Path(folder) / f"out{arguments.suffix or arguments.clip.suffix}"
        for run in range(arguments.runs + 1):
            seconds, frames, pixel_format = decode_encode(arguments.clip, target, config.video)
            report = convert(arguments.clip, target, config)
            if report.frames != frames:
                raise SystemExit(f"{arguments.clip}: {report.frames} frames of {frames} converted.")
            print(
                f"run {run}{' (not counted)' if run == 0 else ''}: plain {frames / seconds:.1f} "
                f"fps, converted {frames / report.seconds['total']:.1f} fps",
                file=sys.stderr,
            )
            if run > 0:
                plain_s.append(seconds)
                reports.append(report)
    print(json.dumps(summary(arguments.clip, pixel_format, plain_s, reports), indent=2))


def parse_arguments() -> argparse.Namespace:
    """Describe and read the options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--direction", default="mask", help="mask or unmask (%(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each (%(default)s)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--batch-size", type=int, default=TranslateConfig().batch_size)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--encoder", default=VideoConfig().encoder)
    parser.add_argument("--crf", type=float)
    parser.add_argument("--preset")
    parser.add_argument("--suffix", help="container of the output, such as .mkv; the clip's own")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error(f"--runs: got {arguments.runs}, expected 1 or more.")
    return arguments


def decode_encode(clip: Path, target: Path, video: VideoConfig) -> tuple[float, int, str]:
    """Decode and encode the pictures of a clip with nothing between.

    Returns:
        Seconds, frames, and the pixel format that was encoded.
    """
    options = dict(video.encoder_options)
    if video.crf is not None:
        options["crf"] = f"{video.crf:g}"
    if video.preset is not None:
        options["preset"] = video.preset
    started, frames = time.perf_counter(), 0
    with av.open(str(clip)) as source, av.open(str(target), "w") as sink:
        decoded = source.streams.video[0]
        decoded.thread_type = "AUTO"
        encoded = sink.add_stream(video.encoder, rate=decoded.average_rate, options=options)
        assert isinstance(encoded, av.VideoStream)
        encoded.width, encoded.height = decoded.width, decoded.height
        encoded.pix_fmt = decoded.codec_context.pix_fmt or "yuv420p"
        # Equal time bases keep uneven frames where they are, and the bit rate with them.
        if decoded.time_base is not None:
            encoded.time_base = encoded.codec_context.time_base = decoded.time_base
        for frame in source.decode(decoded):
            # The decoder's choice of key frames is not the encoder's.
            frame.pict_type = av.video.frame.PictureType.NONE
            sink.mux(encoded.encode(frame))
            frames += 1
        sink.mux(encoded.encode())
    return time.perf_counter() - started, frames, encoded.pix_fmt


def summary(
    clip: Path, pixel_format: str, plain_s: Sequence[float], reports: Sequence[ConversionReport]
) -> dict[str, Any]:
    """Put the runs together, with all that a reader needs to judge them."""
    last = reports[-1]
    total_s = [report.seconds["total"] for report in reports]
    running_s = [report.seconds["total"] - report.seconds.get("load", 0.0) for report in reports]
    stages = sorted({name for report in reports for name in report.seconds} - {"total"})
    return {
        "clip": {
            "name": clip.name,
            "frames": last.frames,
            "faces": last.faces,
            "width_px": last.input["width_px"],
            "height_px": last.input["height_px"],
            "codec": last.input["codec"],
            "pixel_format": pixel_format,
        },
        "options": last.options,
        "runs": len(reports),
        "plain": {"seconds": spread(plain_s), "fps": spread([last.frames / s for s in plain_s])},
        "converted": {
            "seconds": spread(total_s),
            "fps": spread([last.frames / s for s in total_s]),
            "fps_without_loading": spread([last.frames / s for s in running_s]),
            "stage_seconds": {
                name: spread([report.seconds.get(name, 0.0) for report in reports])
                for name in stages
            },
            "peak_rss_mb": last.peak_rss_mb,
        },
        "ratio_of_seconds": spread([a / b for a, b in zip(total_s, plain_s, strict=True)]),
        "device": last.device,
        "machine": {
            "processor": processor(),
            "cores_usable": len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count(),
            "system": platform.system(),
        },
        "versions": versions(),
        "commit": commit(),
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median and interquartile range; the range is 0 for a single run."""
    if len(values) == 1:
        return {"median": round(values[0], 4), "iqr": 0.0}
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": round(median, 4), "iqr": round(high - low, 4)}


def processor() -> str:
    """Name the processor, as Linux does where it is Linux."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Return the versions of Python, this package and what it stands on."""
    found = {"python": platform.python_version(), "facemask-video": __version__}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed as a package"
    return found


def commit() -> str:
    """Return the commit that ran, marked where files differ from it."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said.stdout.strip()


if __name__ == "__main__":
    main()
