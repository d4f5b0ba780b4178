#!/usr/bin/env python3
"""Count the faces that one detector leads a conversion to follow and another does not.

    scripts/compare_detectors.py CLIP-OR-FOLDER... --sheets sheets

Both look at the first frames of each clip as a conversion with default options does. Prints a JSON
object a clip and one for all: ``faces`` and ``before`` are faces followed, counted once a frame, by
``--detector`` and by ``--before``; ``added`` are those of the first that overlap with none of the
other, ``lost`` the reverse. ``--sheets`` writes a picture of what each added track begins with, and
of each fortieth face after, to be judged by eye: what is no face is a false one.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice, tee
from pathlib import Path

import cv2
import numpy as np
import torch

from facemask_video.config import DetectConfig, TrackConfig
from facemask_video.core.faces import TrackedFace, TrackedFrame, TrackId
from facemask_video.core.frame import Frame, ImageU8, VideoInfo
from facemask_video.core.geometry import iou
from facemask_video.core.kinds import VIDEO_SUFFIXES
from facemask_video.detect.build import DETECTORS, build_detector
from facemask_video.detect.mtcnn import CELL_PX
from facemask_video.detect.size import detect_size_px
from facemask_video.detect.stage import DetectFaces
from facemask_video.track import TrackFaces
from facemask_video.video import VideoReader

SAME_FACE = 0.3
TILE_PX = (320, 214)
COLUMNS = 5


def main() -> None:
    """Read the command line, look, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("clips", type=Path, nargs="+", help="clips, or folders of them")
    parser.add_argument("--frames", type=int, default=80, help="of each clip (80)")
    parser.add_argument("--detector", choices=DETECTORS, default="mtcnn-masks")
    parser.add_argument("--before", choices=DETECTORS, default="mtcnn")
    parser.add_argument(
        "--min-face", type=float, default=DetectConfig().min_face_px, help="as of a conversion"
    )
    parser.add_argument("--sheets", type=Path, help="folder for pictures to judge by eye")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    totals: Counter[str] = Counter()
    for clip in listed(asked.clips):
        counts, tiles = compared(clip, asked)
        totals.update(counts)
        print(json.dumps({"clip": clip.name, **counts}), flush=True)
        if asked.sheets and tiles:
            asked.sheets.mkdir(parents=True, exist_ok=True)
            path = asked.sheets / f"{clip.stem}.png"
            cv2.imwrite(str(path), cv2.cvtColor(sheet(tiles), cv2.COLOR_RGB2BGR))
    print(json.dumps({"clip": "all", **totals}))


def listed(paths: list[Path]) -> Iterator[Path]:
    """Yield clips, and those of folders."""
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        yield from (each for each in inside if each.suffix.lower() in VIDEO_SUFFIXES)


def compared(clip: Path, asked: argparse.Namespace) -> tuple[dict[str, int], list[ImageU8]]:
    """Return the counts of a clip, and pictures of what is added."""
    counts = Counter(frames=0, faces=0, before=0, added=0, lost=0)
    shown: Counter[TrackId] = Counter()
    tiles = []
    with VideoReader(clip) as reader:
        for_new, for_old = tee(islice(reader, asked.frames))
        new = followed(for_new, reader.info, asked.detector, asked.min_face)
        old = followed(for_old, reader.info, asked.before, asked.min_face)
        for item, earlier in zip(new, old, strict=True):
            added = beside(item.faces, earlier.faces)
            counts.update(
                frames=1,
                faces=len(item.faces),
                before=len(earlier.faces),
                added=len(added),
                lost=len(beside(earlier.faces, item.faces)),
            )
            for face in added:
                if shown[face.track_id] < 2 or shown[face.track_id] % 40 == 0:
                    tiles.append(tile(item.frame, face, f"{item.frame.index} {face.score:.2f}"))
                shown[face.track_id] += 1
    return dict(counts), tiles


def followed(
    frames: Iterator[Frame], info: VideoInfo, detector: str, min_face_px: float
) -> Iterator[TrackedFrame]:
    """Find and follow as a conversion does."""
    detect = DetectConfig(min_face_px=min_face_px, detector=detector)
    size_px = detect_size_px(info.width_px, info.height_px, min_face_px=min_face_px)
    scale = min(1.0, size_px / max(info.width_px, info.height_px))
    looking = build_detector(
        device=torch.device("cpu"),
        min_face_px=max(CELL_PX, min_face_px * scale),
        threshold=detect.threshold,
        detector=detector,
    )
    stage = DetectFaces(looking, max_side_px=size_px, detect_every=detect.every)
    return TrackFaces(TrackConfig(), detect)(stage(frames))


def beside(faces: tuple[TrackedFace, ...], others: tuple[TrackedFace, ...]) -> list[TrackedFace]:
    """Return the faces that are none of the others."""
    return [
        face for face in faces if not any(iou(face.box, each.box) > SAME_FACE for each in others)
    ]


def tile(frame: Frame, face: TrackedFace, text: str) -> ImageU8:
    """Return a frame with a face marked, small, and a text in it."""
    image, scale = frame.thumbnail(640)
    image = np.ascontiguousarray(image)
    box = face.box
    corners = [(int(x * scale), int(y * scale)) for x, y in ((box.x0, box.y0), (box.x1, box.y1))]
    cv2.rectangle(image, corners[0], corners[1], (0, 255, 0), 2)
    image = np.asarray(cv2.resize(image, TILE_PX), np.uint8)
    cv2.putText(image, text, (2, TILE_PX[1] - 8), 0, 0.5, (255, 255, 0), 1)
    return image


def sheet(tiles: list[ImageU8]) -> ImageU8:
    """Return tiles in rows."""
    filled = [*tiles, *[np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)]
    rows = (filled[at : at + COLUMNS] for at in range(0, len(filled), COLUMNS))
    return np.vstack([np.hstack(row) for row in rows])


if __name__ == "__main__":
    main()
