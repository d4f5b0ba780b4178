"""Go on with an interrupted conversion so that the result is that of an uninterrupted one.

What a conversion remembers from frame to frame (when to look for faces, who is who, smoothed
paths, votes, which crops share a batch) is not saved: it follows from the frames and from what the
networks answered. A run that goes on begins at the first frame again, with the detector's and the
classifier's answers read from journals and the generator not run on finished frames; so it comes to
the same state by the same code. Saved are: the answers, finished segments of encoded packets, of
each frame what was pasted where, and the past that `SteadyFaces` blends with, which follows from
pixels.
"""

import hashlib
import importlib.metadata
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from facemask_video import __version__
from facemask_video.config import ConvertConfig
from facemask_video.config.settings import as_plain
from facemask_video.core.errors import VideoWriteError
from facemask_video.core.faces import BlendedFrame, PastedFace, TrackedFace, TranslatedCrop
from facemask_video.core.files import sha256_file
from facemask_video.core.frame import Frame, Patch
from facemask_video.core.geometry import Box
from facemask_video.core.wording import counted
from facemask_video.pipeline.answers import (
    AnswerJournal,
    KeptClassifier,
    LateTranslator,
    StaleAnswers,
    kept_detector,
)
from facemask_video.pipeline.followed import FOLLOWED
from facemask_video.pipeline.load_networks import Finder, Networks
from facemask_video.pipeline.ranges import FRAMES, past_path, take_in, write_past
from facemask_video.pipeline.work_folder import WorkFolder
from facemask_video.video import Groups, SegmentStore

SEGMENT_FRAMES = 250
"""Frames in a segment: as far as x264 and x265 put key frames apart, so closed groups cost next to
nothing. What is done since the last one is done again."""

_LIBRARIES = ("torch", "torchvision", "av", "numpy", "opencv-python-headless", "scipy")
# What the source's identity is taken from, beside its size and time: 1 MiB at each end.
_ENDS_BYTES = 2**20
# Options that change what is said, or other files, but not the video.
_WITHOUT_EFFECT = {"overwrite", "report", "tracks_out", "progress", "resume"}
_UNCHANGED = "unchanged.txt"


class Resumption:
    """What an earlier run has done of a conversion, and what this one adds; a context manager.

    Attributes:
        store: The segments.
        frames_done: Frames in segments when this run began.
        notes: Whether it goes on, from where, or why it begins anew.
    """

    def __init__(
        self,
        source: Path,
        target: Path,
        config: ConvertConfig,
        networks: Networks,
        groups: Groups | None,
        *,
        to_the_end: bool = True,
    ) -> None:
        """Open or begin the work on an output.

        Args:
            source: The video that is read.
            target: The video that is written.
            config: What is asked for.
            networks: What is to be run.
            groups: Where segments end instead of after `SEGMENT_FRAMES`.
            to_the_end: Whether all that is left is done in this run; else ranges that others
                painted stay, where one is missing before them.

        Raises:
            VideoWriteError: It cannot be written, or another run works on it.
        """
        self.notes: list[str] = []
        self._folder = WorkFolder(target, identity(source, config, networks))
        folder = self._folder.path
        self._stack = ExitStack()
        self._stack.push(self._folder)
        try:
            if self._folder.begun_anew is not None:
                self.notes.append(
                    f"the work of an earlier run is not used: {self._folder.begun_anew}"
                )
            self.store = SegmentStore(folder, frames=None if groups else SEGMENT_FRAMES)
            before = self.store.frames_done
            ranges = 0
            if groups is None:
                ranges = take_in(folder, self.store, step=SEGMENT_FRAMES, to_the_end=to_the_end)
            self.frames_done = self.store.frames_done
            # Stages that paint forget, or have their past kept, every so many frames.
            self._painted_done = self.frames_done // SEGMENT_FRAMES * SEGMENT_FRAMES
            self._crops_done = self._open_frames()
            self._detector_journal = self._journal("detector.jsonl")
            self._classifier_journal = self._journal("classifier.jsonl")
        except BaseException as exc:
            if not isinstance(exc, StaleAnswers) and self._folder.holds_work:
                self._folder.keep()
            self._stack.close()
            raise
        self._past = self._past_path(self._painted_done)
        self._has_past = self._painted_done > 0 and self._past.is_file()
        self._painted = self._has_past
        # Kept by this run, or gone on from; filled in one thread and emptied in another.
        self._pasts = deque([self._painted_done] if self._has_past else [])
        if before:
            self.notes.append(f"went on after {counted(before, 'frame')} of an earlier run")
        if ranges:
            frames = counted(self.frames_done - before, "frame")
            self.notes.append(f"{frames} painted in {counted(ranges, 'range')} at once")

    def _journal(self, name: str) -> AnswerJournal:
        return self._stack.enter_context(AnswerJournal(self._folder.path / name))

    def _past_path(self, frames_done: int) -> Path:
        return past_path(self._folder.path, frames_done)

    def _open_frames(self) -> int:
        """Open the record behind the frames in segments, and count the crops not needed again."""
        path, crops, end = self._folder.path / FRAMES, 0, 0
        path.touch()
        with path.open("rb") as file:
            for index in range(self.frames_done):
                line = file.readline()
                if not line.endswith(b"\n"):
                    # A segment without its frames' record: a power cut, not a killed process.
                    raise StaleAnswers
                end += len(line)
                if index < self._painted_done:
                    crops += json.loads(line)[0]
        self._frames = self._stack.enter_context(path.open("ab", buffering=0))
        self._frames.truncate(end)
        return crops

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        interrupted = kind is not None and not issubclass(kind, Exception)
        if (
            kind is not None
            and kind is not StaleAnswers
            and (interrupted or self.store.frames_done)
        ):
            self._folder.keep()
        self._stack.close()

    def wrap(self, networks: Networks) -> Networks:
        """Return networks that are not asked for what an earlier run knows."""
        finder, classifier = networks.finder, networks.classifier
        if finder is not None:
            finder = Finder(kept_detector(finder.detector, self._detector_journal), finder.size_px)
        if classifier is not None:
            classifier = KeptClassifier(classifier, self._classifier_journal)
        # Without a past to go on from, faces are steadied, and so translated, from the beginning:
        # until something is painted there is next to nothing to translate.
        crops_done = self._crops_done if self._has_past else 0
        translator = LateTranslator(networks.translator, crops_done)
        return replace(networks, finder=finder, classifier=classifier, translator=translator)

    def kept(self) -> tuple[int, Mapping[str, NDArray[Any]]]:
        """Return the frame from which on faces are steadied, and their past; see `PastKeeper`."""
        if not self._has_past:
            return 0, {}
        with np.load(self._past, allow_pickle=False) as arrays:
            return self._painted_done, dict(arrays)

    def keep(
        self,
        frames_done: int,
        crops: Sequence[TranslatedCrop],
        state: Callable[[], Mapping[str, NDArray[Any]]],
    ) -> None:
        """Write the past every `SEGMENT_FRAMES` frames, once anything was painted.

        Raises:
            VideoWriteError: It cannot be written.
        """
        self._painted = self._painted or any(crop.alpha.any() for crop in crops)
        if not self._painted or frames_done <= self._painted_done or frames_done % SEGMENT_FRAMES:
            return
        write_past(self._past_path(frames_done), state())
        self._pasts.append(frames_done)

    def recall(self, items: Iterable[BlendedFrame]) -> Iterator[BlendedFrame]:
        """Yield each frame; those in segments with what was pasted there then, without pixels."""
        with (self._folder.path / FRAMES).open("rb") as file:
            for item in items:
                if item.source.index >= self.frames_done:
                    yield item
                    continue
                _, pasted = json.loads(file.readline())
                yield _recalled(item, pasted)

    def record(self, result: BlendedFrame) -> None:
        """Note what was pasted into a frame, before it is written.

        Raises:
            VideoWriteError: It cannot be written.
        """
        if self.holds(result.source):
            return
        try:
            self._frames.write(frame_record(result))
        except OSError as exc:
            raise VideoWriteError(
                f"{self._frames.name}: cannot be written ({exc.strerror}); check the space left."
            ) from exc
        self._tidy()

    @property
    def folder(self) -> Path:
        """Where the work lies."""
        return self._folder.path

    @property
    def followed(self) -> Path | None:
        """The record of a clip all of whose frames are in segments; None where there is none."""
        path = self._folder.path / FOLLOWED
        if not self.frames_done or not path.is_file():
            return None
        with path.open("rb") as file:
            return path if sum(1 for _ in file) == self.frames_done else None

    def keep_folder(self) -> None:
        """Leave the work there when the run ends."""
        self._folder.keep()

    def holds(self, frame: Frame) -> bool:
        """Tell whether a frame is in a segment of an earlier run."""
        return frame.index < self.frames_done

    def say_unchanged(self, reason: str) -> None:
        """Note that no face is translated, and why the pictures are encoded all the same."""
        (self._folder.path / _UNCHANGED).write_text(reason, "utf-8")

    @property
    def said_unchanged(self) -> str | None:
        """The reason that an earlier run noted; None where faces are translated."""
        path = self._folder.path / _UNCHANGED
        return path.read_text("utf-8") if self.frames_done and path.is_file() else None

    def _tidy(self) -> None:
        """Remove pasts that no run can go on from any more."""
        needed = self.store.frames_done // SEGMENT_FRAMES * SEGMENT_FRAMES
        while self._pasts and self._pasts[0] < needed:
            self._past_path(self._pasts.popleft()).unlink(missing_ok=True)


def frame_record(result: BlendedFrame) -> bytes:
    """Return a line that says what was pasted into a frame."""
    crops = sum(
        face.verdict is None or face.verdict.translate is not False for face in result.faces
    )
    pasted = [
        [each.face.track_id.number, *_edges(each.patch.box), each.painted_share]
        for each in result.pasted
    ]
    return json.dumps([crops, pasted], separators=(",", ":")).encode() + b"\n"


def identity(source: Path, config: ConvertConfig, networks: Networks) -> dict[str, Any]:
    """Return all that decides a conversion's pixels, as plain data."""
    options = as_plain(config)
    for name in _WITHOUT_EFFECT & options["output"].keys():
        del options["output"][name]
    # Which of several GPUs it is makes no difference.
    del options["translate"]["device"]
    device, _, _ = networks.device["device"].partition(":")
    tracks = config.replay.tracks
    style = config.translate.style
    picture = None if style is None or not Path(style).is_file() else sha256_file(Path(style))
    return {
        "program": __version__,
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "source": _describe_file(source),
        "tracks": None if tracks is None else sha256_file(tracks),
        "style": picture,
        "weights": networks.weights.get("sha256"),
        "device": {**networks.device, "device": device},
        "options": options,
        "segment_frames": SEGMENT_FRAMES,
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _describe_file(path: Path) -> dict[str, Any]:
    about = path.stat()
    with path.open("rb") as file:
        ends = file.read(_ENDS_BYTES)
        file.seek(max(0, about.st_size - _ENDS_BYTES))
        ends += file.read(_ENDS_BYTES)
    sha256 = hashlib.sha256(ends).hexdigest()
    return {"bytes": about.st_size, "mtime_ns": about.st_mtime_ns, "sha256_of_ends": sha256}


def _edges(box: Box) -> tuple[int, int, int, int]:
    return int(box.x0), int(box.y0), int(box.x1), int(box.y1)


def _recalled(item: BlendedFrame, pasted: list[list[float]]) -> BlendedFrame:
    """Return a frame with its faces sorted as they were into pasted ones and others."""
    faces: list[TrackedFace] = list(item.faces)
    found: list[PastedFace] = []
    for number, *edges, share in pasted:
        face = next((face for face in faces if face.track_id.number == number), None)
        if face is None:
            raise StaleAnswers
        faces.remove(face)
        found.append(PastedFace(face, _empty(Box(*edges)), share))
    return BlendedFrame(item.source, item.source, tuple(found), tuple(faces))


def _empty(box: Box) -> Patch:
    shape = (int(box.height_px), int(box.width_px))
    return Patch(box, np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.float32))
