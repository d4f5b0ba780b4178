"""The stages of a conversion: thin adapters between the rooms and the pipeline.

Each obeys the law in `facemask_video.pipeline.stage`; its buffer and bound are in its docstring.
Finding and following faces need no adapter: `facemask_video.detect.stage.DetectFaces` and
`facemask_video.track.TrackFaces` are stages themselves.
"""

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from facemask_video.align.crop import cut_crop
from facemask_video.composite.colour import match_colour
from facemask_video.composite.paste import make_patch
from facemask_video.composite.stabilise import Stabiliser
from facemask_video.faces import (
    BlendedFrame,
    Crop,
    CroppedFrame,
    PastedFace,
    TrackedFace,
    TrackedFrame,
    TranslatedCrop,
    TranslatedFrame,
)
from facemask_video.frames import Frame
from facemask_video.track import overlay

logger = logging.getLogger(__name__)


class CropTranslator(Protocol):
    """What a generator is to the pipeline."""

    @property
    def crop_size_px(self) -> int:
        """Side of the crops it reads."""
        ...

    def translate(self, crops: Sequence[Crop]) -> list[TranslatedCrop]:
        """Translate crops of one batch, in order."""
        ...


class AlignFaces:
    """Cut the aligned crop of every face; holds nothing."""

    def __init__(self, *, crop_size_px: int) -> None:
        """Take the side of the crops."""
        self._crop_size_px = crop_size_px

    def __call__(self, items: Iterable[TrackedFrame], /) -> Iterator[CroppedFrame]:
        """Yield each frame with its crops; a frame without faces passes on without any."""
        for item in items:
            crops = (self._cut(item.frame, face) for face in item.faces)
            yield CroppedFrame(item.frame, tuple(crop for crop in crops if crop is not None))

    def _cut(self, frame: Frame, face: TrackedFace) -> Crop | None:
        try:
            return cut_crop(frame, face, self._crop_size_px)
        except ValueError as exc:
            # Landmarks that all but coincide give no scale; such a face is a false one.
            logger.debug(
                "frame %s: face of track %s left as it is: %s", frame.index, face.track_id, exc
            )
            return None


@dataclass(slots=True)
class _Waiting:
    """A frame whose crops are being translated."""

    item: CroppedFrame
    done: list[TranslatedCrop] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return len(self.done) == len(self.item.crops)


class TranslateFaces:
    """Fill batches with the crops of several frames; holds up to ``max_held_frames`` frames.

    A frame is held until its crops, and those of all frames before it, are translated.

    Args:
        translator: The generator.
        batch_size: Crops translated at once.
        max_held_frames: Where this many frames wait, a batch runs without being full, so that a
            long stretch without faces behind one with faces holds nothing up.
    """

    def __init__(
        self, translator: CropTranslator, *, batch_size: int, max_held_frames: int | None = None
    ) -> None:
        """See the class."""
        self._translator = translator
        self._batch_size = batch_size
        self._max_held_frames = max_held_frames or 2 * batch_size

    def __call__(self, items: Iterable[CroppedFrame], /) -> Iterator[TranslatedFrame]:
        """Yield each frame with its translated crops."""
        held: deque[_Waiting] = deque()
        todo: deque[tuple[_Waiting, Crop]] = deque()
        for item in items:
            waiting = _Waiting(item)
            held.append(waiting)
            for crop in item.crops:
                if _is_refused(crop):
                    waiting.done.append(_untouched(crop))
                else:
                    todo.append((waiting, crop))
            while len(todo) >= self._batch_size:
                self._run_batch(todo)
            yield from _completed(held)
            if len(held) >= self._max_held_frames:
                self._run_batch(todo)
                yield from _completed(held)
        while todo:
            self._run_batch(todo)
        yield from _completed(held)

    def _run_batch(self, todo: deque[tuple[_Waiting, Crop]]) -> None:
        batch = [todo.popleft() for _ in range(min(self._batch_size, len(todo)))]
        translated = self._translator.translate([crop for _, crop in batch])
        for (waiting, _), crop in zip(batch, translated, strict=True):
            waiting.done.append(crop)


def _is_refused(crop: Crop) -> bool:
    return crop.face.verdict is not None and crop.face.verdict.translate is False


def _untouched(crop: Crop) -> TranslatedCrop:
    return TranslatedCrop(crop, crop.image, np.zeros(crop.image.shape[:2], np.float32))


def _completed(held: deque[_Waiting]) -> Iterator[TranslatedFrame]:
    while held and held[0].is_complete:
        waiting = held.popleft()
        yield TranslatedFrame(waiting.item.frame, tuple(waiting.done))


class MatchColours:
    """Match each translated crop's colours to its source; holds nothing."""

    def __init__(self, *, mode: str) -> None:
        """Take ``none``, ``histogram`` or ``mean-std``."""
        self._mode = mode

    def __call__(self, items: Iterable[TranslatedFrame], /) -> Iterator[TranslatedFrame]:
        """Yield each frame with its crops matched."""
        for item in items:
            crops = tuple(match_colour(crop, self._mode) for crop in item.crops)
            yield TranslatedFrame(item.frame, crops)


class SteadyFaces:
    """Blend each person's translated crops with their own past; holds one crop a person.

    Args:
        temporal: Strength in [0, 1].
    """

    def __init__(self, *, temporal: float) -> None:
        """See the class."""
        self._temporal = temporal

    def __call__(self, items: Iterable[TranslatedFrame], /) -> Iterator[TranslatedFrame]:
        """Yield each frame with its crops steadied."""
        stabiliser = Stabiliser(self._temporal)
        for item in items:
            crops = stabiliser.steady(item.crops, frame_index=item.frame.index)
            yield TranslatedFrame(item.frame, crops)


class BlendFaces:
    """Blend the translated crops into the frame's own planes; holds nothing.

    A frame in which no face changes anything is passed on as it is.
    """

    def __init__(self, *, coverage: float) -> None:
        """Take the part of the crop that may be replaced, in (0, 1]."""
        self._coverage = coverage

    def __call__(self, items: Iterable[TranslatedFrame], /) -> Iterator[BlendedFrame]:
        """Yield each frame beside its source, and what was pasted where."""
        for item in items:
            pasted, unchanged = [], []
            for crop in item.crops:
                patch = make_patch(
                    crop,
                    frame_width_px=item.frame.width_px,
                    frame_height_px=item.frame.height_px,
                    coverage=self._coverage,
                )
                if patch is None:
                    unchanged.append(crop.source.face)
                else:
                    pasted.append(PastedFace(crop.source.face, patch))
            frame = item.frame
            if pasted:
                frame = frame.with_patches([face.patch for face in pasted])
            yield BlendedFrame(item.frame, frame, tuple(pasted), tuple(unchanged))


class DrawFaces:
    """Draw over the finished frame what was followed and decided; holds nothing.

    The source beside it, and the regions that a sidecar names, stay as they were.
    """

    def __call__(self, items: Iterable[BlendedFrame], /) -> Iterator[BlendedFrame]:
        """Yield each frame with its faces' boxes, landmarks, numbers and verdicts on it."""
        for item in items:
            patches = overlay(
                item.faces,
                width_px=item.frame.width_px,
                height_px=item.frame.height_px,
                notes=[_verdict_text(face) for face in item.faces],
            )
            frame = item.frame.with_patches(patches) if patches else item.frame
            yield replace(item, frame=frame)


def _verdict_text(face: TrackedFace) -> str:
    verdict = face.verdict
    if verdict is None:
        return ""
    said = [verdict.domain or ""]
    said += [] if verdict.score is None else [f"{verdict.score:.2f}"]
    said += ["left alone"] if verdict.translate is False else []
    return " ".join(said).strip()
