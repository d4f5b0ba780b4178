"""Read a video from standard input as often as it takes, and write one to standard output.

A conversion opens its source several times: for its first picture, for the frames, for the other
streams' packets. A pipe hands everything out once, so what came is kept in a temporary file, which
grows as far as somebody has read; who reads further waits for the pipe. So a conversion begins with
the first frames that come, and writes the first that are finished.
"""

import os
import select
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facemask_video.core.errors import VideoReadError, VideoWriteError

_STDIN_FD, _STDOUT_FD = 0, 1
_CHUNK_BYTES = 1 << 17
# How often who waits for the pipe looks whether the run is over. Nothing is late because of it.
_POLL_S = 0.1


class StandardInput:
    """What has come through standard input so far, to be read from any place by any thread.

    Args:
        fd: Where it comes from.
    """

    def __init__(self, fd: int = _STDIN_FD) -> None:
        self._fd = fd
        self._kept = tempfile.NamedTemporaryFile(prefix="facemask-video-")  # noqa: SIM115 - closed by `close`
        self._bytes = 0
        self._complete = False
        self._interrupted = threading.Event()
        self._growing = threading.Lock()

    def read_at(self, offset: int, count: int) -> bytes:
        """Return up to so many bytes, at least one; none at the end of the input.

        Raises:
            InterruptedError: The run is over.
            OSError: The input cannot be read on, or not be kept.
        """
        while offset >= self._bytes and not self._complete:
            self._grow(beyond=offset)
        return os.pread(self._kept.fileno(), count, offset)

    def complete(self) -> Path:
        """Read everything, and return the file in which it is kept."""
        while not self._complete:
            self._grow(beyond=self._bytes)
        return Path(self._kept.name)

    def interrupt(self) -> None:
        """Let who waits for the pipe wait no longer."""
        self._interrupted.set()

    def close(self) -> None:
        """Throw away what was kept."""
        self.interrupt()
        self._kept.close()

    def _grow(self, *, beyond: int) -> None:
        with self._growing:
            if self._complete or self._bytes > beyond:
                return
            while not select.select([self._fd], [], [], _POLL_S)[0]:
                if self._interrupted.is_set():
                    raise InterruptedError("the run is over")
            data = os.read(self._fd, _CHUNK_BYTES)
            if data:
                os.pwrite(self._kept.fileno(), data, self._bytes)
                self._bytes += len(data)
            else:
                self._complete = True


class InputReading:
    """One pass over the input, as FFmpeg takes a file: it cannot seek.

    Attributes:
        name: Says to FFmpeg what it is.
    """

    name = "standard input"

    def __init__(self, source: StandardInput) -> None:
        self._source = source
        self._offset = 0

    def read(self, count: int) -> bytes:
        """Return the next bytes; none at the end."""
        data = self._source.read_at(self._offset, count)
        self._offset += len(data)
        return data


class OutputWriting:
    """Standard output, as FFmpeg takes a file: it cannot seek.

    Attributes:
        name: Says to FFmpeg what it is.
        bytes_written: So far.
    """

    name = "standard output"

    def __init__(self, fd: int = _STDOUT_FD) -> None:
        self._fd = fd
        self._abandoned = False
        self.bytes_written = 0

    def abandon(self) -> None:
        """Write nothing more: what has no end must not look as if it had one."""
        self._abandoned = True

    def write(self, data: bytes) -> int:
        """Write all of it.

        Raises:
            BrokenPipeError: Nobody reads any more.
        """
        if self._abandoned:
            return len(data)
        left = memoryview(data)
        while left:
            left = left[os.write(self._fd, left) :]
        self.bytes_written += len(data)
        return len(data)


_input: StandardInput | None = None


def standard_input() -> StandardInput:
    """Return the process's one standard input, kept from its first byte on.

    Raises:
        VideoReadError: It is a terminal.
    """
    global _input
    if _input is None:
        if os.isatty(_STDIN_FD):
            raise VideoReadError("standard input: is a terminal; pipe a video into it.")
        _input = StandardInput()
    return _input


@contextmanager
def standard_input_kept() -> Iterator[None]:
    """Keep what comes through standard input until the block ends."""
    global _input
    try:
        yield
    finally:
        ended, _input = _input, None
        if ended is not None:
            ended.close()


def interrupt_standard_input() -> None:
    """Let no thread wait for standard input any longer; does nothing where it is not read."""
    if _input is not None:
        _input.interrupt()


def standard_output() -> OutputWriting:
    """Return standard output, to write one video to.

    Raises:
        VideoWriteError: It is a terminal.
    """
    if os.isatty(_STDOUT_FD):
        raise VideoWriteError("standard output: is a terminal; pipe it on, or into a file.")
    sys.stdout.flush()
    return OutputWriting()
