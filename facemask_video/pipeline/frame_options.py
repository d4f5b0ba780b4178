"""What a conversion of a folder of frames is told: its rate, and what has no part in it."""

from fractions import Fraction
from pathlib import Path

from facemask_video.config import ConvertConfig
from facemask_video.config.settings import settings_of
from facemask_video.core.errors import ConfigError
from facemask_video.core.frame import VideoInfo
from facemask_video.stills.frames import FrameFolder, parse_rate
from facemask_video.video.target import MUXERS

_OF_READING = ("video.start_s", "video.end_s", "video.max_pixels")


def rate_of(config: ConvertConfig) -> Fraction:
    """Return the frames a second that were asked for.

    Raises:
        ConfigError: They are no rate.
    """
    text = config.source.frames or ""
    rate = parse_rate(text)
    if rate is None:
        raise ConfigError(
            f"source.frames: got {text!r}, expected frames a second, such as 25 or 30000/1001."
        )
    return rate


def check_frames(source: Path, target: Path | None, config: ConvertConfig) -> VideoInfo:
    """Describe a folder of frames, and refuse options that have no part where frames are written.

    Raises:
        ConfigError: An option was given that changes nothing, or the rate is none.
        VideoReadError: The folder holds no frames.
    """
    rate = rate_of(config)
    if config.output.sign is not None:
        raise ConfigError(
            "output.sign: --sign names one file as the source; leave it out with frames."
        )
    if target is None or target.suffix.lower() not in MUXERS:
        if config.output.resume:
            raise ConfigError(
                "output.resume: --resume goes on within a video; leave it out where frames are "
                "written."
            )
        for named in settings_of(ConvertConfig):
            section, _, key = named.name.partition(".")
            if section != "video" or named.name in _OF_READING:
                continue
            if getattr(config.video, key) != named.default:
                flag = (named.setting.flags or (f"--{key.replace('_', '-')}",))[0]
                raise ConfigError(
                    f"{named.name}: {flag} is for videos; leave it out where frames are written."
                )
    return FrameFolder(source, rate, max_pixels=config.video.max_pixels).info
