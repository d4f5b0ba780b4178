"""The stage that translates crops, several frames in one batch."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from facemask_video.core.errors import BrokenCropError
from facemask_video.core.faces import Crop, CroppedFrame, TranslatedCrop, TranslatedFrame
from facemask_video.core.frame import time_s


class CropTranslator(Protocol):
    """A generator, as the pipeline uses it."""

    @property
    def crop_size_px(self) -> int:
        """Side of the crops it reads."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What could not be done as it was asked for, and what was done instead."""
        ...

    def translate(self, crops: Sequence[Crop]) -> list[TranslatedCrop]:
        """Translate crops of one batch, in order."""
        ...


@dataclass(slots=True)
class _PendingFrame:
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

    A face for which the generator gives no numbers ends it with a `BrokenCropError` that names the
    frame: a face that was to be changed is never passed on as it was for want of a translation.
    """

    def __init__(
        self, translator: CropTranslator, *, batch_size: int, max_held_frames: int | None = None
    ) -> None:
        self._translator = translator
        self._batch_size = batch_size
        self._max_held_frames = max_held_frames or 2 * batch_size

    def __call__(self, items: Iterable[CroppedFrame], /) -> Iterator[TranslatedFrame]:
        """Yield each frame with its translated crops."""
        held: deque[_PendingFrame] = deque()
        todo: deque[tuple[_PendingFrame, Crop]] = deque()
        for item in items:
            waiting = _PendingFrame(item)
            held.append(waiting)
            for crop in item.crops:
                if stays_as_it_is(crop):
                    waiting.done.append(_unchanged(crop))
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

    def _run_batch(self, todo: deque[tuple[_PendingFrame, Crop]]) -> None:
        batch = [todo.popleft() for _ in range(min(self._batch_size, len(todo)))]
        try:
            translated = self._translator.translate([crop for _, crop in batch])
        except BrokenCropError as exc:
            frame = batch[exc.place][0].item.frame
            raise BrokenCropError(
                f"frame {frame.index} (at {time_s(frame):.3f} s): {exc}", exc.place
            ) from exc
        for (waiting, _), crop in zip(batch, translated, strict=True):
            waiting.done.append(crop)


def stays_as_it_is(crop: Crop) -> bool:
    """Say whether the classifier judged that a face is not to be translated."""
    return crop.face.verdict is not None and crop.face.verdict.translate is False


def _unchanged(crop: Crop) -> TranslatedCrop:
    return TranslatedCrop(crop, crop.image, np.zeros(crop.image.shape[:2], np.float32))


def _completed(held: deque[_PendingFrame]) -> Iterator[TranslatedFrame]:
    while held and held[0].is_complete:
        waiting = held.popleft()
        yield TranslatedFrame(waiting.item.frame, tuple(waiting.done))
