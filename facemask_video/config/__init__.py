"""The options of every command: the only home of their defaults, ranges and choices.

Order of precedence: these defaults, then a TOML file, then what was typed (or set in the
environment). The command line is generated from them.
"""

import json
from dataclasses import dataclass, field
from typing import Protocol

from facemask_video.config.extract import CurateConfig, ExtractConfig
from facemask_video.config.persons import DetectConfig, ReplayConfig, SelectConfig, TrackConfig
from facemask_video.config.result import (
    CompositeConfig,
    NetworksConfig,
    OutputConfig,
    TracksOutputConfig,
    TranslateConfig,
)
from facemask_video.config.settings import as_plain, check, setting
from facemask_video.config.video import RangeConfig, VideoConfig
from facemask_video.core.direction import Direction

__all__ = [
    "CompositeConfig",
    "ConvertConfig",
    "CurateConfig",
    "DetectConfig",
    "ExtractConfig",
    "FollowConfig",
    "NetworksConfig",
    "OutputConfig",
    "RangeConfig",
    "ReplayConfig",
    "SelectConfig",
    "TrackConfig",
    "TracksConfig",
    "TracksOutputConfig",
    "TranslateConfig",
    "VideoConfig",
    "to_json",
]


@dataclass(frozen=True, slots=True)
class ConvertConfig:
    """Everything that decides what a conversion does, but for the two files."""

    direction: Direction = setting(
        flags=("--direction", "-d"),
        metavar="mask|unmask",
        help="Put masks on (mask, AtoB) or take them off (unmask, BtoA)",
    )
    video: VideoConfig = field(default_factory=VideoConfig)
    detect: DetectConfig = field(default_factory=DetectConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    select: SelectConfig = field(default_factory=SelectConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    translate: TranslateConfig = field(default_factory=TranslateConfig)
    composite: CompositeConfig = field(default_factory=CompositeConfig)
    output: OutputConfig = field(default_factory=OutputConfig)

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class TracksConfig:
    """Everything that decides what tracking does, but for the two files."""

    video: RangeConfig = field(default_factory=RangeConfig)
    detect: DetectConfig = field(default_factory=DetectConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    select: SelectConfig = field(default_factory=SelectConfig)
    networks: NetworksConfig = field(default_factory=NetworksConfig)
    output: TracksOutputConfig = field(default_factory=TracksOutputConfig)


class FollowConfig(Protocol):
    """What the configurations of all that follows faces have in common."""

    @property
    def detect(self) -> DetectConfig:
        """How faces are found."""
        ...

    @property
    def track(self) -> TrackConfig:
        """How faces are followed through time."""
        ...

    @property
    def select(self) -> SelectConfig:
        """Which of them are worked on."""
        ...


def to_json(config: ConvertConfig) -> str:
    """Write a configuration as JSON, sections as nested objects."""
    return json.dumps(as_plain(config), indent=2)
