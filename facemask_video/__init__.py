"""Put synthetic face masks on faces in a video, or take masks off, and change nothing else.

The names below are loaded when they are first used, so that ``facemask-video --help`` does not wait
for the networks' libraries.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facemask_video.api import (
        Inspection,
        convert_batch,
        convert_video,
        extract_crops,
        inspect_video,
        live_video,
        load_networks,
        preview_clip,
        preview_video,
        track_video,
        translate_image,
        verify_video,
    )
    from facemask_video.batch.run import BatchReport
    from facemask_video.config import (
        BatchConfig,
        ConvertConfig,
        ExtractConfig,
        LiveConfig,
        PreviewConfig,
        TracksConfig,
    )
    from facemask_video.core.direction import Direction
    from facemask_video.core.errors import (
        BatchError,
        ConfigError,
        CropsError,
        DeviceError,
        FacemaskVideoError,
        TracksError,
        VideoReadError,
        VideoWriteError,
        WeightsError,
    )
    from facemask_video.extract.finalize import SetReport
    from facemask_video.pipeline.load_networks import Networks
    from facemask_video.pipeline.preview import Preview
    from facemask_video.pipeline.report import ConversionReport, TrackingReport
    from facemask_video.verify import VerifyReport

__version__ = "0.2.0"

# torch's OpenMP threads burn a core each while they wait for one another, which on a busy machine
# takes several times the work itself. It is read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

_NAMES = {
    "facemask_video.api": (
        "Inspection",
        "convert_batch",
        "convert_video",
        "extract_crops",
        "inspect_video",
        "live_video",
        "load_networks",
        "preview_clip",
        "preview_video",
        "track_video",
        "translate_image",
        "verify_video",
    ),
    "facemask_video.batch.run": ("BatchReport",),
    "facemask_video.config": (
        "BatchConfig",
        "ConvertConfig",
        "ExtractConfig",
        "LiveConfig",
        "PreviewConfig",
        "TracksConfig",
    ),
    "facemask_video.core.direction": ("Direction",),
    "facemask_video.core.errors": (
        "BatchError",
        "ConfigError",
        "CropsError",
        "DeviceError",
        "FacemaskVideoError",
        "TracksError",
        "VideoReadError",
        "VideoWriteError",
        "WeightsError",
    ),
    "facemask_video.extract.finalize": ("SetReport",),
    "facemask_video.pipeline.load_networks": ("Networks",),
    "facemask_video.pipeline.preview": ("Preview",),
    "facemask_video.pipeline.report": ("ConversionReport", "TrackingReport"),
    "facemask_video.verify": ("VerifyReport",),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = [
    "BatchConfig",
    "BatchError",
    "BatchReport",
    "ConfigError",
    "ConversionReport",
    "ConvertConfig",
    "CropsError",
    "DeviceError",
    "Direction",
    "ExtractConfig",
    "FacemaskVideoError",
    "Inspection",
    "LiveConfig",
    "Networks",
    "Preview",
    "PreviewConfig",
    "SetReport",
    "TrackingReport",
    "TracksConfig",
    "TracksError",
    "VerifyReport",
    "VideoReadError",
    "VideoWriteError",
    "WeightsError",
    "__version__",
    "convert_batch",
    "convert_video",
    "extract_crops",
    "inspect_video",
    "live_video",
    "load_networks",
    "preview_clip",
    "preview_video",
    "track_video",
    "translate_image",
    "verify_video",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its home (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
