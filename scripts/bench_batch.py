#!/usr/bin/env python3
"""Time the same clips one by one with warm networks, as a batch, with a start a clip, and on Ray.

Wall time says how fast each is where nothing else runs; processor time, which counts all processes
that a way begins but for those of Ray, says what each takes, also on a busy machine. Ways
alternate, and the first round is not counted. Linux only.

    scripts/bench_batch.py samples/astronaut.mp4 --clips 8 --seconds 2 > bench.json
    taskset -c 0,1 scripts/bench_batch.py samples/astronaut.mp4 --ways warm,batch

Prints one JSON object: of each way the medians of seconds of wall and processor, in all and a clip.
"""

import argparse
import ctypes
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

from facemask_video.batch.resources import processors

_SUBREAPER = 36  # of prctl(2)

WARM = """
import sys
from pathlib import Path
from facemask_video import convert_video, load_networks

networks = load_networks(direction="mask", quality=sys.argv[1])
for clip in sys.argv[3:]:
    target = Path(sys.argv[2]) / Path(clip).name
    convert_video(clip, target, networks=networks, direction="mask")
"""


def main() -> None:
    """Read the command line, run, print."""
    arguments = parse_arguments()
    # Processes whose parent ends become children of this one, so that their time is counted.
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in arguments.ways}
    with tempfile.TemporaryDirectory(prefix="bench_batch_") as folder:
        clips = make_clips(Path(folder) / "in", arguments)
        for turn in range(arguments.runs + (arguments.runs > 1)):
            for way in arguments.ways:
                out = Path(folder) / "out"
                shutil.rmtree(out, ignore_errors=True)
                out.mkdir()
                taken = measure(lambda way=way, out=out: WAYS[way](clips, out, arguments))
                done = len([path for path in out.rglob("*.mp4") if path.stat().st_size])
                if done != len(clips) and way != "load":
                    raise SystemExit(f"{way}: {done} of {len(clips)} clips came out.")
                print(f"{way}: {taken[0]:.1f} s, {taken[1]:.1f} s of processors", file=sys.stderr)
                if turn > 0 or arguments.runs == 1:
                    seconds[way].append(taken)
    print(json.dumps(summary(seconds, arguments), indent=2))


def parse_arguments() -> argparse.Namespace:
    """Describe and read the options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--clips", type=int, default=8, help="copies of it (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of it (%(default)s)")
    parser.add_argument("--empty", action="store_true", help="a scene without faces in its place")
    parser.add_argument("--runs", type=int, default=3, help="counted rounds (%(default)s)")
    parser.add_argument("--quality", default="standard", help="(%(default)s)")
    parser.add_argument("--jobs", default="auto", help="of the batch (%(default)s)")
    parser.add_argument("--ways", default=",".join(WAYS), help="(%(default)s)")
    arguments = parser.parse_args()
    arguments.ways = arguments.ways.split(",")
    return arguments


def make_clips(folder: Path, arguments: argparse.Namespace) -> list[Path]:
    """Write copies of the beginning of the clip, packets as they are."""
    folder.mkdir()
    first = folder / "clip0.mp4"
    if arguments.empty:
        write_empty(arguments.clip, first, arguments.seconds)
    else:
        copy_beginning(arguments.clip, first, arguments.seconds)
    paths = [folder / f"clip{number}.mp4" for number in range(arguments.clips)]
    for path in paths[1:]:
        shutil.copy(first, path)
    return paths


def copy_beginning(clip: Path, first: Path, seconds: float) -> None:
    """Copy the packets of a clip's beginning."""
    with av.open(str(clip)) as source, av.open(str(first), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None and packet.dts * packet.time_base < seconds:
                packet.stream = stream
                target.mux(packet)


def write_empty(clip: Path, first: Path, seconds: float) -> None:
    """Encode noise that moves over the colours of a clip's left edge, of its size and rate."""
    chance = np.random.default_rng(1)
    with av.open(str(clip)) as source, av.open(str(first), "w") as target:
        rate = source.streams.video[0].average_rate
        stream = target.add_stream("libx264", rate=rate)
        size = source.streams.video[0].codec_context
        stream.width, stream.height = size.width // 8 * 8, size.height
        for frame in source.decode(video=0):
            edge = frame.to_ndarray(format="rgb24")[:, :8]
            image = np.repeat(edge, stream.width // 8, axis=1)
            noise = chance.integers(-6, 7, image.shape[:2])[..., None]
            noisy = np.clip(image + noise, 0, 255).astype(np.uint8)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format="rgb24")))
            if frame.time is None or frame.time >= seconds:
                break
        target.mux(stream.encode())


def measure(run: Callable[[], None]) -> tuple[float, float]:
    """Return seconds of wall and of processors that something and all that it began took."""
    began, before = time.perf_counter(), _children_s()
    run()
    wall_s = time.perf_counter() - began
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return wall_s, _children_s() - before


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def load(clips: list[Path], out: Path, arguments: argparse.Namespace) -> None:
    """Load the networks and convert nothing: what `warm` takes beside its clips."""
    _run(sys.executable, "-c", WARM, arguments.quality, out)


def warm(clips: list[Path], out: Path, arguments: argparse.Namespace) -> None:
    """Convert one by one in one process."""
    _run(sys.executable, "-c", WARM, arguments.quality, out, *clips)


def batch(clips: list[Path], out: Path, arguments: argparse.Namespace) -> None:
    """Convert as a batch of this machine."""
    _run(*_batch(clips, out, arguments), "--jobs", arguments.jobs)


def start_each(clips: list[Path], out: Path, arguments: argparse.Namespace) -> None:
    """Start the program for each clip."""
    for clip in clips:
        program = (sys.executable, "-m", "facemask_video", clip, out / clip.name)
        _run(*program, "-d", "mask", "--quality", arguments.quality, "-q")


def on_ray(clips: list[Path], out: Path, arguments: argparse.Namespace) -> None:
    """Convert as a batch on a Ray cluster that is begun for it on this machine."""
    _run(*_batch(clips, out, arguments), "--engine", "ray")


WAYS: dict[str, Callable[[list[Path], Path, argparse.Namespace], None]] = {
    "load": load,
    "warm": warm,
    "batch": batch,
    "start-each": start_each,
    "ray": on_ray,
}


def _batch(clips: list[Path], out: Path, arguments: argparse.Namespace) -> tuple[object, ...]:
    program = (sys.executable, "-m", "facemask_video", "batch", *clips, "-o", out)
    return (*program, "-d", "mask", "--quality", arguments.quality, "-q")


def _run(*command: object) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(done.stderr)


def summary(
    seconds: dict[str, list[tuple[float, float]]], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Return what is printed."""
    ways = {}
    for way, taken in seconds.items():
        wall_s = statistics.median(wall for wall, _ in taken)
        ways[way] = {
            "wall_s": round(wall_s, 2),
            "wall_s_a_clip": round(wall_s / arguments.clips, 2),
        }
        if way == "ray":
            # Ray ends its processes so that nobody hears what they took.
            continue
        processor_s = statistics.median(processor for _, processor in taken)
        ways[way]["processor_s"] = round(processor_s, 2)
        ways[way]["processor_s_a_clip"] = round(processor_s / arguments.clips, 2)
    return {
        "clips": arguments.clips,
        "seconds_each": arguments.seconds,
        "quality": arguments.quality,
        "processors": processors(),
        "empty": arguments.empty,
        "rounds": arguments.runs,
        "ways": ways,
    }


if __name__ == "__main__":
    main()
