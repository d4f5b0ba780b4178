#!/usr/bin/env python3
"""Count the faces that are found, missed and made up, on clips and on photographs.

Each clip is looked at three ways, and each photograph, one face in it, the first and the last way:

- ``mtcnn``: single looks with MTCNN's own thresholds (0.6, 0.7, 0.7), nothing followed;
- ``every``: what the converter finds with ``--detect-every 1``;
- ``auto``: what it finds with ``--detect-every auto``, its default.

    scripts/bench_recall.py FOLDER-OF-CLIPS --sheets sheets --false clip.mp4:3 > recall.json
    scripts/bench_recall.py --pictures FOLDER --sample 300 --face 60

For a clip, ``missed`` are the frames in which ``auto`` has no face where ``every`` has one, and
``recall`` is the share of all face-frames, those of ``every`` and ``auto`` together, that a way
sees. ``--sheets`` writes pictures of each track, of each frame missed and of what MTCNN sees beside
the tracks, to be judged by eye; tracks judged to be no face are named with ``--false``, those of
``every`` that ``auto`` misses with ``--false-every``, and then count as false positives. What MTCNN
sees beside the true tracks counts as false too.
"""

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch

from facemask_video.config import DetectConfig, TrackConfig
from facemask_video.core import geometry
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.faces import Detection, TrackedFace
from facemask_video.core.frame import Frame, ImageU8
from facemask_video.core.geometry import Box, iou
from facemask_video.detect.build import DETECTORS, build_detector
from facemask_video.detect.cascade import CascadeDetector
from facemask_video.detect.detector import Detector, RegionDetector
from facemask_video.detect.rotation import QUARTER_TURNS
from facemask_video.detect.size import detect_size_px, to_frame_px
from facemask_video.detect.stage import DetectFaces
from facemask_video.track import TrackFaces
from facemask_video.video import VideoReader

SAME_FACE = 0.3
MIN_FACE_PX = 35.0
CPU = torch.device("cpu")
TILE_PX, TILES = 96, 12
CANVAS_PX = 256


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("clips", type=Path, nargs="*", help="clips, or folders of them")
    parser.add_argument("--sheets", type=Path, help="folder for pictures to judge by eye")
    parser.add_argument(
        "--false", action="append", default=[], metavar="CLIP:ID", help="track that is no face"
    )
    parser.add_argument(
        "--false-every", action="append", default=[], metavar="CLIP:ID", help="likewise, of every"
    )
    parser.add_argument("--pictures", type=Path, help="folder of photographs, one face in each")
    parser.add_argument("--sample", type=int, default=300, help="photographs taken (300)")
    parser.add_argument("--face", type=int, default=60, help="width of a photograph's face (60)")
    parser.add_argument("--roll", type=float, default=0.0, help="turn photographs by degrees (0)")
    parser.add_argument(
        "--turned", choices=QUARTER_TURNS, default="off", help="as of a conversion (off)"
    )
    parser.add_argument(
        "--detector", choices=DETECTORS, default=DetectConfig().detector, help="likewise"
    )
    arguments = parser.parse_args()
    if arguments.pictures:
        finders = Finders.of(
            CANVAS_PX, CANVAS_PX, turned=arguments.turned, detector=arguments.detector
        )
        report = photographs(
            finders, arguments.pictures, arguments.sample, arguments.face, arguments.roll
        )
        print(json.dumps(report))
    total: dict[str, float] = defaultdict(float)
    for clip in listed(arguments.clips):
        seen = Seen(clip, arguments.turned, arguments.detector)
        row = seen.counts(
            named(arguments.false, clip), wrong_every=named(arguments.false_every, clip)
        )
        print(json.dumps({"clip": clip.name, **row}), flush=True)
        for key, value in row.items():
            total[key] += value
        if arguments.sheets:
            seen.draw(arguments.sheets)
    if total:
        print(json.dumps({"clip": "all", **total, **rates(total)}))


def listed(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the files named and those of the folders named."""
    for path in paths:
        yield from sorted(path.iterdir()) if path.is_dir() else [path]


def named(tracks: Sequence[str], clip: Path) -> set[int]:
    """Return the numbers of a clip's tracks among those named."""
    return {int(text.split(":")[1]) for text in tracks if text.startswith(clip.name)}


def rates(total: dict[str, float]) -> dict[str, float]:
    """Return recall and false positives in a thousand frames."""
    faces, frames = max(total["faces"], 1), max(total["frames"], 1)
    return {
        **{f"recall_{way}": round(total[f"true_{way}"] / faces, 4) for way in WAYS},
        **{
            f"false_per_1000_{way}": round(1000 * total[f"false_{way}"] / frames, 2) for way in WAYS
        },
    }


WAYS = ("mtcnn", "every", "auto")


@dataclass
class Finders:
    """What looks, for frames of one size."""

    size_px: int
    plain: CascadeDetector
    looking: RegionDetector

    @classmethod
    def of(
        cls,
        width_px: int,
        height_px: int,
        *,
        min_face_px: float = MIN_FACE_PX,
        turned: str = "off",
        detector: str = DetectConfig().detector,
    ) -> "Finders":
        """Load them as a conversion would."""
        size_px = detect_size_px(width_px, height_px, min_face_px=min_face_px)
        smallest = max(12.0, min_face_px * min(1.0, size_px / max(width_px, height_px)))
        plain = CascadeDetector(device=CPU, threshold=0.7, min_face_px=smallest)
        looking = build_detector(
            device=CPU,
            min_face_px=smallest,
            quarter_turns=QUARTER_TURNS[turned],
            detector=detector,
        )
        return cls(size_px, plain, looking)

    def tracks(self, frames: Iterable[Frame], *, every: int) -> list[tuple[TrackedFace, ...]]:
        """Return the faces of each frame as a conversion finds them."""
        detect = DetectFaces(self.looking, max_side_px=self.size_px, detect_every=every)
        return [item.faces for item in TrackFaces(TrackConfig(), DetectConfig())(detect(frames))]

    def singles(self, frames: Iterable[Frame], detector: Detector) -> list[tuple[Detection, ...]]:
        """Return what single looks see."""
        found = []
        for frame in frames:
            image, scale = frame.thumbnail(self.size_px)
            seen = to_frame_px(detector.detect([image])[0], scale)
            # A track, too, begins with a face of that size only.
            found.append(tuple(face for face in seen if face.box.area_px2 >= MIN_FACE_PX**2))
        return found


@dataclass
class Seen:
    """A clip and what each way sees in each of its frames."""

    clip: Path
    turned: str = "off"
    detector: str = DetectConfig().detector
    mtcnn: list[tuple[Detection, ...]] = field(default_factory=list)
    every: list[tuple[TrackedFace, ...]] = field(default_factory=list)
    auto: list[tuple[TrackedFace, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Look."""
        with VideoReader(self.clip) as reader:
            info = reader.info
            finders = Finders.of(
                info.width_px, info.height_px, turned=self.turned, detector=self.detector
            )
            self.mtcnn = finders.singles(reader, finders.plain)
        for every in (1, 0):
            with VideoReader(self.clip) as reader:
                found = finders.tracks(reader, every=every)
            if every:
                self.every = found
            else:
                self.auto = found

    def missed(self) -> dict[int, list[tuple[int, Box]]]:
        """Return, by track, frame and box of each face that only looking at every frame finds."""
        missed: dict[int, list[tuple[int, Box]]] = defaultdict(list)
        for index, (wanted, found) in enumerate(zip(self.every, self.auto, strict=True)):
            for face in wanted:
                if unmatched([face], found):
                    missed[face.track_id].append((index, face.box))
        return missed

    def beside(self) -> list[tuple[int, Box]]:
        """Return frame and box of each single look's face that no track has."""
        return [
            (index, face.box)
            for index, found in enumerate(self.mtcnn)
            for face in unmatched(found, [*self.every[index], *self.auto[index]])
        ]

    def counts(self, wrong: set[int], *, wrong_every: set[int]) -> dict[str, float]:
        """Return the clip's numbers; ``wrong`` are the tracks of ``auto`` that are no faces."""
        missed = self.missed()
        false = [
            [face for face in auto if face.track_id in wrong]
            + [face for face in every if face.track_id in wrong_every]
            for auto, every in zip(self.auto, self.every, strict=True)
        ]
        row: dict[str, float] = {
            "frames": len(self.auto),
            "tracks": len({face.track_id for faces in self.auto for face in faces}),
            "faces_every": sum(map(len, self.every)),
            "faces_auto": sum(map(len, self.auto)),
            "missed": sum(len(missed[track_id]) for track_id in missed.keys() - wrong_every),
            "faces": 0,
        }
        for index, wrong_here in enumerate(false):
            both = [*self.auto[index], *unmatched(self.every[index], self.auto[index])]
            faces = unmatched(both, wrong_here)
            row["faces"] += len(faces)
            for way in WAYS:
                found = getattr(self, way)[index]
                lost, made_up = len(unmatched(faces, found)), len(unmatched(found, faces))
                row[f"true_{way}"] = row.get(f"true_{way}", 0) + len(faces) - lost
                row[f"false_{way}"] = row.get(f"false_{way}", 0) + made_up
        return row

    def draw(self, folder: Path) -> None:
        """Write sheets of tracks, of misses and of what single looks see beside the tracks."""
        folder.mkdir(parents=True, exist_ok=True)
        wanted: dict[str, list[tuple[int, Box]]] = defaultdict(list)
        for index, faces in enumerate(self.auto):
            for face in faces:
                wanted[f"track{face.track_id}"].append((index, face.box))
        for name, places in wanted.items():
            picks = np.linspace(0, len(places) - 1, min(TILES, len(places))).astype(int)
            wanted[name] = [places[pick] for pick in picks]
        for track_id, places in self.missed().items():
            wanted[f"missed{track_id}"] = places[:36]
        wanted["beside"] = self.beside()[:36]
        tiles: dict[str, list[ImageU8]] = defaultdict(list)
        with VideoReader(self.clip) as reader:
            for index, frame in enumerate(reader):
                for name, places in wanted.items():
                    tiles[name] += [tile(frame, box, index) for at, box in places if at == index]
        rows = []
        for name, row in tiles.items():
            for first in range(0, len(row), TILES):
                label = np.full((TILE_PX, TILE_PX, 3), 40, np.uint8)
                lettered(label, name)
                line = [label, *row[first : first + TILES]]
                line += [np.zeros_like(label)] * (TILES + 1 - len(line))
                rows.append(np.hstack(line))
        if rows:
            cv2.imwrite(str(folder / f"{self.clip.name}.png"), np.vstack(rows)[:, :, ::-1])


def tile(frame: Frame, box: Box, index: int) -> ImageU8:
    """Return a small picture of a place, with the frame's number."""
    side = max(box.width_px, box.height_px)
    x, y = box.center
    around = geometry.round_out(Box(x - side, y - side, x + side, y + side))
    small = cv2.resize(frame.read_region(around), (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA)
    lettered(small, str(index))
    return np.asarray(small, dtype=np.uint8)


def lettered(image: ImageU8, text: str) -> None:
    """Write on a picture."""
    cv2.putText(image, text, (2, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 0), 1)


def unmatched(
    wanted: Sequence[TrackedFace | Detection], found: Sequence[TrackedFace | Detection]
) -> list[TrackedFace | Detection]:
    """Return the faces of one list that have no counterpart in the other."""
    return [a for a in wanted if not any(iou(a.box, b.box) > SAME_FACE for b in found)]


def photographs(
    finders: Finders, folder: Path, sample: int, face_px: int, roll: float
) -> dict[str, float | str]:
    """Count photographs whose face is found, shown small in the middle of a grey frame.

    The manifest above them gives each face's box. To ``auto`` a photograph is a clip of one frame,
    of which its tracker asks no more than of a shot as short. ``look`` counts what a look reports,
    however weak: enough to keep a track, though not to begin one.
    """
    with (folder.parent / "manifest.csv").open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["file"].startswith(folder.name)]
    lines = lines[:: max(1, len(lines) // sample)][:sample]
    kinds = [f"{kind}_{way}" for way in ("mtcnn", "look", "auto") for kind in ("found", "beside")]
    row: dict[str, float] = dict.fromkeys(kinds, 0)
    for line in lines:
        frame, truth = on_grey(folder.parent, line, face_px, roll)
        ways = {
            "mtcnn": finders.singles([frame], finders.plain),
            "look": finders.singles([frame], finders.looking),
            "auto": finders.tracks([frame], every=0),
        }
        for way, (found,) in ways.items():
            hits = sum(bool(iou(face.box, truth) > SAME_FACE) for face in found)
            row[f"found_{way}"] += min(hits, 1)
            row[f"beside_{way}"] += len(found) - hits
    recall = {
        f"recall_{way}": round(row[f"found_{way}"] / len(lines), 4)
        for way in ("mtcnn", "look", "auto")
    }
    return {"pictures": folder.name, "n": len(lines), "roll": roll, **row, **recall}


def on_grey(
    folder: Path, line: dict[str, str], face_px: int, roll: float
) -> tuple[ArrayFrame, Box]:
    """Return a photograph as a frame, turned by degrees, and the square about its face."""
    picture = cv2.cvtColor(cv2.imread(str(folder / line["file"])), cv2.COLOR_BGR2RGB)
    x, y, width, height = (float(line[f"box_{key}"]) for key in "xywh")
    scale, middle = face_px / width, CANVAS_PX / 2
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    centre = scale * (x + width / 2), scale * (y + height / 2)
    turn = cv2.getRotationMatrix2D(centre, roll, 1.0)
    turn[:, 2] += middle - np.array(centre)
    image = cv2.warpAffine(small, turn, (CANVAS_PX, CANVAS_PX), borderValue=(128, 128, 128))
    half = np.array([1, height / width]) * face_px / 2
    if roll:
        half[:] = half.mean()
    pixels = np.asarray(image, dtype=np.uint8)
    return ArrayFrame(pixels, 0, 0, Fraction(1, 25)), Box(*(middle - half), *(middle + half))


if __name__ == "__main__":
    main()
