"""Settings of reading and encoding."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from facemask_video.config.settings import Checked, check, setting
from facemask_video.core.errors import ConfigError
from facemask_video.core.limits import MAX_PIXELS

OnChange = Literal["scale", "error"]

MAX_PIXELS_OPTION: dict[str, Any] = {
    "low": 1,
    "metavar": "N",
    "help": "Most pixels of a picture or frame, width by height: a header that claims more is "
    "refused before anything is allocated for it",
}
"""What this setting is in every command."""


@dataclass(frozen=True, slots=True)
class SourceConfig(Checked):
    """What the input is, where it does not say so itself."""

    frames: str | None = setting(
        None,
        metavar="RATE",
        help="Read the folder IN of numbered pictures as a clip of so many frames a second, 25 or "
        "30000/1001; OUT is such a folder, or a video where it is called as one",
    )


@dataclass(frozen=True, slots=True)
class RangeConfig(Checked):
    """What part of the input is read."""

    start_s: float | None = setting(
        None,
        low=0,
        flags=("--start",),
        metavar="TIME",
        is_time=True,
        help="Begin at this time, in seconds or HH:MM:SS",
    )
    end_s: float | None = setting(
        None,
        low=0,
        low_open=True,
        flags=("--end",),
        metavar="TIME",
        is_time=True,
        help="Stop before this time, in seconds or HH:MM:SS",
    )
    max_pixels: int = setting(MAX_PIXELS, **MAX_PIXELS_OPTION)

    def __post_init__(self) -> None:
        check(self)
        if self.start_s is not None and self.end_s is not None and self.end_s <= self.start_s:
            raise ConfigError(
                f"video.end_s: got {self.end_s:g}, expected more than the start, {self.start_s:g}."
            )


@dataclass(frozen=True, slots=True)
class VideoConfig(RangeConfig):
    """What part of the input is read and how the output is encoded."""

    on_change: OnChange = setting(
        "scale",
        help="Where pictures change their size, pixel format or range on the way: bring them into "
        "the first one's, or fail",
    )
    encoder: str = setting(
        "libx264", metavar="NAME", help="Video encoder; ffv1 into .mkv is lossless"
    )
    crf: float | None = setting(
        None,
        low=0,
        high=63,
        default_text="18 where the encoder has it",
        help="Quality of the encoder, lower is better",
    )
    preset: str | None = setting(
        None, metavar="NAME", default_text="the encoder's own", help="Speed preset of the encoder"
    )
    pixel_format: str | None = setting(
        None,
        flags=("--pix-fmt",),
        metavar="NAME",
        default_text="the input's, where the encoder can",
        help="Pixel format of the output",
    )
    encoder_options: Mapping[str, str] = setting(
        {},
        flags=("--encoder-opt",),
        metavar="KEY=VALUE",
        help="Further option of the encoder; repeatable",
    )
    smart_copy: bool = setting(
        False,
        help="Copy as packets the groups of pictures in which no face is translated, and encode "
        "the others; H.264 by libx264 into .mp4, .mov, .mkv or .ts, where key frames begin closed "
        "groups",
    )
    all_video: bool = setting(
        False,
        help="Convert every video stream, such as a second camera or programme, and the cover "
        "picture; otherwise they are kept as they are, which is said. The further ones come first, "
        "each is encoded as the main one is",
    )
    audio: bool = setting(True, help="Copy the audio streams")
    strict_streams: bool = setting(
        False, help="Fail where the output's container cannot hold one of the input's streams"
    )
