"""What a conversion did: counts, timings and the options it ran with."""

import sys
from dataclasses import dataclass, field
from typing import Any

# Stages named in the closing line; the rest is in the report.
_STAGES_NAMED = 4


@dataclass(slots=True)
class Tally:
    """Counts taken while the frames pass."""

    frames: int = 0
    faces: int = 0
    frames_with_faces: int = 0
    faces_changed: int = 0
    track_ids: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """What was converted, into what, how long it took and with which options.

    Attributes:
        input: The source file as it was probed.
        output: Path, encoder and size of the file written.
        frames: Frames written, as many as were read.
        faces: Faces followed, counted once a frame.
        tracks: Different persons followed.
        frames_with_faces: Frames with at least one face.
        faces_changed: Faces whose pixels changed, counted once a frame.
        corrupt_packets: Packets of the source that could not be decoded.
        seconds: Wall time in all, and of each stage without the stages before it. Stages overlap.
        peak_rss_mb: Largest memory the process held, where the system tells.
        device: Where the networks ran, and in which precision.
        weights: The generator's file and card.
        options: The configuration, resolved.
        notes: What could not be kept, and why.
    """

    input: dict[str, Any]
    output: dict[str, Any]
    frames: int
    faces: int
    tracks: int
    frames_with_faces: int
    faces_changed: int
    corrupt_packets: int
    seconds: dict[str, float]
    peak_rss_mb: float | None
    device: dict[str, str]
    weights: dict[str, Any]
    options: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def frames_per_s(self) -> float:
        """Frames written a second of the whole run, loading included."""
        return self.frames / max(self.seconds["total"], 1e-9)

    def closing_line(self) -> str:
        """Say in one line what was done and where the time went."""
        return f"{_count(self.frames, 'frame')}, {self._faces()}; {self._time()}"

    def _faces(self) -> str:
        if self.faces == 0:
            return "no face found, so the pictures are the source's"
        counts = (
            f"{_count(self.faces, 'face')} of {_count(self.tracks, 'track')} "
            f"in {_count(self.frames_with_faces, 'frame')}"
        )
        if self.faces_changed == 0:
            return f"{counts}, none of which the generator changed"
        return counts

    def _time(self) -> str:
        total_s = self.seconds["total"]
        stages = {name: s for name, s in self.seconds.items() if name not in ("total", "wait")}
        longest = sorted(stages, key=lambda name: -stages[name])[:_STAGES_NAMED]
        where = ", ".join(f"{name.replace('_', ' ')} {stages[name]:.1f} s" for name in longest)
        return f"{total_s:.1f} s, {self.frames_per_s:.1f} fps ({where})"


def _count(number: int, noun: str) -> str:
    """Say a number and what it counts.

    >>> _count(1, "face"), _count(2, "face")
    ('1 face', '2 faces')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def peak_rss_mb() -> float | None:
    """Return the largest resident memory of this process so far, or None where unknown."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, KiB elsewhere.
    return round(peak / 2**20 if sys.platform == "darwin" else peak / 2**10, 1)
