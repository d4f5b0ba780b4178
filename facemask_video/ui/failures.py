"""What the page says of work that failed in another process."""

import logging

from facemask_video.core.errors import FacemaskVideoError

logger = logging.getLogger(__name__)


def why_it_failed(error: Exception, *, what: str, request: object) -> str:
    """Return in one line why work failed; what nobody foresaw is logged with its traceback.

    Args:
        error: The exception that is being handled.
        what: What the work is on, as "file".
        request: What was asked for, for the log.
    """
    line = " ".join(str(error).split())
    if isinstance(error, FacemaskVideoError):
        return line
    if isinstance(error, MemoryError):
        return f"there is not enough memory for this {what}."
    logger.exception("%r", request)
    return f"{type(error).__name__}: {line}"
