#!/usr/bin/env python3
"""Make a picture of clips before and after: source, mask put on, and that mask taken off again.

Usage: .venv/bin/python scripts/make_pictures.py CLIP@SECONDS[@STYLE]... -o PICTURE.jpg

One column a clip, cut around its largest face at that time. The one in the README:

    scripts/make_pictures.py samples/astronaut.mp4@1.2@surgical intel_asl_brother.mkv@0@cloth \
        intel_asl_thanks.mkv@0@ffp2 intel_head_pose_female.gif@0.66@patterned \
        -o samples/before_after.jpg

The clips of Intel are those of github.com/intel-iot-devkit/sample-videos (CC BY 4.0).
"""

import argparse
import json
import tempfile
from pathlib import Path

import cv2
import numpy as np

from facemask_video import Networks, convert_video, load_networks
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.video import VideoReader

_TILE_PX = 320
_FACE_SHARE = 0.42
"""Height of the face in a tile; a face keeps some shoulders and background."""
_LABELS = ("source", "--direction mask", "that one, --direction unmask: the lower face is invented")


def read_frame(path: Path, time_s: float) -> tuple[int, ImageU8]:
    """Return index and picture of the first frame at or after a time, (H, W, 3) RGB uint8."""
    with VideoReader(path) as reader:
        for frame in reader:
            if float(frame.pts * frame.time_base) >= time_s - 1e-3:
                return frame.index, frame.read_region(Box(0, 0, frame.width_px, frame.height_px))
    raise SystemExit(f"{path}: ends before {time_s} s.")


def largest_box(tracks: Path, index: int) -> Box:
    """Return the largest face that a tracks file has in a frame."""
    for line in tracks.read_text(encoding="utf-8").splitlines()[1:]:
        record = json.loads(line)
        if record["frame"] == index and record["faces"]:
            boxes = [Box(*face["box"]) for face in record["faces"]]
            return max(boxes, key=lambda box: box.y1 - box.y0)
    raise SystemExit(f"{tracks}: no face in frame {index}.")


def crop_tile(picture: ImageU8, face: Box) -> ImageU8:
    """Cut a square around a face and bring it to the size of a tile."""
    side = min((face.y1 - face.y0) / _FACE_SHARE, *picture.shape[:2])
    x0 = np.clip((face.x0 + face.x1 - side) / 2, 0, picture.shape[1] - side)
    y0 = np.clip((face.y0 + face.y1 - side) / 2, 0, picture.shape[0] - side)
    square = picture[round(y0) : round(y0 + side), round(x0) : round(x0 + side)]
    return cv2.resize(square, (_TILE_PX, _TILE_PX), interpolation=cv2.INTER_LANCZOS4)


def make_column(
    clip: Path, time_s: float, networks: dict[str, Networks], folder: Path
) -> list[ImageU8]:
    """Convert a clip both ways; return the three tiles of its column."""
    masked, bare, tracks = folder / "masked.mkv", folder / "bare.mkv", folder / "tracks.jsonl"
    chain = (("mask", clip, masked, tracks), ("unmask", masked, bare, None))
    for direction, source, target, tracks_out in chain:
        convert_video(
            source,
            target,
            networks=networks[direction],
            direction=direction,
            encoder="ffv1",
            tracks_out=tracks_out,
            overwrite=True,
        )
    index, _ = read_frame(clip, time_s)
    face = largest_box(tracks, index)
    return [crop_tile(read_frame(path, time_s)[1], face) for path in (clip, masked, bare)]


def make_label(text: str, width_px: int) -> ImageU8:
    """Write a line of text on white."""
    strip = np.full((30, width_px, 3), 255, np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX
    return cv2.putText(strip, text, (6, 21), font, 0.6, (30, 30, 30), 1, cv2.LINE_AA)


def main() -> None:
    """Convert the clips and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", metavar="CLIP@SECONDS[@STYLE]")
    parser.add_argument("-o", "--output", required=True, type=Path)
    arguments = parser.parse_args()
    unmask, columns = load_networks(direction="unmask"), []
    with tempfile.TemporaryDirectory() as folder:
        for clip in arguments.clips:
            path, time_s, *style = clip.split("@")
            networks = {
                "mask": load_networks(direction="mask", style=style[0] if style else None),
                "unmask": unmask,
            }
            columns.append(make_column(Path(path), float(time_s), networks, Path(folder)))
    rows = []
    for text, tiles in zip(_LABELS, zip(*columns, strict=True), strict=True):
        rows += [make_label(text, _TILE_PX * len(tiles)), np.hstack(tiles)]
    sheet = np.vstack(rows)
    cv2.imwrite(str(arguments.output), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
