"""Configure logging: the command line is the only place that does."""

import logging
import sys


def configure_logging(*, quiet: bool, verbose: int) -> None:
    """Send this package's log to stderr: warnings, or errors only, or more and more."""
    level = logging.WARNING
    if quiet:
        level = logging.ERROR
    elif verbose:
        level = logging.INFO if verbose == 1 else logging.DEBUG
    log = logging.getLogger("facemask_video")
    log.setLevel(level)
    for handler in log.handlers[:]:
        if isinstance(handler, _StderrHandler):
            log.removeHandler(handler)
    handler = _StderrHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    log.addHandler(handler)


def is_verbose() -> bool:
    """Return whether the user asked for more than warnings."""
    return logging.getLogger("facemask_video").isEnabledFor(logging.INFO)


class _StderrHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to whatever `sys.stderr` is when a record comes, as a test may have replaced it."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)
