"""Put synthetic face masks on faces in a video, or take masks off, and change nothing else.

The names below are loaded when they are first used, so that ``facemask-video --help`` does not wait
for the networks' libraries.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facemask_video.config import ConvertConfig
    from facemask_video.core.direction import Direction
    from facemask_video.core.errors import FacemaskVideoError
    from facemask_video.pipeline.convert import convert
    from facemask_video.video.probe import probe

__version__ = "0.1.0"

__all__ = ["ConvertConfig", "Direction", "FacemaskVideoError", "__version__", "convert", "probe"]

_HOMES = {
    "ConvertConfig": "facemask_video.config",
    "Direction": "facemask_video.core.direction",
    "FacemaskVideoError": "facemask_video.core.errors",
    "convert": "facemask_video.pipeline.convert",
    "probe": "facemask_video.video",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its home (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
