#!/usr/bin/env python3
"""Time what --resume costs, and kill a conversion again and again to see that nothing is lost.

Seconds of the processor tell more than those of the clock where other programs run.

Converts a looped clip to ffv1 in processes of its own: once plainly, once with --resume and left
alone, and once killed (SIGKILL) at random moments until it is done. All three must decode to the
same pictures at the same times, with the same packets of other streams, and nothing else may lie in
the folder.

    scripts/bench_resume.py samples/astronaut.mp4 --frames 1000 --kills 3 > resume.json
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av

from facemask_video.video import VideoReader, probe
from facemask_video.video.compare import digest_streams


def main() -> None:
    """Read the command line, run, print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--direction", default="mask", help="mask or unmask (%(default)s)")
    parser.add_argument("--frames", type=int, default=1000, help="length (%(default)s)")
    parser.add_argument("--kills", type=int, default=3, help="how often (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench_resume_") as name:
        folder = Path(name)
        source = folder / "in.mkv"
        frames = loop(arguments.clip, source, arguments.frames)
        command = [sys.executable, "-m", "facemask_video", str(source)]
        options = ["-d", arguments.direction, "--encoder", "ffv1", "--progress", "json"]
        runs = {}
        for kind, extra in (("plain", []), ("kept", ["--resume"])):
            runs[kind] = run([*command, str(folder / f"{kind}.mkv"), *options, *extra], None)
        killed = [*command, str(folder / "killed.mkv"), *options, "--resume"]
        draw = random.Random(arguments.seed)
        stops = sorted(draw.sample(range(1, frames), arguments.kills))
        attempts = [run(killed, stop) for stop in stops]
        last = run(killed, None)
        found = {kind: digest(folder / f"{kind}.mkv") for kind in ("plain", "kept", "killed")}
        same = len(set(found.values())) == 1
        left = sorted(path.name for path in folder.iterdir())
    print(
        json.dumps(
            {
                "clip": arguments.clip.name,
                "frames": frames,
                "cores": len(os.sched_getaffinity(0)),
                "plain": runs["plain"],
                "kept": runs["kept"],
                "killed_at_frame": stops,
                "killed": attempts,
                "last": last,
                "identical": same,
                "left_in_folder": left,
            },
            indent=2,
        )
    )
    if not same or len(left) != 4:
        raise SystemExit("The killed conversion differs, or left something behind.")


def loop(clip: Path, target: Path, frames: int) -> int:
    """Write a clip's pictures again and again."""
    with av.open(str(target), "w") as output:
        about = probe(clip)
        rate = about.frame_rate or Fraction(25)
        video = output.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "veryfast"})
        video.width, video.height, done = about.width_px, about.height_px, 0
        while done < frames:
            with av.open(str(clip)) as given:
                for picture in given.decode(video=0):
                    picture.pts, picture.time_base, picture.pict_type = done, 1 / rate, 0
                    output.mux(video.encode(picture))
                    done += 1
                    if done == frames:
                        break
        output.mux(video.encode(None))
    return done


def run(command: list[str], stop: int | None) -> dict[str, float]:
    """Run a conversion, or kill it when it has told of a frame; returns its seconds."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stderr is not None, "piped"
    lines = []
    for line in process.stderr:
        lines.append(line)
        frame = json.loads(line).get("frame", 0) if line.startswith("{") else 0
        if stop is not None and frame >= stop:
            process.send_signal(signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = round(time.perf_counter() - started, 1)
    if stop is None and status:
        raise SystemExit(f"{' '.join(command)} failed: {''.join(lines[-3:])}")
    target = Path(command[4])
    work = sum(path.stat().st_size for path in target.parent.glob(".*.work/*"))
    print(f"{target.name}: {seconds} s, {'killed' if stop else 'whole'}", file=sys.stderr)
    cpu_s = round(usage.ru_utime + usage.ru_stime, 1)
    return {"seconds": seconds, "cpu_s": cpu_s, "work_bytes": work}


def digest(path: Path) -> str:
    """Hash the pictures and their times, and the packets of the other streams."""
    found = hashlib.sha256()
    with VideoReader(path) as reader:
        for frame in reader:
            found.update(str(frame.pts).encode())
            for plane in frame.samples():
                found.update(plane.tobytes())
    for other in digest_streams(path, but=probe(path).video_index):
        found.update(f"{other.sha256} {list(other.pts)}".encode())
    return found.hexdigest()


if __name__ == "__main__":
    main()
