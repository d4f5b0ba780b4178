"""The process of one worker: networks loaded once, then task after task until told to end."""

import logging
import os
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

from facemask_video.batch.end_with_parent import end_with_parent
from facemask_video.batch.task import Finished, Progress, Ready, WorkerSettings


def work(
    worker: int, connection: Connection, lock: "object", log: Path, settings: WorkerSettings
) -> None:
    """Work until the connection closes; the target of a process.

    Ctrl-C is the batch's to hear. SIGTERM unwinds, so that no part of a file stays behind. Without
    its batch a worker has nothing to live for, and ends at once.

    Args:
        worker: Its number.
        connection: Tasks come here, events go there.
        lock: The file of the run's lock, which this process holds for as long as it lives.
        log: Where the errors of libraries go that write to stderr.
        settings: The rest.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    held = lock.detach()  # type: ignore[attr-defined]  # multiprocessing's DupFd has no public type
    assert held >= 0, "kept open to the end"
    end_with_parent()
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    logging.basicConfig(format="%(levelname)s: %(message)s")
    # Not loaded by the batch itself, which imports this file to name `work`.
    import torch

    from facemask_video.batch.converter import Converter

    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    converter = Converter(settings)
    connection.send(Ready(worker, torch.cuda.device_count()))
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return

        def on_frames(done: int, total: int | None) -> None:
            connection.send(Progress(worker, done, total))

        connection.send(Finished(worker, converter.run(task, on_frames)))


def _leave(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)
