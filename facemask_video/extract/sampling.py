"""Which observations of a face become crops: every so often, or the best of each track."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Generic, Protocol, TypeVar

import numpy as np

from facemask_video.core.frame import Frame


class HasQuality(Protocol):
    """What can be compared with others of its track."""

    @property
    def quality(self) -> float:
        """Larger is better."""
        ...


Item = TypeVar("Item", bound=HasQuality)


class EveryNth:
    """Tells which frames give crops: every N-th, or the first at or after each multiple of a time.

    Args:
        frames: Distance in frames, or None.
        seconds: Distance in seconds, or None; one of both is given.
    """

    def __init__(self, *, frames: int | None, seconds: Fraction | None) -> None:
        if (frames is None) == (seconds is None):
            raise ValueError("EveryNth: give frames or seconds.")
        self._frames = frames
        self._seconds = seconds
        self._last: int | None = None

    def takes(self, frame: Frame) -> bool:
        """Tell it of the next frame; returns whether it gives crops."""
        if self._frames is not None:
            return frame.index % self._frames == 0
        assert self._seconds is not None
        step = (frame.pts * frame.time_base) // self._seconds
        if step == self._last:
            return False
        self._last = step
        return True


@dataclass(slots=True)
class _Track(Generic[Item]):
    """The best of each stretch of one track's time, numbered from its first observation."""

    begins_s: float
    stretch_s: float
    last_s: float
    best: dict[int, Item] = field(default_factory=dict)


class BestOfTracks(Generic[Item]):
    """Keeps the best observations of each track, spread over its time; offer them in their order.

    A track's time is divided into equal stretches, of which the best observation each is held;
    where there would be more than ``2 * count``, stretches double. So at most that many are held
    for a track, however long it is. When it ends, its stretches are grouped into ``count``
    neighbourhoods and the best of each is given out.

    Args:
        count: Observations of each track, >= 1.
        ends_after_s: A track not seen for longer has ended.
    """

    _FIRST_STRETCH_S = 0.1

    def __init__(self, count: int, *, ends_after_s: float) -> None:
        if count < 1:
            raise ValueError(f"BestOfTracks: got count={count}, expected at least 1.")
        self._count = count
        self._ends_after_s = ends_after_s
        self._tracks: dict[int, _Track[Item]] = {}

    def offer(self, track_id: int, time_s: float, item: Item) -> None:
        """Take an observation of a track; its time is never before the last one's."""
        track = self._tracks.setdefault(
            track_id, _Track(time_s, self._FIRST_STRETCH_S, last_s=time_s)
        )
        track.last_s = time_s
        stretch = int((time_s - track.begins_s) / track.stretch_s)
        best = track.best.get(stretch)
        if best is None or item.quality > best.quality:
            track.best[stretch] = item
        while len(track.best) > 2 * self._count:
            self._double(track)

    def ended(self, time_s: float) -> Iterator[Item]:
        """Yield the chosen observations of the tracks that have ended by now, and forget them."""
        over = [
            track_id
            for track_id, track in self._tracks.items()
            if time_s - track.last_s > self._ends_after_s
        ]
        for track_id in over:
            yield from self._chosen(self._tracks.pop(track_id))

    def finish(self) -> Iterator[Item]:
        """Yield those of all tracks left."""
        for track in self._tracks.values():
            yield from self._chosen(track)
        self._tracks.clear()

    @staticmethod
    def _double(track: _Track[Item]) -> None:
        track.stretch_s *= 2
        halves, track.best = track.best, {}
        for stretch, item in halves.items():
            other = track.best.get(stretch // 2)
            if other is None or item.quality > other.quality:
                track.best[stretch // 2] = item

    def _chosen(self, track: _Track[Item]) -> Iterator[Item]:
        in_order = [track.best[stretch] for stretch in sorted(track.best)]
        for part in np.array_split(np.arange(len(in_order)), min(self._count, len(in_order))):
            yield max((in_order[index] for index in part), key=lambda item: item.quality)
