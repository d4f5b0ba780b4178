#!/usr/bin/env python3
"""Tell how much of what passes before a face a conversion keeps.

    scripts/measure_occluders.py FOLDER [--labels configs/evaluate/occluders.json]

FOLDER holds the clips that the labels name. Each is converted to ffv1 up to its last labelled
frame. Of each labelled frame those pixels of hands and rims count that lie in a followed face's
box, as what lies beside it is never painted; one is kept where no channel changed by more than 8
of 255 levels. Prints a row a clip, and one for all. The labels were drawn by eye on clips that
nothing was trained on, and nothing was chosen by the figures.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video import convert_video
from facemask_video.core.frame import ImageU8
from facemask_video.track.sidecar import Sidecar

LABELS = Path(__file__).parents[1] / "configs/evaluate/occluders.json"
LARGEST_CHANGE = 8


@dataclass(frozen=True, slots=True)
class Kept:
    """Pixels of occluders in face boxes, and how many of them a conversion kept."""

    frames: int
    pixels: int
    kept: int

    def __add__(self, other: "Kept") -> "Kept":
        return Kept(self.frames + other.frames, self.pixels + other.pixels, self.kept + other.kept)

    def row(self, name: str, what: str) -> str:
        """Return a row of the table."""
        share = f"{self.kept / self.pixels:.1%}" if self.pixels else ""
        return f"| {name} | {what} | {self.frames} | {self.pixels:,} | {share} |"


def labelled(polygons: Sequence[Sequence[Sequence[int]]], like: ImageU8) -> NDArray[np.bool_]:
    """Return where the polygons of a frame lie, shape (h, w)."""
    plane = np.zeros(like.shape[:2], np.uint8)
    cv2.fillPoly(plane, [np.asarray(each, np.int32) for each in polygons], 1)
    return plane > 0


def measure(source: Path, clip: dict[str, Any], folder: Path) -> Kept:
    """Convert one clip and look at its labelled frames."""
    frames = {int(index): polygons for index, polygons in clip["frames"].items()}
    done, tracks = folder / f"{source.stem}.mkv", folder / f"{source.stem}.jsonl"
    with av.open(source) as container:
        rate = container.streams.video[0].average_rate
        assert rate is not None
        end_s = float((max(frames) + 1.5) / rate)
    convert_video(
        source,
        done,
        direction=clip["direction"],
        end=end_s,
        encoder="ffv1",
        tracks_out=tracks,
    )
    boxes = {line.frame: [entry.face.box for entry in line.faces] for line in Sidecar(tracks)}
    result = Kept(0, 0, 0)
    for index, (before, after) in enumerate(zip(pictures(source), pictures(done), strict=False)):
        if index not in frames:
            continue
        in_box = np.zeros(before.shape[:2], bool)
        for box in boxes[index]:
            in_box[int(box.y0) : int(box.y1) + 1, int(box.x0) : int(box.x1) + 1] = True
        looked_at = labelled(frames[index], before) & in_box
        change = np.abs(before.astype(int) - after).max(2)
        result += Kept(1, int(looked_at.sum()), int((change[looked_at] <= LARGEST_CHANGE).sum()))
    return result


def pictures(path: Path) -> Iterator[ImageU8]:
    """Yield a clip's frames as RGB."""
    with av.open(path) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all clips."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--labels", type=Path, default=LABELS)
    asked = parser.parse_args(arguments)
    together = Kept(0, 0, 0)
    print("| clip | what passes | frames | pixels | kept |\n| --- | --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for clip in json.loads(asked.labels.read_text(encoding="utf-8"))["clips"]:
            kept = measure(asked.folder / clip["name"], clip, Path(folder))
            together += kept
            what = f"{clip['what']} ({clip['direction']})"
            print(kept.row(clip["name"], what), flush=True)
    print(together.row("all", ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
