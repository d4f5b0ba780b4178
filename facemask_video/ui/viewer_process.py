"""The server's end of a process that looks into files."""

import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import (
    ForkServerContext,
    ForkServerProcess,
    SpawnContext,
    SpawnProcess,
)
from typing import Any

from facemask_video.core.errors import VideoReadError
from facemask_video.ui.viewer import Answer, Progress, Request, look

FRESH: SpawnContext = multiprocessing.get_context("spawn")
"""A new interpreter: answers what a file is before the libraries of networks are loaded."""

FORKED: ForkServerContext = multiprocessing.get_context("forkserver")
"""A fork of the process from which a batch's workers come, which holds the libraries."""

_GRACE_S = 5.0


class ViewerProcess:
    """One process, started when it is first needed and again after it died.

    Requests wait for one another. All methods may be called from any thread.
    """

    def __init__(self, context: SpawnContext | ForkServerContext = FRESH) -> None:
        """Start nothing yet.

        Args:
            context: How the process is started.
        """
        self._context = context
        self._busy = threading.Lock()
        self._process: SpawnProcess | ForkServerProcess | None = None
        self._connection: Connection | None = None
        self._closed = False

    def ask(
        self, request: Request, on_progress: Callable[[int, int | None], None] | None = None
    ) -> Any:
        """Return what was asked for.

        Args:
            request: What.
            on_progress: Called with frames done and expected, where the request tells them.

        Raises:
            VideoReadError: It cannot be had; the message says why.
        """
        with self._busy:
            connection = self._started()
            try:
                connection.send(request)
                while isinstance(answer := connection.recv(), Progress):
                    if on_progress is not None:
                        on_progress(answer.done, answer.total)
            except (EOFError, OSError):
                self._forget()
                if self._closed:
                    raise VideoReadError("the page was closed meanwhile.") from None
                raise VideoReadError(
                    "the process that read the file ended; the file may be damaged."
                ) from None
        assert isinstance(answer, Answer), "nothing else is sent"
        if answer.why is not None:
            raise VideoReadError(answer.why)
        return answer.content

    def close(self) -> None:
        """End the process and what it does, whoever waits for it."""
        self._closed = True
        process = self._process
        if process is not None:
            process.terminate()
            process.join(_GRACE_S)
            if process.is_alive():
                process.kill()

    def _started(self) -> Connection:
        if self._closed:
            raise VideoReadError("the page was closed meanwhile.")
        if self._process is None or self._connection is None or not self._process.is_alive():
            self._forget()
            ours, theirs = self._context.Pipe()
            self._process = self._context.Process(target=look, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
            self._connection = ours
        return self._connection

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.join(_GRACE_S)
        self._process = self._connection = None
