"""Which options of a conversion have no part in pictures."""

from facemask_video.config import ConvertConfig, TracksConfig
from facemask_video.config.settings import settings_of
from facemask_video.core.errors import ConfigError

# Options of sections that have a part in pictures, which all the same are of clips.
_OF_CLIPS = frozenset(
    {
        "detect.every",
        "detect.size_px",
        "composite.temporal",
        "composite.reference",
        "output.resume",
    }
)
_SECTIONS_OF_CLIPS = ("source.", "video.", "track.")
_OF_BOTH = frozenset({"video.max_pixels"})


def is_of_clips(name: str) -> bool:
    """Return whether a setting of a conversion has no part in pictures.

    >>> is_of_clips("track.smoothing"), is_of_clips("video.max_pixels")
    (True, False)
    """
    return name not in _OF_BOTH and (name in _OF_CLIPS or name.startswith(_SECTIONS_OF_CLIPS))


def check_options(config: ConvertConfig | TracksConfig) -> None:
    """Refuse options that were given and change nothing in a picture.

    Raises:
        ConfigError: One was; it is named.
    """
    for named in settings_of(type(config)):
        if is_of_clips(named.name):
            section, key = named.name.split(".")
            if getattr(getattr(config, section), key) != named.default:
                flag = (named.setting.flags or (f"--{key.replace('_', '-')}",))[0]
                raise ConfigError(f"{named.name}: {flag} has no part in a picture; leave it out.")
