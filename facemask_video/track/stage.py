"""The stages that follow faces, take their tracks from a sidecar, and choose among them."""

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from facemask_video.core.errors import TracksError
from facemask_video.core.faces import DetectedFrame, Detection, TrackedFace, TrackedFrame, TrackId
from facemask_video.core.frame import Frame, time_s
from facemask_video.track.appearance import Appearance, describe_appearance
from facemask_video.track.choice import FaceChoice
from facemask_video.track.sidecar import Sidecar, SidecarFrame
from facemask_video.track.tracker import Tracker

# A chosen face stays chosen until another's side is this much longer, so that choices do not
# change with every frame.
_HOLDS_ON = 1.25


class TrackFaces:
    """Give every face a person's number and a smoothed path.

    Holds up to ``look_ahead`` frames of the tracker.

    Args:
        tracker: A fresh one; it is used up.
    """

    def __init__(self, tracker: Tracker) -> None:
        """Take the tracker."""
        self._tracker = tracker

    def __call__(self, items: Iterable[DetectedFrame], /) -> Iterator[TrackedFrame]:
        """Yield each frame with the persons in it."""
        held: deque[Frame] = deque()
        n_given = 0
        for item in items:
            frame = item.frame
            self._tracker.push(
                time_s(frame),
                item.detections,
                starts_shot=item.starts_shot,
                look=partial(_look, frame),
            )
            held.append(item.frame)
            if len(held) > self._tracker.look_ahead:
                yield TrackedFrame(held.popleft(), self._tracker.faces(n_given))
                n_given += 1
        self._tracker.finish()
        while held:
            yield TrackedFrame(held.popleft(), self._tracker.faces(n_given))
            n_given += 1


def _look(frame: Frame, detection: Detection) -> Appearance:
    return describe_appearance(frame, detection.box)


class ReplayTracks:
    """Give each frame the faces that a sidecar has for it; holds one line of the file.

    Args:
        sidecar: The tracks, perhaps edited: faces may be changed, added and taken out; the lines'
            ``pts`` may not.
        whole: Every line must have its frame. False where a part of the video is read; lines
            before and after it are then passed over.
    """

    def __init__(self, sidecar: Sidecar, *, whole: bool = True) -> None:
        """See the class."""
        self._sidecar = sidecar
        self._whole = whole

    def __call__(self, items: Iterable[Frame], /) -> Iterator[TrackedFrame]:
        """Yield each frame with its faces.

        Raises:
            TracksError: The lines and the frames are not the same ones.
        """
        lines = iter(self._sidecar)
        for frame in items:
            line = next(lines, None)
            while line is not None and not self._whole and line.pts < frame.pts:
                line = next(lines, None)
            if line is None or line.pts != frame.pts:
                raise self._mismatch(frame, line)
            yield TrackedFrame(frame, tuple(entry.face for entry in line.faces))
        left_over = next(lines, None) if self._whole else None
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
        choice: Which faces.
        max_faces: Most faces a frame, the largest ones; 0 sets no limit.
    """

    def __init__(self, choice: FaceChoice, *, max_faces: int = 0) -> None:
        """See the class."""
        if max_faces < 0:
            raise ValueError(f"max_faces: got {max_faces}, expected 0 (no limit) or more.")
        self._persons = choice.persons
        self._limit = 1 if choice.largest else max_faces
        self._chosen: set[TrackId] = set()

    def __call__(self, items: Iterable[TrackedFrame], /) -> Iterator[TrackedFrame]:
        """Yield each frame with the chosen faces, in the order they came in."""
        for item in items:
            yield TrackedFrame(item.frame, self._choose(item.faces))

    def _choose(self, faces: tuple[TrackedFace, ...]) -> tuple[TrackedFace, ...]:
        if self._persons is not None:
            faces = tuple(face for face in faces if face.track_id.person in self._persons)
        if not self._limit or len(faces) <= self._limit:
            self._chosen = {face.track_id for face in faces}
            return faces

        def claim(face: TrackedFace) -> float:
            side_px = float(np.sqrt(face.box.area_px2))
            return side_px * (_HOLDS_ON if face.track_id in self._chosen else 1.0)

        best = sorted(faces, key=claim, reverse=True)[: self._limit]
        self._chosen = {face.track_id for face in best}
        return tuple(face for face in faces if face.track_id in self._chosen)
