"""Which of the tracked faces are worked on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from facemask_video.faces import TrackedFace, TrackedFrame, person_of

_HOLDS_ON = 1.25
# A chosen face stays chosen until another's side is this much longer, so that choices do not
# change with every frame.


@dataclass(frozen=True, slots=True)
class FaceChoice:
    """What ``--faces`` says: all, the largest, or some persons by a number of their tracks.

    Any number of a person's chooses all of theirs: what a finished conversion numbered anew where
    somebody put a mask on is one track still where faces are chosen.
    """

    largest: bool = False
    persons: frozenset[int] | None = None

    @classmethod
    def parse(cls, text: str) -> "FaceChoice":
        """Read ``all``, ``largest`` or ``track:ID,…``.

        Raises:
            ValueError: The text is none of these.

        >>> sorted(FaceChoice.parse("track:4,0,100004").persons)
        [0, 4]
        """
        word = text.strip().lower()
        if word in ("all", "largest"):
            return cls(largest=word == "largest")
        kind, _, numbers = word.partition(":")
        ids = [number.strip() for number in numbers.split(",")]
        if kind == "track" and all(number.isdecimal() for number in ids):
            return cls(persons=frozenset(person_of(int(number)) for number in ids))
        raise ValueError(f"faces: got {text!r}, expected all, largest or track:ID,… (track:0,3).")


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
        self._chosen: set[int] = set()

    def __call__(self, items: Iterable[TrackedFrame], /) -> Iterator[TrackedFrame]:
        """Yield each frame with the chosen faces, in the order they came in."""
        for item in items:
            yield TrackedFrame(item.frame, self._choose(item.faces))

    def _choose(self, faces: tuple[TrackedFace, ...]) -> tuple[TrackedFace, ...]:
        if self._persons is not None:
            faces = tuple(face for face in faces if person_of(face.track_id) in self._persons)
        if not self._limit or len(faces) <= self._limit:
            self._chosen = {face.track_id for face in faces}
            return faces

        def claim(face: TrackedFace) -> float:
            side_px = float(np.sqrt(face.box.area_px2))
            return side_px * (_HOLDS_ON if face.track_id in self._chosen else 1.0)

        best = sorted(faces, key=claim, reverse=True)[: self._limit]
        self._chosen = {face.track_id for face in best}
        return tuple(face for face in faces if face.track_id in self._chosen)
