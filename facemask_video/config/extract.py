"""Settings of cutting training crops out of videos and pictures, and of curating them."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from facemask_video.config.faces import DetectConfig, SelectConfig, TrackConfig
from facemask_video.config.result import DEVICE, PROGRESS, Progress
from facemask_video.config.settings import Checked, check, section, setting
from facemask_video.config.video import RangeConfig
from facemask_video.core.errors import ConfigError

PARTS = ("eyes", "nose", "mouth", "lower-face")
"""Parts of a face that binary masks are made of."""

SPLITS = ("train", "val", "test")

BEST = 5
"""Crops of each track where nothing is said of sampling."""


@dataclass(frozen=True, slots=True)
class SampleConfig(Checked):
    """Which frames give crops."""

    every: str | None = setting(
        None,
        metavar="N|SECONDSs",
        default_text="see --best",
        help="One crop of each face in every N-th frame, or every so many seconds, such as 10 or "
        "0.5s",
    )
    best: int | None = setting(
        None,
        low=1,
        metavar="K",
        default_text=f"{BEST}, where --every is not given",
        help="At most K crops of each track: the sharpest, largest and most frontal ones, spread "
        "over its time",
    )

    def __post_init__(self) -> None:
        check(self)
        if self.every is not None and self.best is not None:
            raise ConfigError("sample: --every and --best exclude each other; give one of them.")
        if self.every is not None and self.every_frames is None and self.every_s is None:
            raise ConfigError(
                f"sample.every: got {self.every!r}, expected a number of frames (10) or seconds "
                "(0.5s), above 0."
            )

    @property
    def every_frames(self) -> int | None:
        """Distance of the frames that give crops, where it is given in frames."""
        text = self.every or ""
        return int(text) if re.fullmatch(r"0*[1-9]\d*", text) else None

    @property
    def every_s(self) -> Fraction | None:
        """Their distance in seconds, where it is given so."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*s", self.every or "")
        seconds = Fraction(match[1]) if match else Fraction(0)
        return seconds if seconds > 0 else None


@dataclass(frozen=True, slots=True)
class CropConfig(Checked):
    """What is written of each face."""

    size_px: int = setting(
        256, low=16, flags=("--size",), metavar="PX", help="Side of the aligned crops"
    )
    format: Literal["png", "jpeg"] = setting("png", help="Of the crops; masks are always PNG")
    raw: bool = setting(False, help="Also write each face's box as it lies in the frame")
    parts: str = setting(
        "",
        metavar="PART,...",
        default_text="none",
        help=f"Also write a binary mask of these parts of the face: {', '.join(PARTS)}",
    )
    landmarks: bool = setting(
        False, help="Also write the landmark picture on black, as pix2pix work uses it"
    )

    def __post_init__(self) -> None:
        check(self)
        for part in self.part_names:
            if part not in PARTS:
                raise ConfigError(f"crop.parts: got {part!r}, expected some of {', '.join(PARTS)}.")

    @property
    def part_names(self) -> tuple[str, ...]:
        """The parts, one by one."""
        return tuple(part.strip() for part in self.parts.split(",") if part.strip())


@dataclass(frozen=True, slots=True)
class FilterConfig(Checked):
    """Which crops are kept."""

    min_size_px: float = setting(
        40.0,
        low=0,
        flags=("--min-size",),
        metavar="PX",
        help="Smallest face, in px of the frame that it comes from",
    )
    min_sharpness: float = setting(
        0.11, low=0, help="Least share of fine detail in the contrast about the eyes"
    )
    max_yaw_deg: float = setting(
        45.0,
        low=0,
        high=90,
        flags=("--max-yaw",),
        metavar="DEGREES",
        help="Farthest turn of the head to a side, as estimated, which is less than it is: heads "
        "turned by 60 degrees are taken for 40 to 50",
    )
    min_score: float = setting(
        0.75,
        low=0,
        high=1,
        help="Least evidence of a face: the detector's score in the frame, and to three tenths "
        "that of a second detection, in the crop",
    )
    min_inside: float = setting(
        0.65,
        low=0,
        high=1,
        help="Least share of the face, from its middle to its edge, that the frame must not cut "
        "off on any side",
    )
    max_neighbour: float = setting(
        0.5,
        low=0,
        help="Most of another face in the crop, against the face itself, by the sides",
    )
    only: Literal["masked", "bare", "all"] = setting(
        "all", help="Keep masked faces, bare ones, or both"
    )
    wearing: Literal["right", "any"] = setting(
        "right",
        former_key="worn",
        help="Keep masked faces only where the mask covers nose and chin, or any",
    )
    dedupe: bool = setting(
        True, help="Keep one of the crops that look alike, within and across files"
    )
    dedupe_bits: int = setting(
        48, low=0, high=128, help="Most bits of 256 in which two crops look alike"
    )


@dataclass(frozen=True, slots=True)
class SplitConfig(Checked):
    """How a set is divided and laid out."""

    split: str = setting(
        "0.8,0.1,0.1",
        metavar="TRAIN,VAL,TEST",
        help="Shares of the splits",
    )
    split_by: Literal["source", "track", "time"] = setting(
        "source",
        help="What is never divided: a source, or each person's track in it; or each video by "
        "time: the beginning trains, the end tests",
    )
    split_gap_s: float = setting(
        2.0,
        low=0,
        flags=("--split-gap",),
        metavar="SECONDS",
        help="By time: left out about each border, where pictures on both sides are nearly the "
        "same",
    )
    seed: int = setting(0, low=0, help="Decides what falls into which split, but by time")
    layout: Literal["none", "cyclegan", "paired"] | None = setting(
        None,
        default_text="as the set is laid out by now",
        help="Also lay the crops out for pytorch-CycleGAN-and-pix2pix: trainA, trainB, testA ... "
        "with bare faces as A and masked ones as B, or train, val, test with the landmark picture "
        "and the crop side by side; none takes such folders away",
    )

    def __post_init__(self) -> None:
        check(self)
        self.shares  # noqa: B018 - raises where the text is wrong

    @property
    def shares(self) -> tuple[float, ...]:
        """The three shares, which add up to 1.

        Raises:
            ConfigError: They are no such shares.
        """
        try:
            shares = tuple(float(share) for share in self.split.split(","))
        except ValueError:
            shares = ()
        if len(shares) != len(SPLITS) or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
            raise ConfigError(
                f"split.split: got {self.split!r}, expected three shares that add up to 1, such as "
                "0.8,0.1,0.1."
            )
        return shares


@dataclass(frozen=True, slots=True)
class KeepConfig:
    """What becomes of crops that are rejected."""

    keep_rejected: bool = setting(False, help="Keep rejected crops, in the folder rejected")


@dataclass(frozen=True, slots=True)
class ExtractRunConfig(Checked):
    """Where the networks run, and what is said meanwhile."""

    device: str = setting("auto", **DEVICE)
    progress: Progress = setting("auto", **PROGRESS)


@dataclass(frozen=True, slots=True)
class ExtractConfig:
    """Everything that decides what extraction does, but for the files."""

    sample: SampleConfig = section(SampleConfig, "Which frames")
    crop: CropConfig = section(CropConfig, "What is written")
    filter: FilterConfig = section(FilterConfig, "What is kept")
    keep: KeepConfig = section(KeepConfig, "What is rejected")
    split: SplitConfig = section(SplitConfig, "Splits and layouts")
    video: RangeConfig = section(RangeConfig, "Reading")
    detect: DetectConfig = section(DetectConfig, "Finding faces")
    track: TrackConfig = section(TrackConfig, "Following faces")
    select: SelectConfig = section(SelectConfig, "Which faces")
    run: ExtractRunConfig = section(ExtractRunConfig, "Running")


@dataclass(frozen=True, slots=True)
class CurateConfig:
    """Everything that decides what curation does, but for the folder."""

    filter: FilterConfig = section(FilterConfig, "What is kept")
    split: SplitConfig = section(SplitConfig, "Splits and layouts")
