"""What is known of a clip's frames before any is painted: enough to begin painting at any of them.

A line a frame: its time, a checksum of its samples, and its faces with their verdicts, bit for bit
(a tracks file is rounded, and for people).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facemask_video.core.errors import VideoReadError, VideoWriteError
from facemask_video.core.faces import (
    BlendedFrame,
    CroppedFrame,
    TrackedFace,
    TrackedFrame,
    TrackId,
    Verdict,
)
from facemask_video.core.frame import Frame
from facemask_video.core.geometry import Box
from facemask_video.core.json_lines import LinesWriter, Moment
from facemask_video.pipeline.answers import checksum
from facemask_video.video import native

FOLLOWED = "followed.jsonl"
"""Name of the record."""


@dataclass(frozen=True, slots=True)
class FollowedFrame:
    """A frame and its faces.

    Attributes:
        pts: Its time in ticks of the source.
        checksum: Of its samples.
        faces: Those that crops were taken of.
    """

    pts: int
    checksum: int
    faces: tuple[TrackedFace, ...]


class FollowedWriter(LinesWriter):
    """Writes the record; it has its name when `finish` is called. A context manager."""

    def refusal(self, moment: Moment, exc: OSError) -> VideoWriteError:
        """Return what is raised where the record cannot be written."""
        return VideoWriteError(
            f"{self.path}: cannot be written ({exc.strerror}); check the space left."
        )

    def write(self, item: CroppedFrame) -> None:
        """Write a frame's line.

        Raises:
            VideoWriteError: It cannot be written.
        """
        frame = native(item.frame)
        faces = [_plain(crop.face) for crop in item.crops]
        line = [frame.pts, checksum(frame.samples()), faces]
        self.put(json.dumps(line, separators=(",", ":")))


def read_followed(path: Path) -> Iterator[FollowedFrame]:
    """Yield the frames of a record in their order.

    Raises:
        VideoReadError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            for line in file:
                pts, seen, faces = json.loads(line)
                yield FollowedFrame(pts, seen, tuple(_face(each) for each in faces))
    except (OSError, ValueError) as exc:
        raise VideoReadError(f"{path}: cannot be read ({exc}); convert the clip anew.") from exc


def replayed(
    source: Path, frames: Iterable[Frame], known: Iterable[FollowedFrame], first: int
) -> Iterator[TrackedFrame]:
    """Yield frames with their faces and their places in the clip, from one of them on.

    Args:
        source: The clip.
        frames: Of it, from that one or a little before.
        known: The record from that frame on.
        first: Its place.

    Raises:
        VideoReadError: The clip does not read as it did when it was followed.
    """
    wanted, index = iter(known), first
    expected = next(wanted, None)
    for frame in frames:
        if expected is None:
            break
        if index == first and frame.pts < expected.pts:
            continue
        own = native(frame)
        if own.pts != expected.pts or checksum(own.samples()) != expected.checksum:
            break
        yield TrackedFrame(own.at_index(index), expected.faces)
        index, expected = index + 1, next(wanted, None)
    if expected is not None:
        raise VideoReadError(f"{source}: frame {index} reads otherwise when it is sought.")


def untouched(items: Iterable[TrackedFrame]) -> Iterator[BlendedFrame]:
    """Yield frames as if nothing were pasted into them."""
    for item in items:
        yield BlendedFrame(item.frame, item.frame, (), item.faces)


def _plain(face: TrackedFace) -> list[Any]:
    box, verdict = face.box, face.verdict
    numbers = [box.x0, box.y0, box.x1, box.y1, face.score]
    # JSON gives back what was written where that is a double, and else another number.
    assert all(isinstance(each, float | int) for each in numbers), "no single precision"
    return [
        [face.track_id.person, face.track_id.part],
        [float(each) for each in numbers],
        face.landmarks.ravel().tolist(),
        face.observed,
        None if verdict is None else [verdict.domain, verdict.score, verdict.translate],
    ]


def _face(plain: list[Any]) -> TrackedFace:
    (person, part), (*edges, score), landmarks, observed, verdict = plain
    return TrackedFace(
        TrackId(person, part),
        Box(*edges),
        np.array(landmarks, np.float32).reshape(5, 2),
        score,
        observed,
        None if verdict is None else Verdict(*verdict),
    )
