"""Write a run into a file, or into files of some minutes each."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from facemask_video.core.errors import VideoWriteError
from facemask_video.core.files import Part
from facemask_video.video import LIVE_CLOCK, LiveContainer, LivePacket, check_outputs

_DIGITS = 4


class Files:
    """A file, or one after the other; each gets its name when it is complete.

    Attributes:
        written: Those that are complete.

    Args:
        target: The file; with segments its name goes before their numbers.
        open_container: Opens a container at a hidden path.
        segment_s: Length of each; None for one file.
        overwrite: Replace files that exist.
        want_key: Asks the encoder for a picture with which a file can begin.
    """

    def __init__(
        self,
        target: Path,
        open_container: Callable[[Path], LiveContainer],
        *,
        segment_s: float | None,
        overwrite: bool,
        want_key: Callable[[], None],
    ) -> None:
        self._target, self._open, self._overwrite = target, open_container, overwrite
        self._segment = None if segment_s is None else round(segment_s / LIVE_CLOCK)
        self._want_key = want_key
        self.written: list[Path] = []
        self.notes: list[str] = []
        self._begun_at = 0
        self._part: Part | None = None
        self._container: LiveContainer | None = None
        check_outputs([self._path(1)], inputs=[], overwrite=overwrite)

    def write(self, packet: LivePacket) -> None:
        """Write a packet, into the next file where that is due.

        Raises:
            VideoWriteError: It cannot be written; files that are complete stay.
        """
        if self._container is not None and self._is_due(packet):
            if packet.is_key:
                self._complete()
            else:
                self._want_key()
        if self._container is None:
            if packet.is_audio or not packet.is_key:
                return
            self._begin(packet)
        assert self._container is not None, "begun above"
        self._container.write(packet)

    def finish(self) -> None:
        """Complete the last file.

        Raises:
            VideoWriteError: It cannot be completed.
        """
        try:
            if self._container is not None:
                self._complete()
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove what is not complete; a second call does nothing."""
        container, self._container = self._container, None
        if container is not None:
            container.abandon()
        part, self._part = self._part, None
        if part is not None:
            part.close()

    def _is_due(self, packet: LivePacket) -> bool:
        late = self._segment is not None and packet.pts - self._begun_at >= self._segment
        return late and not packet.is_audio

    def _path(self, number: int) -> Path:
        if self._segment is None:
            return self._target
        return self._target.with_stem(f"{self._target.stem}-{number:0{_DIGITS}d}")

    def _begin(self, packet: LivePacket) -> None:
        path = self._path(len(self.written) + 1)
        check_outputs([path], inputs=[], overwrite=self._overwrite)
        try:
            self._part = Part(path.absolute())
        except OSError as exc:
            raise VideoWriteError(f"{path}: cannot be written there ({exc.strerror}).") from exc
        self._container = self._open(self._part.path)
        if not self.written:
            self.notes += self._container.notes
        self._begun_at = packet.pts

    def _complete(self) -> None:
        container, self._container = self._container, None
        assert container is not None, "one is begun"
        assert self._part is not None, "in a part"
        path = self._path(len(self.written) + 1)
        container.close()
        try:
            self._part.path.replace(path)
        except OSError as exc:
            raise VideoWriteError(f"{path}: cannot be put in place ({exc.strerror}).") from exc
        self.written.append(path)
        part, self._part = self._part, None
        with contextlib.suppress(OSError):
            part.close()
