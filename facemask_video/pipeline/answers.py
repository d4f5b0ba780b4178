"""What networks answered, kept on disk: a run that is repeated need not ask them again.

A journal holds a line a call, in the order of the calls, with a checksum of what was asked. It is
read first; when it ends, or its last line is torn, the network is asked and the answer appended.
What is read back is what was answered, bit for bit: JSON writes a float so that it reads the same.
"""

import json
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from facemask_video.classify.stage import FaceClassifier
from facemask_video.core.errors import VideoWriteError
from facemask_video.core.faces import Crop, Detection, TranslatedCrop
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.detect.detector import Detector, RegionDetector
from facemask_video.translate.stage import CropTranslator


class StaleAnswers(Exception):
    """A journal's answers are to other questions than those asked now."""


class AnswerJournal:
    """The answers of one network, a context manager; used in one thread.

    Args:
        path: The file; begun where it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reading = path.open("rb") if path.is_file() else None
        self._good_bytes = 0
        self._writing: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in (self._reading, self._writing):
            if file is not None:
                file.close()

    def answer(self, question: int, ask: Callable[[], Any]) -> Any:
        """Return the kept answer to the next question, or ask and keep it.

        Args:
            question: A checksum of it.
            ask: Returns the answer as plain data.

        Raises:
            StaleAnswers: The kept answer is to another question.
            VideoWriteError: The journal cannot be written.
        """
        kept = self._next_line()
        if kept is not None:
            if kept[0] != question:
                raise StaleAnswers
            return kept[1]
        found = ask()
        line = json.dumps([question, found], separators=(",", ":")).encode() + b"\n"
        try:
            self._writing.write(line)
        except OSError as exc:
            raise VideoWriteError(
                f"{self._path}: cannot be written ({exc.strerror}); check the space left."
            ) from exc
        return found

    def _next_line(self) -> Any:
        """Return the next kept line; None when there are no more, and writing begins."""
        if self._reading is not None:
            line = self._reading.readline()
            # Half a line, or zeros, are what a power cut leaves.
            with suppress(ValueError):
                if line.endswith(b"\n"):
                    kept = json.loads(line)
                    self._good_bytes += len(line)
                    return kept
            self._reading.close()
            self._reading = None
        if self._writing is None:
            # Unbuffered: what was answered must be there before anything that follows from it.
            self._writing = self._path.open("ab", buffering=0)
            self._writing.truncate(self._good_bytes)
        return None


def checksum(images: Sequence[ImageU8], *others: object) -> int:
    """Return a checksum of images, every fourth row and column of them, and what is beside them."""
    found = zlib.crc32(repr(others).encode())
    for image in images:
        found = zlib.crc32(image[::4, ::4].tobytes(), found)
    return found


class KeptDetector:
    """A detector whose answers are kept.

    Args:
        detector: Answers what is not kept.
        journal: Keeps it.
    """

    def __init__(self, detector: Detector, journal: AnswerJournal) -> None:
        self._detector = detector
        self._journal = journal

    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        """Find the faces of each image; see `Detector`."""
        return self._kept(checksum(images), lambda: self._detector.detect(images))

    def _kept(
        self, question: int, ask: Callable[[], Sequence[Sequence[Detection]]]
    ) -> list[list[Detection]]:
        plain = self._journal.answer(
            question, lambda: [[_plain(face) for face in faces] for faces in ask()]
        )
        return [[_detection(values) for values in faces] for faces in plain]


class KeptRegionDetector(KeptDetector):
    """`KeptDetector` of a detector that also works on boxes and regions.

    Args:
        detector: Answers what is not kept.
        journal: Keeps it.
    """

    _detector: RegionDetector

    def __init__(self, detector: RegionDetector, journal: AnswerJournal) -> None:
        super().__init__(detector, journal)

    def refine(
        self,
        images: Sequence[ImageU8],
        boxes: Sequence[Sequence[Box]],
    ) -> list[list[Detection]]:
        """Score boxes and place their faces; see `RegionDetector`."""
        return self._kept(
            checksum(images, boxes),
            lambda: self._detector.refine(images, boxes),
        )

    def detect_in_region(self, image: ImageU8, region: Box, side_px: float) -> list[Detection]:
        """Find faces of about a size in a region; see `RegionDetector`."""
        return self._kept(
            checksum([image], region, side_px),
            lambda: [self._detector.detect_in_region(image, region, side_px)],
        )[0]


def kept_detector(detector: Detector, journal: AnswerJournal) -> Detector:
    """Return a detector of the same abilities whose answers are kept."""
    if isinstance(detector, RegionDetector):
        return KeptRegionDetector(detector, journal)
    return KeptDetector(detector, journal)


def _plain(face: Detection) -> list[float]:
    box = face.box
    return [
        *(float(edge) for edge in (box.x0, box.y0, box.x1, box.y1)),
        float(face.score),
        *(float(value) for value in face.landmarks.ravel()),
    ]


def _detection(values: Sequence[float]) -> Detection:
    landmarks = np.array(values[5:], dtype=np.float32).reshape(5, 2)
    return Detection(Box(*values[:4]), landmarks, values[4])


class KeptClassifier:
    """A mask classifier whose answers are kept.

    Args:
        classifier: Answers what is not kept.
        journal: Keeps it.
    """

    def __init__(self, classifier: FaceClassifier, journal: AnswerJournal) -> None:
        self._classifier = classifier
        self._journal = journal

    @property
    def crop_size_px(self) -> int:
        """Side of the crops it wants."""
        return self._classifier.crop_size_px

    def masked_scores(self, images: Sequence[ImageU8]) -> list[float]:
        """Say how surely each crop is masked; see `FaceClassifier`."""
        scores = self._journal.answer(
            checksum(images), lambda: [float(s) for s in self._classifier.masked_scores(images)]
        )
        return [float(score) for score in scores]


class LateTranslator:
    """A generator that is not run on the first crops, whose frames are finished.

    Batches are those of a run that begins with the first crop, so that the rest comes out the same.

    Args:
        translator: The generator.
        first: How many crops are finished; they come back unchanged, under an alpha of 0, unless
            their batch holds one that is not.
    """

    def __init__(self, translator: CropTranslator, first: int) -> None:
        self._translator = translator
        self._finished = first

    @property
    def crop_size_px(self) -> int:
        """Side of the crops it reads."""
        return self._translator.crop_size_px

    @property
    def notes(self) -> Sequence[str]:
        """What the generator could not do as it was asked to."""
        return self._translator.notes

    def translate(self, crops: Sequence[Crop]) -> list[TranslatedCrop]:
        """Translate crops of one batch, in order."""
        self._finished -= len(crops)
        if self._finished < 0:
            return self._translator.translate(crops)
        return [
            TranslatedCrop(crop, crop.image, np.zeros(crop.image.shape[:2], np.float32))
            for crop in crops
        ]
