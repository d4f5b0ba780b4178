"""The options of a conversion: the only home of their defaults, ranges and choices.

Order of precedence: these defaults, then a TOML file, then what was typed (or set in the
environment). The command line is generated from this file.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from facemask_video.direction import Direction
from facemask_video.errors import ConfigError
from facemask_video.settings import as_plain, check, setting

_DEVICE = "auto|cpu|cuda[:i]"
_DEVICE_HELP = "Where the networks run; auto takes a GPU where there is one"
_PROGRESS = ("auto", "bar", "json", "none")
_PROGRESS_HELP = "Progress on stderr; auto is a bar on a terminal, json is one object a line"


@dataclass(frozen=True, slots=True)
class RangeConfig:
    """What part of the input is read."""

    start_s: float | None = setting(
        None,
        low=0,
        flags=("--start",),
        metavar="TIME",
        help="Begin at this time, in seconds or HH:MM:SS",
    )
    end_s: float | None = setting(
        None,
        low=0,
        low_open=True,
        flags=("--end",),
        metavar="TIME",
        help="Stop before this time, in seconds or HH:MM:SS",
    )

    def __post_init__(self) -> None:
        """Check values."""
        check(self)
        if self.start_s is not None and self.end_s is not None and self.end_s <= self.start_s:
            raise ConfigError(
                f"video.end_s: got {self.end_s:g}, expected more than the start, {self.start_s:g}."
            )


@dataclass(frozen=True, slots=True)
class VideoConfig(RangeConfig):
    """What part of the input is read and how the output is encoded."""

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
    audio: bool = setting(True, help="Copy the audio streams")
    strict_streams: bool = setting(
        False, help="Fail where the output's container cannot hold one of the input's streams"
    )


@dataclass(frozen=True, slots=True)
class DetectConfig:
    """How faces are found."""

    size_px: int = setting(
        0,
        low=0,
        zero_is_auto=True,
        flags=("--detect-size",),
        metavar="auto|PX",
        help="Longer side of the picture that faces are looked for in; auto is as small as "
        "--min-face allows",
    )
    every: int = setting(
        0,
        low=0,
        zero_is_auto=True,
        flags=("--detect-every",),
        metavar="auto|N",
        help="Look for new faces in every N-th frame; auto looks seldom while nothing happens",
    )
    threshold: float = setting(
        0.8,
        low=0,
        high=1,
        flags=("--detection-threshold",),
        help="Smallest score of a face",
    )
    min_face_px: float = setting(
        35.0,
        low=8,
        flags=("--min-face",),
        metavar="PX",
        help="Smallest face, in px of the frame",
    )

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class TrackConfig:
    """How faces are followed through time."""

    smoothing: str = setting(
        "kalman", choices=("kalman", "ema", "none"), help="How the path of a face is smoothed"
    )
    kf_noise: float = setting(
        1e-3,
        low=0,
        low_open=True,
        help="Process noise of the Kalman filter: more follows faster, less jitters less",
    )
    ema_coef: float = setting(
        0.65,
        low=0,
        high=1,
        high_open=True,
        help="Weight of the past in the moving average",
    )
    look_ahead: int = setting(
        30,
        low=0,
        metavar="FRAMES",
        help="Frames seen beyond the one that is worked on, and held in memory; 0 smooths from the "
        "past alone and fills no gap",
    )
    bridge_s: float = setting(
        1.0,
        low=0,
        flags=("--bridge",),
        metavar="SECONDS",
        help="Longest time unseen after which a face is still the same person; gaps up to this "
        "time and to --look-ahead are filled",
    )
    min_track_s: float = setting(
        0.2,
        low=0,
        flags=("--min-track",),
        metavar="SECONDS",
        help="A face seen for less time is taken for a mistake, unless its whole shot is as short",
    )

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class SelectConfig:
    """Which of the faces that were followed are worked on."""

    faces: str = setting(
        "all",
        metavar="all|largest|track:ID,...",
        help="All faces, the largest in each frame, or the tracks with these numbers, which "
        "--debug-overlay shows and --tracks-out writes",
    )
    max_faces: int | None = setting(
        None, low=1, default_text="no limit", help="Most faces in a frame; the largest are taken"
    )

    def __post_init__(self) -> None:
        """Check values."""
        check(self)
        if not re.fullmatch(r"all|largest|track:\d+(,\d+)*", self.faces):
            raise ConfigError(
                f"select.faces: got {self.faces!r}, expected all, largest or track:ID,... "
                "(track:0,3)."
            )


@dataclass(frozen=True, slots=True)
class ReplayConfig:
    """Whether faces are taken from a file instead of being looked for."""

    tracks: Path | None = setting(
        None,
        metavar="FILE.jsonl",
        default_text="look for faces",
        help="Take the faces from this file, which --tracks-out or the command track wrote for "
        "this very video and which may have been edited: no face is looked for, the options of "
        'finding and following have no part, and "translated": true or false is obeyed whatever '
        "the gate says",
    )

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class TranslateConfig:
    """Which generator runs, and on what."""

    weights: Path | None = setting(
        None,
        metavar="FILE",
        default_text="the shipped one for the direction",
        help="Weights file of the generator",
    )
    gate: str = setting(
        "auto",
        choices=("auto", "off"),
        help="Work only on the faces that the direction is for: unmask on masked ones, mask on "
        "bare ones, decided once for each person; off works on all",
    )
    batch_size: int = setting(8, low=1, help="Faces translated at once, gathered over frames")
    device: str = setting(
        "auto",
        metavar=_DEVICE,
        help=_DEVICE_HELP,
    )
    precision: str = setting(
        "auto",
        choices=("auto", "fp32", "bf16", "fp16"),
        help="Number format of the generator; auto is bf16 where the processor has it",
    )

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class CompositeConfig:
    """How a translated face is put back into its frame."""

    color: str = setting(
        "histogram",
        choices=("none", "histogram", "mean-std"),
        help="How the colours are matched to the frame, measured where the face is kept",
    )
    temporal: float = setting(
        0.5,
        low=0,
        high=1,
        help="How far a translated face is steadied by its own past where it moves little",
    )
    coverage: float = setting(
        0.9, low=0, low_open=True, high=1, help="Part of the aligned crop that may be replaced"
    )

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class OutputConfig:
    """What is written, and what is said meanwhile."""

    layout: str = setting(
        "result",
        choices=("result", "side-by-side", "triple"),
        help="Result alone, source beside result, or source, result and alpha",
    )
    overwrite: bool = setting(
        False, flags=("--overwrite", "-y"), help="Replace files that exist already"
    )
    report: Path | None = setting(
        None, metavar="FILE.json", help="Write counts, timings and the options used"
    )
    tracks_out: Path | None = setting(
        None, metavar="FILE.jsonl", help="Write the faces of each frame and the regions changed"
    )
    debug_overlay: bool = setting(
        False,
        help="Draw each face's box, number, score, landmarks and the gate's verdict on the output, "
        "what was filled in in another colour. Outside the faces the output is then no longer the "
        "source: verify fails where the drawing leaves the regions that --tracks-out names. The "
        "metadata says as ever that the faces are synthetic",
    )
    progress: str = setting(
        "auto",
        choices=_PROGRESS,
        help=_PROGRESS_HELP,
    )

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


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
class NetworksConfig:
    """Which networks run where there is no generator."""

    gate: str = setting(
        "off",
        choices=("auto", "off"),
        help="auto also says of each person whether the face is masked or bare; convert then goes "
        "by that",
    )
    device: str = setting("auto", metavar=_DEVICE, help=_DEVICE_HELP)

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class TracksOutputConfig:
    """How tracks are written, and what is said meanwhile."""

    overwrite: bool = setting(
        False, flags=("--overwrite", "-y"), help="Replace the file if it exists already"
    )
    progress: str = setting("auto", choices=_PROGRESS, help=_PROGRESS_HELP)

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
