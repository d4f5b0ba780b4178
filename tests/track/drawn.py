"""Faces on known paths: what a detector would say of them, with and without noise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from facemask_video.config import DetectConfig, TrackConfig
from facemask_video.core.faces import DetectedFrame, Detection, TrackedFace
from facemask_video.core.frame import ImageU8, Patch
from facemask_video.core.geometry import Box
from facemask_video.track import TrackFaces

TIME_BASE = Fraction(1, 90_000)

POINTS = np.array([[-0.21, -0.12], [0.21, -0.12], [0.0, 0.12], [-0.17, 0.33], [0.17, 0.33]])
"""Landmarks in face widths about the box's centre."""


@dataclass(frozen=True)
class Place:
    """Where a face is: centre px, width px, roll in radians."""

    x: float
    y: float
    width: float = 100.0
    roll: float = 0.0

    @property
    def landmarks(self) -> NDArray[np.float64]:
        turn = np.array(
            [[np.cos(self.roll), -np.sin(self.roll)], [np.sin(self.roll), np.cos(self.roll)]]
        )
        return POINTS * self.width @ turn.T + [self.x, self.y]


def detection(
    place: Place, rng: np.random.Generator | None = None, *, noise: float = 0.0, score: float = 0.99
) -> Detection:
    """Say what a detector would; ``noise`` is a standard deviation in face widths."""
    off = rng.normal(0, noise * place.width, (7, 2)) if rng is not None else np.zeros((7, 2))
    (x0, y0), (x1, y1) = (
        np.array([place.x, place.y]) + place.width * np.array([sx * 0.5, sy * 0.65]) + off[5 + side]
        for side, (sx, sy) in enumerate(((-1, -1), (1, 1)))
    )
    landmarks = (place.landmarks + off[:5]).astype(np.float32)
    return Detection(Box(float(x0), float(y0), float(x1), float(y1)), landmarks, score)


class TimedFrame:
    """A grey frame with a time; counts how many are alive."""

    alive = 0
    width_px, height_px = 1920, 1080
    time_base = TIME_BASE

    def __init__(self, index: int, time_s: float) -> None:
        self.index = index
        self.pts = round(time_s / TIME_BASE)
        TimedFrame.alive += 1

    def __del__(self) -> None:
        TimedFrame.alive -= 1

    def thumbnail(self, max_side_px: int) -> tuple[ImageU8, float]:
        raise AssertionError("a tracker needs no thumbnail")

    def read_region(self, box: Box) -> ImageU8:
        return np.full((int(box.height_px), int(box.width_px), 3), 128, np.uint8)

    def with_patches(self, patches: Sequence[Patch]) -> "TimedFrame":
        raise AssertionError("a tracker changes no frame")


def times(rate: str, n_frames: int) -> list[float]:
    """Frame times in seconds at a constant rate, or at a variable one for ``vfr``."""
    if rate == "vfr":
        steps = np.random.default_rng(5).choice([1 / 60, 1 / 30, 1 / 24, 1 / 15], n_frames)
        return [float(at) for at in np.cumsum(steps)]
    return [index / float(rate) for index in range(n_frames)]


def track(
    seen: Sequence[Sequence[Detection]],
    at_s: Sequence[float],
    *,
    starts: Sequence[int] = (),
    **options: object,
) -> list[tuple[TrackedFace, ...]]:
    """Run the stage over detections by frame."""
    detect = {name: options.pop(name) for name in ("min_face_px", "threshold") if name in options}
    stage = TrackFaces(TrackConfig(**options), DetectConfig(**detect))  # type: ignore[arg-type]
    frames = (
        DetectedFrame(TimedFrame(index, at_s[index]), tuple(found), starts_shot=index in starts)
        for index, found in enumerate(seen)
    )
    return [item.faces for item in stage(frames)]


def centre(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the middle of the eyes, where a crop is anchored."""
    return np.asarray(landmarks[:2].mean(axis=0), dtype=np.float64)


Motion = Callable[[float], Place]
