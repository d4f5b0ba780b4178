#!/usr/bin/env python3
"""Time face detection beside facenet-pytorch's own MTCNN, and count what each way finds.

Four ways over the same frames, decoded beforehand, by turns so that a machine that slows down slows
all of them; the first round is not counted:

- ``mtcnn_full``: ``facenet_pytorch.MTCNN.detect`` on every whole frame, as most programs use it;
- ``mtcnn_small``: the same on the thumbnails that this program looks at;
- ``cascade_small``: the batched cascade on those thumbnails, every frame;
- ``stage_auto``: what the converter runs: a full detection now and then, faces followed in between.

    scripts/bench_detect.py samples/astronaut.mp4 --height 1080 > detect.json

Then the tracks of detecting in every frame are held against those of ``stage_auto``, and MTCNN's
single detections at its own thresholds against the tracks: the share of track faces they see
(``recall``) and what they see beside them in a thousand frames (``beside``). Prints one
JSON object.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from held_frames import as_decoded, read

from facemask_video import __version__
from facemask_video.config import DetectConfig, TrackConfig
from facemask_video.core.faces import Detection, TrackedFace
from facemask_video.core.geometry import iou
from facemask_video.detect.build import build_detector
from facemask_video.detect.cascade import CascadeDetector
from facemask_video.detect.facenet_mtcnn import MtcnnDetector
from facemask_video.detect.size import detect_size_px, to_frame_px
from facemask_video.detect.stage import DetectFaces
from facemask_video.track import TrackFaces
from facemask_video.video import NativeFrame

SAME_FACE = 0.3


def main() -> None:
    """Read the command line, run, print."""
    arguments = parse_arguments()
    device = torch.device(arguments.device)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    frames = read(arguments.clip, n_frames=arguments.frames, height_px=arguments.height)
    decoded = [as_decoded(frame) for frame in frames]
    width_px, height_px = frames[0].width_px, frames[0].height_px
    size_px = detect_size_px(width_px, height_px, min_face_px=arguments.min_face)
    scale = min(1.0, size_px / max(width_px, height_px))
    smallest = {"full": arguments.min_face, "small": max(12.0, arguments.min_face * scale)}
    full = MtcnnDetector(device=device, threshold=0.7, min_face_px=smallest["full"])
    small = MtcnnDetector(device=device, threshold=0.7, min_face_px=smallest["small"])
    cascade = CascadeDetector(device=device, threshold=0.7, min_face_px=smallest["small"])
    looking = build_detector(device=device, min_face_px=smallest["small"])

    def by_thumbnail(detector: MtcnnDetector | CascadeDetector) -> list[tuple[Detection, ...]]:
        found = []
        for first in range(0, len(frames), arguments.batch):
            part = [frame.thumbnail(size_px) for frame in decoded[first : first + arguments.batch]]
            each = detector.detect([image for image, _ in part])
            found += [to_frame_px(one, at) for one, (_, at) in zip(each, part, strict=True)]
        return found

    ways: dict[str, Callable[[], Any]] = {
        "mtcnn_full": lambda: [full.detect([frame.image])[0] for frame in frames],
        "mtcnn_small": lambda: by_thumbnail(small),
        "cascade_small": lambda: by_thumbnail(cascade),
        "stage_auto": lambda: list(
            DetectFaces(looking, max_side_px=size_px, detect_every=0)(decoded)
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, Any] = {}
    for turn in range(arguments.runs + 1):
        for name, run in ways.items():
            started, worked = time.perf_counter(), time.process_time()
            results[name] = run()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn:
                times[name].append(1e3 * (time.perf_counter() - started) / len(frames))
                processor[name].append(1e3 * (time.process_time() - worked) / len(frames))

    auto = tracks_of(decoded, looking, size_px, every=0)
    every = tracks_of(decoded, looking, size_px, every=1)
    # Processor time where the processor does all: others at work on the machine do not add to it.
    base = statistics.median((processor if device.type == "cpu" else times)["mtcnn_full"])
    report = {
        "clip": arguments.clip.name,
        "frames": len(frames),
        "width_px": width_px,
        "height_px": height_px,
        "detect_size_px": size_px,
        "ms_per_frame": {name: spread(values) for name, values in times.items()},
        "processor_ms_per_frame": {name: spread(values) for name, values in processor.items()},
        "of_mtcnn_full": {
            name: round(statistics.median(values) / base, 4)
            for name, values in (processor if device.type == "cpu" else times).items()
        },
        "full_looks": sum(item.detector_ran for item in results["stage_auto"]),
        "faces_every_frame": sum(len(faces) for faces in every),
        "faces_auto": sum(len(faces) for faces in auto),
        "missed_by_auto": sum(unmatched(a, b) for a, b in zip(every, auto, strict=True)),
        "mtcnn_single_looks": single_looks(results["mtcnn_small"], every),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "facemask_video": __version__,
    }
    print(json.dumps(report, indent=2))


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", type=int, default=60, help="frames read (60)")
    parser.add_argument("--height", type=int, help="resize the frames to this height")
    parser.add_argument("--min-face", type=float, default=35.0, help="in frame px (35)")
    parser.add_argument("--batch", type=int, default=8, help="frames a batch (8)")
    parser.add_argument("--runs", type=int, default=3, help="counted rounds (3)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="of torch on the processor")
    return parser.parse_args()


def tracks_of(
    frames: Sequence[NativeFrame], detector: CascadeDetector, size_px: int, *, every: int
) -> list[tuple[TrackedFace, ...]]:
    """Return the believed faces of each frame."""
    detect = DetectFaces(detector, max_side_px=size_px, detect_every=every)
    return [item.faces for item in TrackFaces(TrackConfig(), DetectConfig())(detect(frames))]


def unmatched(wanted: Sequence[TrackedFace], found: Sequence[TrackedFace | Detection]) -> int:
    """Count the faces of one list that have no counterpart in the other."""
    return sum(not any(iou(a.box, b.box) > SAME_FACE for b in found) for a in wanted)


def single_looks(
    looks: Sequence[Sequence[Detection]], tracks: Sequence[Sequence[TrackedFace]]
) -> dict[str, float]:
    """Hold single looks against the tracks."""
    n_faces = sum(len(faces) for faces in tracks)
    pairs = list(zip(tracks, looks, strict=True))
    missed = sum(unmatched(faces, found) for faces, found in pairs)
    beside = sum(
        not any(iou(one.box, face.box) > SAME_FACE for face in faces)
        for faces, found in pairs
        for one in found
    )
    return {
        "recall": round(1 - missed / max(1, n_faces), 4),
        "beside": round(1000 * beside / len(looks), 1),
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median and interquartile range."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {"median": round(float(middle), 2), "iqr": round(float(high - low), 2)}


if __name__ == "__main__":
    main()
