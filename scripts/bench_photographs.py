#!/usr/bin/env python3
"""Count the photographs whose face a conversion with default options works on.

DATA holds faces_masked and faces_unmasked, each with a manifest.csv that gives a face's box. Faces
are found and judged as ``facemask-video PICTURE`` does; nothing is painted.

    scripts/bench_photographs.py DATA --split validation
    scripts/bench_photographs.py DATA --split validation --detector mtcnn --list lost.csv

``--as clip`` shows each as a frame of a video, which is not padded and has a tracker's thresholds;
``--face 24`` reduces photographs until the face is so wide, on a grey ground, and ``--margin 0.1``
cuts them to that share of the face's longer side around it, as close crops are.

Prints a JSON object a folder and one for each domain. ``translated`` is the share of photographs
whose face is found and judged to be what it is: `unmask` works on the masked ones, `mask` on bare
ones. Those lost are counted by what loses them: ``unseen``, no detection at all; ``doubted``, only
detections below the threshold; ``small``, below --min-face; ``misjudged``, by the mask classifier.
``beside`` are believed detections that are not the face, in a thousand photographs; some are other
people.
"""

import argparse
import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch

from facemask_video.align.crop import align_face_in_image
from facemask_video.classify.mask_classifier import MaskClassifier, default_mask_classifier
from facemask_video.classify.stage import SOURCE_DOMAIN, is_worked_on
from facemask_video.config import ConvertConfig, DetectConfig
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.direction import Direction
from facemask_video.core.faces import Detection, TrackedFace
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box, iou
from facemask_video.core.pictures import read_picture
from facemask_video.detect.build import DETECTORS
from facemask_video.detect.single_image import find_in_picture
from facemask_video.detect.size import detect_size_px
from facemask_video.detect.stage import DetectFaces
from facemask_video.pipeline.picture import picture_detector
from facemask_video.track import TrackFaces
from trainers.data.splits import SPLITS, read_sources, source_of, split_of

CPU = torch.device("cpu")
SAME_FACE = 0.3
GROUND_PX = 256
WHOLE_FOLDERS = ("andrewmvd", "visiont3lab")
DIRECTIONS = {"faces_masked": Direction.UNMASK, "faces_unmasked": Direction.MASK}
SEGMENTATIONS = "cmfd_seg"
Faces = Sequence[Detection | TrackedFace]
OUTCOMES = ("translated", "unseen", "doubted", "misjudged")


def main() -> None:
    """Read the command line, look, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("data", type=Path, help="holds faces_masked and faces_unmasked")
    parser.add_argument("--split", choices=SPLITS, default="validation")
    parser.add_argument("--folders", default="", metavar="A,B", help="only these (all)")
    parser.add_argument("--sample", type=int, default=0, help="most of a folder (all)")
    parser.add_argument("--as", dest="way", choices=("picture", "clip"), default="picture")
    parser.add_argument("--face", type=float, default=0.0, metavar="PX", help="width (as it is)")
    parser.add_argument("--margin", type=float, help="about the face, of its side (as it is)")
    parser.add_argument(
        "--min-face", type=float, default=DetectConfig().min_face_px, help="as of a conversion"
    )
    parser.add_argument("--detector", choices=DETECTORS, default=DetectConfig().detector)
    parser.add_argument("--list", type=Path, metavar="CSV", help="write what became of each")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    detect = DetectConfig(min_face_px=asked.min_face, detector=asked.detector)
    config = ConvertConfig(Direction.UNMASK, detect=detect)
    looker = Looker(config, asked.way)
    lines: list[tuple[str, str, float, int]] = []
    for domain, direction in DIRECTIONS.items():
        totals: Counter[str] = Counter()
        for folder, photographs in sorted(listed(asked.data / domain, asked.split).items()):
            if asked.folders and folder not in asked.folders.split(","):
                continue
            counts: Counter[str] = Counter()
            for photograph in thinned(photographs, asked.sample):
                picture, face = shown(photograph, margin=asked.margin, face_px=asked.face)
                outcome, score, beside = looker.look(picture, face, direction)
                counts.update({"n": 1, outcome: 1, "beside": beside})
                lines.append((f"{domain}/{photograph.name}", outcome, score, beside))
            totals.update(counts)
            print(json.dumps({"folder": f"{domain}/{folder}", **row(counts)}), flush=True)
        if totals["n"]:
            print(json.dumps({"folder": domain, **row(totals)}), flush=True)
    if asked.list:
        with asked.list.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("file", "outcome", "score", "beside"), *lines])


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph of one person: its path, its name in the manifest, and the face's box."""

    path: Path
    name: str
    face: Box


def listed(folder: Path, split: str) -> dict[str, list[Photograph]]:
    """Return the photographs of a split, by the folder that they lie in."""
    sources = read_sources(folder)
    found = defaultdict(list)
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            name = line["file"]
            known = sources[f"{folder.name}/{name}"]
            place = name.partition("/")[0]
            source = source_of(f"{folder.name}/{name}", known, whole_folders=WHOLE_FOLDERS)
            if place != SEGMENTATIONS and split_of(source) == split:
                x, y, width, height = (float(line[f"box_{key}"]) for key in "xywh")
                box = Box(x, y, x + width, y + height)
                found[place].append(Photograph(folder / name, name, box))
    return found


def thinned(photographs: Sequence[Photograph], most: int) -> Iterator[Photograph]:
    """Yield so many photographs, evenly taken; all for 0."""
    picks = np.linspace(0, len(photographs) - 1, min(most or len(photographs), len(photographs)))
    for pick in picks.astype(int):
        yield photographs[pick]


class Looker:
    """Finds and judges faces as a conversion does."""

    def __init__(self, config: ConvertConfig, way: str) -> None:
        """Load the networks."""
        self._config, self._way = config, way
        self._of_pictures = picture_detector(config, CPU)
        self._classifier = MaskClassifier.load(default_mask_classifier(), device=CPU)

    def look(self, picture: ImageU8, face: Box, direction: Direction) -> tuple[str, float, int]:
        """Return what becomes of a photograph, its face's score, and how much is seen beside."""
        find = self._in_picture if self._way == "picture" else self._in_clip
        every, believed = find(picture)
        wanted = max(every, key=lambda each: iou(each.box, face), default=None)
        if wanted is not None and iou(wanted.box, face) <= SAME_FACE:
            wanted = None
        hits = [each for each in believed if iou(each.box, face) > SAME_FACE]
        beside = len(believed) - min(len(hits), 1)
        if wanted is None:
            return "unseen", 0.0, beside
        if not hits:
            return "doubted", wanted.score, beside
        crop, _ = align_face_in_image(picture, hits[0].landmarks, self._classifier.crop_size_px)
        (masked,) = self._classifier.masked_scores([crop])
        domain, score = ("masked", masked) if masked > 0.5 else ("bare", 1 - masked)
        is_right = is_worked_on(domain, score, wanted=SOURCE_DOMAIN[direction])
        return "translated" if is_right else "misjudged", wanted.score, beside

    def _in_picture(self, picture: ImageU8) -> tuple[Faces, Faces]:
        """Return all faces that are seen in a picture, and those that are believed."""
        detect = self._config.detect
        every = find_in_picture(picture, self._of_pictures, min_face_px=detect.min_face_px)
        return every, [face for face in every if face.score >= detect.threshold]

    def _in_clip(self, picture: ImageU8) -> tuple[Faces, Faces]:
        """Return the same of a clip that shows a picture in its only frame."""
        detect = self._config.detect
        frame = ArrayFrame(picture, 0, 0, Fraction(1, 25))
        size_px = detect_size_px(frame.width_px, frame.height_px, min_face_px=detect.min_face_px)
        stage = DetectFaces(self._of_pictures, max_side_px=size_px, detect_every=detect.every)
        (seen,) = stage([frame])
        (tracked,) = TrackFaces(self._config.track, detect)([seen])
        return seen.detections, tracked.faces


def shown(photograph: Photograph, *, margin: float | None, face_px: float) -> tuple[ImageU8, Box]:
    """Return a photograph as it is looked at, and the box of its face there."""
    picture, box = read_picture(photograph.path), photograph.face
    if margin is not None:
        reach = margin * max(box.width_px, box.height_px)
        x0, y0 = (max(0, round(edge - reach)) for edge in (box.x0, box.y0))
        picture = picture[y0 : round(box.y1 + reach), x0 : round(box.x1 + reach)]
        box = Box(box.x0 - x0, box.y0 - y0, box.x1 - x0, box.y1 - y0)
    if face_px:
        scale = face_px / box.width_px
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        edges = (max(0, GROUND_PX - side) for side in small.shape[:2])
        (top, bottom), (left, right) = ((edge // 2, edge - edge // 2) for edge in edges)
        border = (top, bottom, left, right)
        picture = np.asarray(
            cv2.copyMakeBorder(small, *border, cv2.BORDER_CONSTANT, value=(128, 128, 128)), np.uint8
        )
        box = Box(*(scale * edge for edge in (box.x0, box.y0, box.x1, box.y1)))
        box = Box(box.x0 + left, box.y0 + top, box.x1 + left, box.y1 + top)
    return np.ascontiguousarray(picture), box


def row(counts: Counter[str]) -> dict[str, float]:
    """Return shares of a count."""
    n = counts["n"]
    shares = {name: round(counts[name] / n, 4) for name in OUTCOMES}
    return {"n": n, **shares, "beside_per_1000": round(1000 * counts["beside"] / n, 1)}


if __name__ == "__main__":
    main()
