#!/usr/bin/env python3
"""Tell how far a mask moves the five points that a detector sees.

    scripts/bench_landmarks.py --pairs pairs.csv

On photographs with and without a mask, otherwise the same, the truth is what MTCNN sees of the bare
one. Three ways are told apart, each with the boxes that it finds itself: MTCNN's single look, the
mean of several close looks by its third network, and the same by our landmark network, which the
converter takes. Distances are parts of the distance between the eyes; beside them stands how
much an alignment to a crop turns, grows and shifts by them.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facemask_video.align.crop import frame_to_crop
from facemask_video.core import geometry
from facemask_video.core.frame import ImageU8
from facemask_video.core.pictures import try_read_picture
from facemask_video.detect.cascade import (
    LENIENT_STAGE_THRESHOLDS,
    LENIENT_THRESHOLD,
    CascadeDetector,
)
from facemask_video.detect.facenet_mtcnn import MtcnnDetector
from facemask_video.detect.single_image import find_main_face
from trainers.data.detector import MIN_FACE_PX, photograph_detector
from trainers.evaluate.photo_pairs import read_pairs_file

CPU = torch.device("cpu")
POINTS = ("eye", "eye", "nose", "mouth", "mouth")


def main() -> None:
    """Read the command line, look, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--pairs", type=Path, required=True, help="as of facemask-train evaluate")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    pictures = [
        tuple(try_read_picture(asked.pairs.parent / name) for name in row)
        for row in read_pairs_file(asked.pairs)
    ]
    mtcnn = MtcnnDetector(device=CPU, threshold=0.6, min_face_px=MIN_FACE_PX)
    ways = {
        "mtcnn": mtcnn,
        "close looks": CascadeDetector(
            device=CPU,
            threshold=LENIENT_THRESHOLD,
            stage_thresholds=LENIENT_STAGE_THRESHOLDS,
            min_face_px=MIN_FACE_PX,
        ),
        "landmark network": photograph_detector(CPU),
    }
    truths = [points_of(bare, mtcnn) for bare, _ in pictures]
    for subject, index in (("masked", 1), ("bare", 0)):
        for way, detector in ways.items():
            seen = [points_of(pair[index], detector) for pair in pictures]
            print(json.dumps({"faces": subject, "by": way, **row(truths, seen)}), flush=True)


def points_of(
    picture: ImageU8 | None, detector: MtcnnDetector | CascadeDetector
) -> NDArray[np.float32] | None:
    """Return the points (5, 2) of a picture's main face; None where there is none."""
    face = None if picture is None else find_main_face(picture, detector)
    return None if face is None else face.landmarks


def row(
    truths: Sequence[NDArray[np.float32] | None], seen: Sequence[NDArray[np.float32] | None]
) -> dict[str, float]:
    """Return the figures of one way."""
    both = [(t, s) for t, s in zip(truths, seen, strict=True) if t is not None and s is not None]
    truth, found = (np.stack(each).astype(np.float64) for each in zip(*both, strict=True))
    eyes = np.linalg.norm(truth[:, 1] - truth[:, 0], axis=1)
    apart = np.linalg.norm(found - truth, axis=2) / eyes[:, None]
    figures: dict[str, float] = {"n": len(both), "not_found": len(truths) - len(both)}
    for name in dict.fromkeys(POINTS):
        of_kind = apart[:, [kind == name for kind in POINTS]]
        figures[f"{name}_mean"] = round(float(of_kind.mean()), 4)
        figures[f"{name}_median"] = round(float(np.median(of_kind)), 4)
    # Where the alignment by what was seen puts the true crop's corners, in parts of its side.
    corners = geometry.corners(geometry.Box(0, 0, 1, 1))
    moved = [
        geometry.apply(
            geometry.compose(geometry.invert(frame_to_crop(t, 1)), frame_to_crop(s, 1)), corners
        )
        - corners
        for t, s in both
    ]
    away = np.linalg.norm(np.stack(moved), axis=2).mean(axis=1)
    figures["crop_corner_mean"] = round(float(away.mean()), 4)
    figures["crop_corner_median"] = round(float(np.median(away)), 4)
    return figures


if __name__ == "__main__":
    main()
