"""Which of the tracked faces are worked on."""

from dataclasses import dataclass

from facemask_video.core.faces import TrackId


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
            return cls(persons=frozenset(TrackId.from_number(int(number)).person for number in ids))
        raise ValueError(f"faces: got {text!r}, expected all, largest or track:ID,… (track:0,3).")
