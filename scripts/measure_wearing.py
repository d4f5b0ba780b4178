#!/usr/bin/env python3
"""Hold what extract says of masks against labels by eye of how they are worn.

    scripts/measure_wearing.py DATA

DATA is the folder of the labelled sets (tests/extract/README.md). Finds the face in each picture
and frame, crops it, and prints what the eye said against what the mask classifier and the
segmentation say together: bare, or masked right or wrong; and the share of each label that is
told rightly, with its interval (Wilson, 95 %). For a held mask no answer is right.
"""

import argparse
import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from facemask_video.align.crop import align_face_in_image  # noqa: E402 - found by the path
from facemask_video.classify.mask_classifier import (  # noqa: E402
    MaskClassifier,
    default_mask_classifier,
)
from facemask_video.core import geometry  # noqa: E402
from facemask_video.core.faces import Detection  # noqa: E402
from facemask_video.core.frame import ImageU8  # noqa: E402
from facemask_video.core.geometry import Box  # noqa: E402
from facemask_video.core.pictures import try_read_picture  # noqa: E402
from facemask_video.detect.single_image import find_main_face  # noqa: E402
from facemask_video.extract.curate import LEFT_BARE  # noqa: E402
from facemask_video.extract.mask_coverage import MaskSegmenter, mask_coverage  # noqa: E402
from facemask_video.video import VideoReader  # noqa: E402
from trainers.data.detector import photograph_detector  # noqa: E402
from trainers.evaluate.real_or_fake import wilson_interval  # noqa: E402

LABELS = ROOT / "tests" / "extract" / "labels_wearing.csv"
_SIZE_PX = 256
_LABELS = ("bare", "right", "wrong", "held")
_SAID = ("bare", "right", "wrong", "no face")


def faces(
    data: Path, rows: list[dict[str, str]]
) -> Iterator[tuple[str, ImageU8 | None, Detection | None]]:
    """Yield what each label says, its picture, and the face in it; None where none is found."""
    detector = photograph_detector(torch.device("cpu"))
    clips: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        if row["time_s"]:
            clips[row["source"]].append(row)
            continue
        picture = try_read_picture(data / row["source"])
        yield (
            row["wearing"],
            picture,
            None if picture is None else find_main_face(picture, detector),
        )
    for name, labelled in clips.items():
        with VideoReader(data / name) as reader:
            for frame in reader:
                time_s = frame.pts * frame.time_base
                here = [r for r in labelled if abs(Fraction(r["time_s"]) - time_s) < 0.001]
                if not here:
                    continue
                picture = frame.read_region(Box(0, 0, frame.width_px, frame.height_px))
                found = detector.detect([picture])[0]
                for row in here:
                    place = np.array((float(row["x"]), float(row["y"])))
                    near = [
                        face
                        for face in found
                        if np.hypot(*(np.array(face.box.center) - place))
                        < np.sqrt(face.box.area_px2) / 2
                    ]
                    yield row["wearing"], picture, near[0] if near else None


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    given = parser.parse_args()
    cpu = torch.device("cpu")
    classifier = MaskClassifier.load(default_mask_classifier(), device=cpu)
    segmenter = MaskSegmenter(cpu)
    with LABELS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    counts: Counter[tuple[str, str]] = Counter()
    for label, picture, face in faces(given.data, rows):
        if picture is None or face is None:
            counts[label, "no face"] += 1
            continue
        crop, to_crop = align_face_in_image(picture, face.landmarks, _SIZE_PX)
        said = "bare"
        if classifier.masked_scores([crop])[0] > 0.5:
            points = geometry.apply(to_crop, face.landmarks) / _SIZE_PX
            covered = mask_coverage(segmenter.segment([crop])[0], points)
            least = min(covered.nose_covered, covered.chin_covered)
            said = "wrong" if least < LEFT_BARE else "right"
        counts[label, said] += 1
    print(f"| by eye | {' | '.join(_SAID)} | told rightly |\n| --- |{' --- |' * (len(_SAID) + 1)}")
    for label in _LABELS:
        number = [counts[label, said] for said in _SAID]
        seen = sum(number[:-1])
        rightly = "-"
        if label in _SAID and seen:
            share = counts[label, label] / seen
            low, high = wilson_interval(share, seen, 0.0)
            rightly = f"{share:.0%} ({low:.0%} to {high:.0%})"
        print(f"| {label} | {' | '.join(str(n) for n in number)} | {rightly} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
