"""Where a followed clip may be cut, so that its ranges are painted at once and join without a seam.

A range begins with a segment and ends with one. What stages remember at its beginning is made
anew by painting somewhat earlier: from where everybody who is in view there came into view, and
where no crop waits for a batch. So cuts are chosen where little must be painted twice: at shot
boundaries, or where nobody, or nobody who was there for long, is in view.
"""

import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from facemask_video.config import ConvertConfig
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.direction import Direction
from facemask_video.core.errors import VideoWriteError
from facemask_video.core.faces import Crop, CroppedFrame, TrackedFace, TrackId, TranslatedCrop
from facemask_video.core.files import atomic_write
from facemask_video.pipeline.answers import StaleAnswers
from facemask_video.pipeline.followed import FollowedFrame
from facemask_video.translate.stage import TranslateFaces
from facemask_video.video import SegmentStore

_NAME = re.compile(r"range-(\d{9})-(\d{9})")
FRAMES = "frames.jsonl"
"""What was pasted into each frame, beside segments."""


@dataclass(frozen=True, slots=True)
class PaintRange:
    """Frames ``first <= i < after`` of a clip, painted on from ``begin``."""

    first: int
    after: int
    begin: int

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return self.after - self.first


@dataclass(slots=True)
class _Seen:
    """Where a person was seen, as frame indices."""

    first: int
    last: int
    bare: int | None = None


class _Presence:
    """Who is in which frames.

    Args:
        frames: Of the whole clip.
        config: Says what is remembered of whom.
    """

    def __init__(self, frames: Iterable[FollowedFrame], config: ConvertConfig) -> None:
        composite = config.composite
        self._steadies = composite.temporal > 0
        self._recalls = config.direction is Direction.UNMASK and composite.reference == "auto"
        self._since: list[dict[TrackId, int]] = []
        self._persons: dict[int, _Seen] = {}
        before: dict[TrackId, int] = {}
        for index, frame in enumerate(frames):
            painted = [face.track_id for face in frame.faces if not is_left_alone(face)]
            before = {track_id: before.get(track_id, index) for track_id in painted}
            self._since.append(before)
            for face in frame.faces:
                person = self._persons.setdefault(face.track_id.person, _Seen(index, index))
                person.last = index
                if person.bare is None and is_left_alone(face):
                    person.bare = index

    def remembered_since(self, index: int) -> int:
        """Return the first frame that anything remembered before a frame follows from."""
        since = index
        if self._steadies:
            there = self._since[index]
            since = min([since, *(at for at in there.values() if at < index)])
        if self._recalls:
            since = min(
                [
                    since,
                    *(
                        each.first
                        for each in self._persons.values()
                        if each.bare is not None and each.bare < index <= each.last
                    ),
                ]
            )
        return since


def is_left_alone(face: TrackedFace) -> bool:
    """Return whether it was decided that a face is not translated."""
    return face.verdict is not None and face.verdict.translate is False


class _NoPicture:
    """Translates nothing: says alone how crops are put into batches."""

    crop_size_px = 1
    notes = ()

    def translate(self, crops: Sequence[Crop]) -> list[TranslatedCrop]:
        return [TranslatedCrop(crop, crop.image, _NO_ALPHA) for crop in crops]


_NO_ALPHA = np.zeros((1, 1), np.float32)
_NO_IMAGE = np.zeros((1, 1, 3), np.uint8)


def whole_batches(frames: Sequence[FollowedFrame], *, batch_size: int) -> list[int]:
    """Return the frames before which no crop waits for others to fill its batch, in order."""
    fed, given = 0, 0
    found = []
    blank = ArrayFrame(_NO_IMAGE, 0, pts=0)

    def fed_one_by_one() -> Iterator[CroppedFrame]:
        nonlocal fed
        for frame in frames:
            if fed == given:
                found.append(fed)
            fed += 1
            crops = tuple(Crop(_NO_IMAGE, _NOWHERE, face) for face in frame.faces)
            yield CroppedFrame(blank, crops)

    for _ in TranslateFaces(_NoPicture(), batch_size=batch_size)(fed_one_by_one()):
        given += 1
    return found


_NOWHERE = np.eye(2, 3)


def cut(
    frames: Sequence[FollowedFrame], config: ConvertConfig, *, longest: int, step: int, first: int
) -> list[PaintRange]:
    """Choose where a clip is cut.

    Args:
        frames: Of the whole clip.
        config: Of the conversion.
        longest: Frames that a range should have at most; one may have more where people stay in
            view for long, so that a cut would cost more than half a range.
        step: Frames in a segment.
        first: Where the first range begins: what lies before is done.
    """
    longest = max(longest, step)
    presence = _Presence(frames, config)
    idle = np.array(whole_batches(frames, batch_size=config.translate.batch_size))

    def begin_of(index: int) -> int:
        since = presence.remembered_since(index)
        return int(idle[np.searchsorted(idle, since, side="right") - 1])

    ranges: list[PaintRange] = []
    at, begin = first, begin_of(first)
    while len(frames) - at > longest:
        nearest = [each for each in range(at + step, at + longest + 1, step) if each < len(frames)]
        wanted = [each for each in nearest if each - at > longest // 2]
        costs = {each: each - begin_of(each) for each in wanted}
        best = min(wanted, key=lambda each: (costs[each], -each))
        if costs[best] > longest // 2:
            later = range(nearest[-1] + step, len(frames), step)
            cheap = (each for each in later if each - begin_of(each) <= longest // 2)
            found = next(cheap, None)
            if found is None:
                break
            best = found
        ranges.append(PaintRange(at, best, begin))
        at, begin = best, begin_of(best)
    return [*ranges, PaintRange(at, len(frames), begin)]


class RangeFolder:
    """Where a range's work lies while it is done; it gets its name when it is complete.

    A context manager that removes what is not complete.

    Attributes:
        path: The folder.
    """

    def __init__(self, work: Path, span: PaintRange) -> None:
        """Make it.

        Args:
            work: The work folder of the clip.
            span: The range.

        Raises:
            VideoWriteError: It cannot be made.
        """
        self._target = _path_of(work, span)
        # A name of its own: a worker that was given up may still write.
        self.path = work / f"{self._target.name}.{uuid.uuid4().hex[:12]}.part"
        try:
            self.path.mkdir()
        except OSError as exc:
            raise VideoWriteError(
                f"{self.path}: cannot be made ({exc.strerror}); check the space left."
            ) from exc

    def complete(self) -> None:
        """Give it its name, unless another worker was faster.

        Raises:
            VideoWriteError: It cannot be named so.
        """
        try:
            self.path.replace(self._target)
        except OSError as exc:
            if not self._target.is_dir():
                raise VideoWriteError(
                    f"{self._target}: cannot be put in place ({exc.strerror})."
                ) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class RangePast:
    """Keeps what `SteadyFaces` remembers at the end of a range's last whole segment.

    Args:
        folder: Where.
        span: The range.
        step: Frames in a segment.
    """

    def __init__(self, folder: Path, span: PaintRange, *, step: int) -> None:
        self._folder, self._due = folder, span.after // step * step

    def kept(self) -> tuple[int, Mapping[str, NDArray[Any]]]:
        """Return that nothing is gone on from."""
        return 0, {}

    def keep(self, frames_done: int, crops: Sequence[TranslatedCrop], state: Any) -> None:
        """Write the past, once.

        Raises:
            VideoWriteError: It cannot be written.
        """
        if frames_done == self._due:
            write_past(past_path(self._folder, frames_done), state())


def past_path(folder: Path, frames_done: int) -> Path:
    """Return where the past after so many frames is kept."""
    return folder / f"past-{frames_done:09d}.npz"


def write_past(path: Path, state: Mapping[str, NDArray[Any]]) -> None:
    """Write what `SteadyFaces` remembers.

    Raises:
        VideoWriteError: It cannot be written.
    """
    try:
        with atomic_write(path) as part, part.open("wb") as file:
            np.savez(file, **state)  # type: ignore[arg-type]
    except OSError as exc:
        raise VideoWriteError(
            f"{path}: cannot be written ({exc.strerror}); check the space left."
        ) from exc


def _path_of(work: Path, span: PaintRange) -> Path:
    return work / f"range-{span.first:09d}-{span.after:09d}"


def is_painted(work: Path, span: PaintRange) -> bool:
    """Return whether a range is complete."""
    return _path_of(work, span).is_dir()


def take_in(work: Path, store: SegmentStore, *, step: int, to_the_end: bool) -> int:
    """Put the complete ranges that follow on what is done into the work on their clip.

    May be killed at any moment, and done again. Where no face was pasted in any they are of no
    use: then the clip is not encoded at all.

    Args:
        work: The work folder of the clip.
        store: Its segments.
        step: Frames in a segment.
        to_the_end: Whether the rest of the clip is done here, so that ranges behind a missing one
            are thrown away.

    Returns:
        How many there were.

    Raises:
        StaleAnswers: What they follow on is not recorded.
        VideoWriteError: They cannot be moved.
    """
    named = ((path, _NAME.fullmatch(path.name)) for path in sorted(work.iterdir()))
    found = {int(name[1]): (path, int(name[2])) for path, name in named if name is not None}
    if not found:
        return 0
    taken = 0
    try:
        if store.frames_done or any(_has_pasted(path / FRAMES) for path, _ in found.values()):
            begun = (first for first, (_, after) in found.items() if after > store.frames_done)
            first = min(begun, default=store.frames_done)
            while first <= store.frames_done and first in found:
                path, after = found.pop(first)
                _take(work, path, store, first=first, step=step)
                first, taken = after, taken + 1
        for path, _ in found.values() if to_the_end else ():
            shutil.rmtree(path, ignore_errors=True)
    except OSError as exc:
        raise VideoWriteError(
            f"{work}: ranges cannot be joined ({exc.strerror}); check the space left."
        ) from exc
    return taken


def _take(work: Path, path: Path, store: SegmentStore, *, first: int, step: int) -> None:
    """Move a range's record, past and segments, in an order that leaves a whole state."""
    with (work / FRAMES).open("a+b") as frames, (path / FRAMES).open("rb") as more:
        frames.seek(0)
        if sum(1 for _ in islice(frames, first)) < first:
            raise StaleAnswers
        frames.truncate(frames.tell())
        shutil.copyfileobj(more, frames)
        frames.flush()
        os.fsync(frames.fileno())
    for past in path.glob("past-*.npz"):
        past.replace(work / past.name)
    store.take_from(path, number=first // step)
    shutil.rmtree(path)


def _has_pasted(path: Path) -> bool:
    """Return whether a face was pasted into any frame of a record."""
    with path.open("rb") as file:
        return any(not line.endswith(b"[]]\n") for line in file)
