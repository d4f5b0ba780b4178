"""Commands of the user's that are told what happened."""

import os
import shlex
import subprocess

from facemask_video.config.batch import split_command

# Of `--on-each`, at once; the next waits for the oldest.
_MOST_RUNNING = 8


class Hooks:
    """Runs commands beside the batch, without a shell; values are in their environment alone.

    Attributes:
        failed: Commands that could not be started or ended with another code than 0, and why.
    """

    def __init__(self) -> None:
        self.failed: list[str] = []
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, command: str, **values: object) -> None:
        """Start a command.

        Args:
            command: Program and arguments, quoted as for a shell.
            **values: What its environment gets, each under ``FACEMASK_`` and its name.
        """
        if len(self._running) >= _MOST_RUNNING:
            self._end(self._running.pop(0))
        environment = {f"FACEMASK_{name}": _plain(value) for name, value in values.items()}
        try:
            self._running.append(
                subprocess.Popen(
                    split_command(command),
                    env=os.environ | environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                )
            )
        except OSError as exc:
            self.failed.append(f"{command}: cannot be run ({exc.strerror})")

    def wait(self) -> None:
        """Wait for all that were started."""
        while self._running:
            self._end(self._running.pop(0))

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        if code != 0:
            assert isinstance(process.args, list), "as they were given"
            self.failed.append(f"{shlex.join(map(str, process.args))}: ended with code {code}")


def _plain(value: object) -> str:
    text = os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    # An environment holds no zero bytes.
    return text.replace("\0", "")
