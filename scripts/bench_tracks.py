#!/usr/bin/env python3
"""Hold tracks against drawn ground truth: how far off, how steady and how late they are.

A frame of a clip with one face is moved under a camera along a known path: it gathers speed at a
constant rate, comes nearer and turns, by parts of a pixel, and sensor noise is added to each frame.
Found by the cascade and followed with and without smoothing, at 24, 30 and 60 frames a second and
at a variable rate.

    scripts/bench_tracks.py samples/astronaut.mp4

Prints one JSON object. ``error_px`` is the root mean square distance of the middle of the eyes from
where it was drawn, ``jitter`` the root mean square change of that error from frame to frame as a
part of the unsmoothed track's, ``lag_frames`` where the correlation of track and truth peaks. The
detector's own idea of where the eyes are is what it says of still pictures, on the average.
"""

import argparse
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from held_frames import read
from numpy.typing import NDArray

from facemask_video.config import DetectConfig, TrackConfig
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.faces import TrackedFrame
from facemask_video.detect.build import DETECTORS, build_detector
from facemask_video.detect.size import detect_size_px
from facemask_video.detect.stage import DetectFaces
from facemask_video.track import TrackFaces

RATES = ("24", "30", "60", "vfr")
TIME_BASE = Fraction(1, 90_000)
WIDTH_PX, HEIGHT_PX = 960, 540
MIN_FACE_PX = 35.0
FARTHEST_LAG = 10


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("clip", type=Path, help="its first frame shows one face")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each path (3)")
    parser.add_argument("--noise", type=float, default=3.0, help="of the sensor, of 255 (3)")
    parser.add_argument(
        "--acceleration", type=float, default=1.0, help="face widths a second squared (1)"
    )
    parser.add_argument("--detector", choices=DETECTORS, default=DetectConfig().detector)
    arguments = parser.parse_args()
    (still,) = read(arguments.clip, n_frames=1)
    scene = Scene(still, noise=arguments.noise, detector=arguments.detector)
    report = {
        rate: measure(scene, times(rate, arguments.seconds), arguments.acceleration)
        for rate in RATES
    }
    print(json.dumps({"face_px": round(scene.face_px, 1), **report}, indent=2))


class Scene:
    """A picture with one face, seen by a camera that moves."""

    def __init__(self, still: ArrayFrame, *, noise: float, detector: str) -> None:
        """Find the face, and where the detector has its eyes on the average."""
        self._picture, self._noise = still.image, noise
        self._rng = np.random.default_rng(7)
        self.size_px = detect_size_px(WIDTH_PX, HEIGHT_PX, min_face_px=MIN_FACE_PX)
        self.detector = build_detector(
            device=torch.device("cpu"),
            min_face_px=MIN_FACE_PX * self.size_px / WIDTH_PX,
            detector=detector,
        )
        (face,) = self.detector.detect([self._picture])[0]
        self._face = np.array(face.box.center)
        self.face_px = face.box.width_px
        shifts = np.array([WIDTH_PX / 2, HEIGHT_PX / 2]) + self._rng.uniform(-3, 3, (60, 2))
        shots = [self.shot(index, index / 30, at) for index, at in enumerate(shifts)]
        seen = [eyes(item) for item in follow(self, shots, smoothing="none", every=1)]
        self._eyes = np.mean(np.array(seen) - shifts, axis=0)

    def shot(
        self, index: int, time_s: float, at: NDArray[np.float64], grown: float = 1, roll: float = 0
    ) -> ArrayFrame:
        """Return a frame with the face's centre at a place, enlarged and turned about it."""
        turn = grown * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        # Pixel centres lie at halves.
        shift = at - turn @ self._face + (turn @ [0.5, 0.5] - 0.5)
        image = cv2.warpAffine(
            self._picture,
            np.column_stack([turn, shift]),
            (WIDTH_PX, HEIGHT_PX),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        noisy = image + self._rng.normal(0, self._noise, image.shape)
        pixels = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        return ArrayFrame(pixels, index, round(time_s / TIME_BASE), TIME_BASE)

    def eyes_at(self, at: NDArray[np.float64], grown: float, roll: float) -> NDArray[np.float64]:
        """Return where the middle of the eyes is drawn."""
        turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        return at + grown * turn @ self._eyes


def times(rate: str, seconds: float) -> list[float]:
    """Return frame times at a constant rate, or at a variable one for ``vfr``."""
    if rate != "vfr":
        return [index / float(rate) for index in range(int(seconds * float(rate)))]
    steps = np.random.default_rng(5).choice([1 / 60, 1 / 30, 1 / 24, 1 / 15], 200)
    at_s = np.cumsum(steps) - steps[0]
    return [float(each) for each in at_s[at_s < seconds]]


def measure(scene: Scene, at_s: list[float], acceleration: float) -> dict[str, float]:
    """Draw a path at given times, follow it, and hold the track against it."""
    shots, truth = [], []
    for index, t in enumerate(at_s):
        x = 250 + 10 * t + 0.5 * acceleration * scene.face_px * t * t
        at, grown, roll = np.array([x, 270 + 11 * t]), float(np.exp(0.08 * t)), 0.08 * t - 0.1
        shots.append(scene.shot(index, t, at, grown, roll))
        truth.append(scene.eyes_at(at, grown, roll))
    path = np.array(truth)
    raw, steady = (
        np.array([eyes(item) for item in follow(scene, shots, smoothing=smoothing)])
        for smoothing in ("none", "kalman")
    )
    jitter = [np.linalg.norm(np.diff(track - path, axis=0)) for track in (steady, raw)]
    return {
        "frames": len(at_s),
        "error_px": round(float(np.sqrt(((steady - path) ** 2).sum(axis=1).mean())), 3),
        "error_unsmoothed_px": round(float(np.sqrt(((raw - path) ** 2).sum(axis=1).mean())), 3),
        "jitter": round(float(jitter[0] / jitter[1]), 3),
        "lag_frames": lag_frames(steady[:, 0], path[:, 0]),
    }


def follow(
    scene: Scene, shots: list[ArrayFrame], *, smoothing: str, every: int = 0
) -> Iterator[TrackedFrame]:
    """Find and follow as a conversion does."""
    detect = DetectFaces(scene.detector, max_side_px=scene.size_px, detect_every=every)
    return TrackFaces(TrackConfig(smoothing=smoothing), DetectConfig())(detect(shots))


def eyes(item: TrackedFrame) -> NDArray[np.float64]:
    """Return the middle of the eyes of the only face."""
    (face,) = item.faces
    return np.asarray(face.landmarks[:2].mean(axis=0), dtype=np.float64)


def lag_frames(track: NDArray[np.float64], truth: NDArray[np.float64]) -> int:
    """Return by how many frames the truth must be delayed to be most like the track."""
    lags = range(-FARTHEST_LAG, FARTHEST_LAG + 1)
    inside = np.arange(FARTHEST_LAG, len(track) - FARTHEST_LAG)
    correlation = [np.corrcoef(track[inside], truth[inside - lag])[0, 1] for lag in lags]
    return lags[int(np.argmax(correlation))]


if __name__ == "__main__":
    main()
