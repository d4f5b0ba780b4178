"""Settings of commands that only say something."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facemask_video.config.settings import Checked, setting
from facemask_video.config.video import MAX_PIXELS_OPTION, RangeConfig
from facemask_video.core.limits import MAX_PIXELS


@dataclass(frozen=True, slots=True)
class PrintConfig(Checked):
    """How what a command finds is printed."""

    json: bool = setting(False, help="Print one JSON object")


@dataclass(frozen=True, slots=True)
class InspectConfig(PrintConfig):
    """What is read of a file, whom to trust, and how what is found is printed."""

    trust: Path | None = setting(
        None,
        metavar="ROOTS.pem",
        default_text="nobody, and says so",
        help="Root certificates that the signers of Content Credentials must lead to",
    )
    max_pixels: int = setting(MAX_PIXELS, **MAX_PIXELS_OPTION)


@dataclass(frozen=True, slots=True)
class VerifyConfig(RangeConfig):
    """What an output is compared in, and how that is printed."""

    json: bool = setting(False, help="Print one JSON object")
    all_video: bool = setting(
        False,
        help="OUT was converted with --all-video: compare the frames and times of further video "
        "streams, and the size of a cover, in place of their packets",
    )
    tracks: Path | None = setting(
        None,
        metavar="FILE.jsonl",
        default_text="samples are not compared",
        help="The file that convert wrote with --tracks-out: names the regions that may differ",
    )


@dataclass(frozen=True, slots=True)
class BenchmarkConfig(PrintConfig):
    """What is measured, how often, and how that is printed."""

    direction: Literal["mask", "unmask"] = setting(
        "mask", flags=("-d", "--direction"), help="Of the conversion"
    )
    runs: int = setting(3, low=1, help="Runs of each way, by turns; one more is not counted")
    preset: str | None = setting(None, help="Of libx264", default_text="its own")
