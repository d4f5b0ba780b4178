"""The options of every command: the only home of their defaults, ranges and choices.

Order of precedence: these defaults, then a TOML file, then what was typed (or set in the
environment). The command line is generated from them.
"""

import dataclasses
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

from facemask_video.config.batch import (
    BatchClusterConfig,
    BatchInputConfig,
    BatchOutputConfig,
    BatchRunConfig,
)
from facemask_video.config.extract import CurateConfig, ExtractConfig
from facemask_video.config.faces import DetectConfig, ReplayConfig, SelectConfig, TrackConfig
from facemask_video.config.live import LiveOutputConfig, LiveSourceConfig
from facemask_video.config.result import (
    CompositeConfig,
    FacePart,
    LabelConfig,
    NetworksConfig,
    OutputConfig,
    ResultConfig,
    TracksOutputConfig,
    TranslateConfig,
)
from facemask_video.config.settings import as_plain, check, section, setting
from facemask_video.config.video import RangeConfig, SourceConfig, VideoConfig
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError

__all__ = [
    "BatchClusterConfig",
    "BatchConfig",
    "BatchInputConfig",
    "BatchOutputConfig",
    "BatchRunConfig",
    "CompositeConfig",
    "ConvertConfig",
    "CurateConfig",
    "DetectConfig",
    "ExtractConfig",
    "FacePart",
    "FollowConfig",
    "GeneratorConfig",
    "ImageConfig",
    "LabelConfig",
    "LiveConfig",
    "NetworksConfig",
    "OutputConfig",
    "PreviewConfig",
    "RangeConfig",
    "ReplayConfig",
    "SelectConfig",
    "SourceConfig",
    "TrackConfig",
    "TracksConfig",
    "TracksOutputConfig",
    "TranslateConfig",
    "VideoConfig",
    "to_json",
]


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """Whether masks are put on or taken off, and by which networks."""

    direction: Direction = setting(
        flags=("--direction", "-d"),
        metavar="mask|unmask",
        help="Put masks on (mask, AtoB) or take them off (unmask, BtoA)",
        heading="Direction",
    )
    translate: TranslateConfig = section(TranslateConfig, "Generator")

    def __post_init__(self) -> None:
        check(self)
        if self.direction is Direction.UNMASK and self.translate.asks_for_style:
            raise ConfigError(
                "translate.style: --style, --style-seed and --mask-color choose the mask that is "
                "put on; leave them out of unmask."
            )


def _check_all_video(video: VideoConfig, select: SelectConfig) -> None:
    if video.all_video and select.faces.startswith("track:"):
        raise ConfigError(
            f"select.faces: got {select.faces!r} beside --all-video: each video stream numbers its "
            "own persons; take all or largest."
        )


@dataclass(frozen=True, slots=True)
class ConvertConfig(GeneratorConfig):
    """Everything that decides what a conversion does, but for the two files."""

    detect: DetectConfig = section(DetectConfig, "Finding faces")
    track: TrackConfig = section(TrackConfig, "Following faces")
    select: SelectConfig = section(SelectConfig, "Which faces")
    replay: ReplayConfig = section(ReplayConfig, "Faces from a file")
    composite: CompositeConfig = section(CompositeConfig, "Blending")
    source: SourceConfig = section(SourceConfig, "Reading and encoding")
    video: VideoConfig = section(VideoConfig, "Reading and encoding")
    output: OutputConfig = section(OutputConfig, "Output")

    def __post_init__(self) -> None:
        GeneratorConfig.__post_init__(self)
        _check_all_video(self.video, self.select)


@dataclass(frozen=True, slots=True)
class PreviewConfig(GeneratorConfig):
    """Everything that decides what the preview of a moment shows."""

    at_s: float | None = setting(
        None,
        low=0,
        flags=("--at",),
        metavar="TIME",
        is_time=True,
        default_text="the middle of the clip",
        help="The moment, in seconds or HH:MM:SS; of a picture the whole is shown",
        heading="Preview",
    )
    boxes: bool = setting(
        False,
        help="Draw each face's box, number, score and landmarks and the classifier's verdict on "
        "the result, as --debug-overlay of convert",
        heading="Preview",
    )
    overwrite: bool = setting(
        False,
        flags=("--overwrite", "-y"),
        help="Replace the file if it exists already",
        heading="Preview",
    )
    detect: DetectConfig = section(DetectConfig, "Finding faces")
    track: TrackConfig = section(TrackConfig, "Following faces")
    select: SelectConfig = section(SelectConfig, "Which faces")
    replay: ReplayConfig = section(ReplayConfig, "Faces from a file")
    composite: CompositeConfig = section(CompositeConfig, "Blending")
    output: LabelConfig = section(LabelConfig, "Label")

    def conversion(
        self, *, start_s: float | None = None, end_s: float | None = None
    ) -> ConvertConfig:
        """Return what the conversion of the seconds around the moment goes by.

        Args:
            start_s: Where they begin.
            end_s: Where they end.
        """
        return ConvertConfig(
            direction=self.direction,
            translate=self.translate,
            detect=self.detect,
            track=self.track,
            select=self.select,
            replay=self.replay,
            composite=self.composite,
            video=VideoConfig(start_s=start_s, end_s=end_s),
            output=OutputConfig(
                label=self.output.label,
                label_on=self.output.label_on,
                layout="triple",
                no_face="encode",
                debug_overlay=self.boxes,
                overwrite=self.overwrite,
                progress="none",
            ),
        )


@dataclass(frozen=True, slots=True)
class BatchConfig(GeneratorConfig):
    """Everything that decides what a batch does, but for the inputs and the folder."""

    source: SourceConfig = section(SourceConfig, "Which files")
    inputs: BatchInputConfig = section(BatchInputConfig, "Which files")
    output: BatchOutputConfig = section(BatchOutputConfig, "Results")
    run: BatchRunConfig = section(BatchRunConfig, "Running")
    cluster: BatchClusterConfig = section(BatchClusterConfig, "Many machines")
    detect: DetectConfig = section(DetectConfig, "Finding faces")
    track: TrackConfig = section(TrackConfig, "Following faces")
    select: SelectConfig = section(SelectConfig, "Which faces")
    composite: CompositeConfig = section(CompositeConfig, "Blending")
    video: VideoConfig = section(VideoConfig, "Reading and encoding")

    def __post_init__(self) -> None:
        GeneratorConfig.__post_init__(self)
        _check_all_video(self.video, self.select)

    def for_file(
        self,
        *,
        overwrite: bool = False,
        tracks_out: Path | None = None,
        device: str | None = None,
    ) -> ConvertConfig:
        """Return what the conversion of one file goes by.

        Args:
            overwrite: Whether its result may replace a file.
            tracks_out: Where its faces and regions are written.
            device: In place of the batch's.
        """
        translate = self.translate
        if device is not None:
            translate = dataclasses.replace(translate, device=device)
        return ConvertConfig(
            direction=self.direction,
            source=self.source,
            translate=translate,
            detect=self.detect,
            track=self.track,
            select=self.select,
            composite=self.composite,
            video=self.video,
            output=OutputConfig(
                **{f.name: getattr(self.output, f.name) for f in fields(ResultConfig)},
                overwrite=overwrite,
                tracks_out=tracks_out,
                resume=True,
                progress="none",
            ),
        )


@dataclass(frozen=True, slots=True)
class LiveConfig(GeneratorConfig):
    """Everything that decides what a live run does, but for the source and the outputs."""

    source: LiveSourceConfig = section(LiveSourceConfig, "Source")
    output: LiveOutputConfig = section(LiveOutputConfig, "Output")
    detect: DetectConfig = section(DetectConfig, "Finding faces")
    track: TrackConfig = section(TrackConfig, "Following faces")
    select: SelectConfig = section(SelectConfig, "Which faces")
    composite: CompositeConfig = section(CompositeConfig, "Blending")

    def conversion(self, *, look_ahead: int) -> ConvertConfig:
        """Return what the stages go by.

        Args:
            look_ahead: Most frames that the latency allows faces to be smoothed over.
        """
        return ConvertConfig(
            direction=self.direction,
            translate=self.translate,
            detect=self.detect,
            track=dataclasses.replace(
                self.track, look_ahead=min(self.track.look_ahead, look_ahead)
            ),
            select=self.select,
            composite=self.composite,
            output=OutputConfig(
                label=self.output.label,
                label_on=self.output.label_on,
                debug_overlay=self.output.debug_overlay,
                progress="none",
            ),
        )


@dataclass(frozen=True, slots=True)
class ImageConfig(GeneratorConfig):
    """Everything that decides how a single picture is translated."""

    detect: DetectConfig = section(DetectConfig, "Finding faces")
    select: SelectConfig = section(SelectConfig, "Which faces")
    composite: CompositeConfig = section(CompositeConfig, "Blending")


@dataclass(frozen=True, slots=True)
class TracksConfig:
    """Everything that decides what tracking does, but for the two files."""

    video: RangeConfig = section(RangeConfig, "Reading")
    detect: DetectConfig = section(DetectConfig, "Finding faces")
    track: TrackConfig = section(TrackConfig, "Following faces")
    select: SelectConfig = section(SelectConfig, "Which faces")
    networks: NetworksConfig = section(NetworksConfig, "Networks")
    output: TracksOutputConfig = section(TracksOutputConfig, "Output")


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
