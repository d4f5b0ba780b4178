#!/usr/bin/env python3
"""Make the picture at the top of the README out of the samples and the shipped weights.

Usage: .venv/bin/python scripts/make_pictures.py

Converts both samples and lays frames side by side: bare and masked above, masked and bare below.
"""

import tempfile
from pathlib import Path

import cv2
import numpy as np

from facemask_video import ConvertConfig, Direction
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.pipeline.convert import convert
from facemask_video.video import VideoReader

SAMPLES = Path(__file__).parents[1] / "samples"
_FRAMES = (20, 75)
_WIDTH_PX = 400


def frames_of(path: Path) -> list[ImageU8]:
    """Return the chosen frames of a clip."""
    chosen = []
    with VideoReader(path) as reader:
        for frame in reader:
            if frame.index in _FRAMES:
                whole = Box(0, 0, frame.width_px, frame.height_px)
                chosen.append(frame.read_region(whole))
    return chosen


def main() -> None:
    """Write samples/before_after.jpg."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, direction in (
            ("astronaut.mp4", Direction.MASK),
            ("astronaut_masked.mp4", Direction.UNMASK),
        ):
            result = Path(folder) / name
            convert(SAMPLES / name, result, ConvertConfig(direction))
            pairs = zip(frames_of(SAMPLES / name), frames_of(result), strict=True)
            rows.append(np.hstack([picture for pair in pairs for picture in pair]))
    sheet = np.vstack(rows)
    height_px = round(sheet.shape[0] * 4 * _WIDTH_PX / sheet.shape[1])
    sheet = cv2.resize(sheet, (4 * _WIDTH_PX, height_px), interpolation=cv2.INTER_AREA)
    target = SAMPLES / "before_after.jpg"
    cv2.imwrite(str(target), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    print(target)


if __name__ == "__main__":
    main()
