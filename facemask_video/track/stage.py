"""The stages that follow faces, take their tracks from a sidecar, and choose among them."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from facemask_video.config import DetectConfig, SelectConfig, TrackConfig
from facemask_video.core.errors import TracksError
from facemask_video.core.faces import (
    DetectedFrame,
    Detection,
    TrackedFace,
    TrackedFrame,
    TrackId,
)
from facemask_video.core.frame import Frame, time_s
from facemask_video.track.appearance import Appearance, describe_appearance
from facemask_video.track.sidecar import Sidecar, SidecarFrame
from facemask_video.track.tracker import Tracker

_HYSTERESIS = 1.25
# A chosen face stays chosen until another's side is this much longer, so that choices do not
# change with every frame.


class TrackFaces:
    """Give every face a person's number and a smoothed path.

    Holds up to ``look_ahead`` frames.

    Args:
        config: How faces are followed.
        detect: Which detections begin and confirm a track; see `Tracker`.
        longest_s: Longest time that frames held may span: where they come slower than they should,
            fewer are held. None sets no bound.
    """

    def __init__(
        self,
        config: TrackConfig,
        detect: DetectConfig,
        *,
        longest_s: float | None = None,
    ) -> None:
        self._config, self._detect = config, detect
        self._longest_s = math.inf if longest_s is None else longest_s

    def __call__(self, items: Iterable[DetectedFrame], /) -> Iterator[TrackedFrame]:
        """Yield each frame with the persons in it."""
        tracker = Tracker(self._config, self._detect)
        held: deque[Frame] = deque()
        n_given = 0
        for item in items:
            frame = item.frame
            tracker.push(
                time_s(frame),
                item.detections,
                starts_shot=item.starts_shot,
                describe=partial(_describe, frame),
            )
            held.append(frame)
            while held and (
                len(held) > self._config.look_ahead
                or time_s(frame) - time_s(held[0]) > self._longest_s
            ):
                yield TrackedFrame(held.popleft(), tracker.faces(n_given))
                n_given += 1
        tracker.finish()
        while held:
            yield TrackedFrame(held.popleft(), tracker.faces(n_given))
            n_given += 1


def _describe(frame: Frame, detection: Detection) -> Appearance:
    return describe_appearance(frame, detection.box)


class ReplayTracks:
    """Give each frame the faces that a sidecar has for it; holds one line of the file.

    Args:
        sidecar: The tracks, perhaps edited: faces may be changed, added and taken out; the lines'
            ``pts`` may not.
        partial: Only a part of the lines' range is read: those before and after it are passed over.
            Otherwise every line must have its frame.
    """

    def __init__(self, sidecar: Sidecar, *, partial: bool = False) -> None:
        self._sidecar = sidecar
        self._partial = partial

    def __call__(self, items: Iterable[Frame], /) -> Iterator[TrackedFrame]:
        """Yield each frame with its faces.

        Raises:
            TracksError: The lines and the frames are not the same ones.
        """
        lines = iter(self._sidecar)
        for frame in items:
            line = next(lines, None)
            while self._partial and line is not None and line.pts < frame.pts:
                line = next(lines, None)
            if line is None or line.pts != frame.pts:
                raise self._mismatch(frame, line)
            yield TrackedFrame(frame, tuple(entry.face for entry in line.faces))
        left_over = None if self._partial else next(lines, None)
        if left_over is not None:
            raise TracksError(
                f"{self._sidecar.path}: the video ends before frame {left_over.frame} of the "
                "tracks; they belong to another file or range."
            )

    def _mismatch(self, frame: Frame, line: SidecarFrame | None) -> TracksError:
        there = "ends" if line is None else f"has pts {line.pts}"
        return TracksError(
            f"{self._sidecar.path}: at frame {frame.index} the video has pts {frame.pts} and the "
            f"tracks file {there}; the tracks belong to another file or range."
        )


class SelectFaces:
    """Drop the faces that are not to be worked on; holds nothing.

    Args:
        config: Which faces, and how many of a frame; the largest are taken.
    """

    def __init__(self, config: SelectConfig) -> None:
        self._persons = _chosen_persons(config.faces)
        self._limit = 1 if config.faces == "largest" else config.max_faces
        self._chosen: set[TrackId] = set()

    def __call__(self, items: Iterable[TrackedFrame], /) -> Iterator[TrackedFrame]:
        """Yield each frame with the chosen faces, in the order they came in."""
        for item in items:
            yield TrackedFrame(item.frame, self._choose(item.faces))

    def _choose(self, faces: tuple[TrackedFace, ...]) -> tuple[TrackedFace, ...]:
        if self._persons is not None:
            faces = tuple(face for face in faces if face.track_id.person in self._persons)
        if self._limit is None or len(faces) <= self._limit:
            self._chosen = {face.track_id for face in faces}
            return faces

        def rank(face: TrackedFace) -> float:
            side_px = float(np.sqrt(face.box.area_px2))
            return side_px * (_HYSTERESIS if face.track_id in self._chosen else 1.0)

        largest = sorted(faces, key=rank, reverse=True)[: self._limit]
        self._chosen = {face.track_id for face in largest}
        return tuple(face for face in faces if face.track_id in self._chosen)


def _chosen_persons(faces: str) -> frozenset[int] | None:
    """Return the persons that ``track:ID,...`` names; None where all are chosen among.

    Any number of a person's chooses all of theirs: what a finished conversion numbered anew where
    somebody put a mask on is one track still where faces are chosen.

    >>> sorted(_chosen_persons("track:4,0,100004"))
    [0, 4]
    """
    kind, _, numbers = faces.partition(":")
    if kind != "track":
        return None
    return frozenset(TrackId.from_number(int(number)).person for number in numbers.split(","))
