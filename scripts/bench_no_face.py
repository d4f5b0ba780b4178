#!/usr/bin/env python3
"""Time clips without a face, and clips in which one comes late, by --no-face encode and copy.

The clips are a sample's pictures with its face covered, until a few frames before the end or to the
end. Seconds are of the processor, all threads together, without loading networks.

    scripts/bench_no_face.py samples/astronaut.mp4 --frames 500 > no_face.json
"""

import argparse
import json
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from facemask_video.config import ConvertConfig, OutputConfig, TranslateConfig
from facemask_video.core.direction import Direction
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.load_networks import load_networks
from facemask_video.video import probe

# Of the sample's width and height: what hides the face.
_COVERED = (0.15, 0.85)
_SHOWN_FRAMES = 10


def main() -> None:
    """Read the command line, run, print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", type=int, default=500, help="length (%(default)s)")
    arguments = parser.parse_args()
    networks = load_networks(ConvertConfig(Direction.MASK, TranslateConfig(quality="fast")))
    found = []
    with tempfile.TemporaryDirectory(prefix="bench_no_face_") as name:
        folder = Path(name)
        for kind, shown in (("none", 0), ("late", _SHOWN_FRAMES)):
            source = folder / f"{kind}.mp4"
            draw(arguments.clip, source, arguments.frames, shown)
            # The first run is not counted: it fills caches.
            for no_face in ("encode", "encode", "copy") if kind == "none" else ("encode", "copy"):
                config = ConvertConfig(
                    Direction.MASK, output=OutputConfig(no_face=no_face, overwrite=True)
                )
                began = time.process_time()
                report = convert(source, folder / "out.mp4", config, networks=networks)
                row = {
                    "face": kind,
                    "no_face": no_face,
                    "cpu_s": round(time.process_time() - began, 1),
                    "pictures": report.output["pictures"],
                    "faces_changed": report.faces_changed,
                }
                print(row, file=sys.stderr)
                found.append(row)
    print(json.dumps({"frames": arguments.frames, "runs": found[1:]}, indent=2))


def draw(clip: Path, target: Path, frames: int, shown: int) -> None:
    """Write a clip's pictures again and again, its face covered but for the last ones."""
    about = probe(clip)
    rate = about.frame_rate or Fraction(25)
    with av.open(str(target), "w") as output:
        video = output.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "veryfast"})
        video.width, video.height, done = about.width_px, about.height_px, 0
        while done < frames:
            with av.open(str(clip)) as given:
                for picture in given.decode(video=0):
                    image = picture.to_ndarray(format="rgb24")
                    if done < frames - shown:
                        rows, columns = (
                            slice(int(side * _COVERED[0]), int(side * _COVERED[1]))
                            for side in image.shape[:2]
                        )
                        image[rows, columns] = np.array((90, 110, 100), np.uint8)
                    drawn = av.VideoFrame.from_ndarray(image, format="rgb24")
                    drawn.pts, drawn.time_base = done, 1 / rate
                    output.mux(video.encode(drawn))
                    done += 1
                    if done == frames:
                        break
        output.mux(video.encode(None))


if __name__ == "__main__":
    main()
