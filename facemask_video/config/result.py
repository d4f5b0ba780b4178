"""Settings of the networks, of blending, and of what is written and said."""

from dataclasses import dataclass
from pathlib import Path

from facemask_video.config.settings import Checked, check, setting
from facemask_video.core.errors import ConfigError

_DEVICE = "auto|cpu|cuda[:i]"
_DEVICE_HELP = "Where the networks run; auto takes a GPU where there is one"
_PROGRESS = ("auto", "bar", "json", "none")
_PROGRESS_HELP = "Progress on stderr; auto is a bar on a terminal, json is one object a line"


@dataclass(frozen=True, slots=True)
class TranslateConfig(Checked):
    """Which generator runs, and on what."""

    weights: Path | None = setting(
        None,
        metavar="FILE",
        default_text="the shipped one for the direction",
        help="Weights file of the generator",
    )
    quality: str | None = setting(
        None,
        choices=("fast", "standard"),
        default_text="standard",
        help="Which of the shipped generators to take; not together with --weights",
    )
    classifier: str = setting(
        "auto",
        choices=("auto", "off"),
        flags=("--classifier", "--gate"),
        former_key="gate",
        help="Work only on the faces that the direction is for: unmask on masked ones, mask on "
        "bare ones, decided for a track as a whole, and on those it cannot tell; off works on all",
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
        check(self)
        if self.weights is not None and self.quality is not None:
            raise ConfigError(
                f"translate.quality: got {self.quality!r}, which chooses among the shipped "
                f"generators, beside translate.weights, {self.weights}; give one of the two."
            )


@dataclass(frozen=True, slots=True)
class CompositeConfig(Checked):
    """How a translated face is put back into its frame."""

    color: str = setting(
        "histogram",
        choices=("none", "histogram", "mean-std"),
        help="How the colours are matched to the frame, measured where the face is kept",
    )
    temporal: float = setting(
        0.6,
        low=0,
        high=1,
        help="How far a translated face is steadied by its own past where it moves little",
    )
    coverage: float = setting(
        0.9, low=0, low_open=True, high=1, help="Part of the aligned crop that may be replaced"
    )


@dataclass(frozen=True, slots=True)
class OutputConfig(Checked):
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
        help="Draw each face's box, number, score, landmarks and the classifier's verdict on the "
        "output, what was filled in in another colour. Outside the faces the output is then no "
        "longer the source: verify fails where the drawing leaves the regions that --tracks-out "
        "names. The metadata says as ever that the faces are synthetic",
    )
    progress: str = setting(
        "auto",
        choices=_PROGRESS,
        help=_PROGRESS_HELP,
    )


@dataclass(frozen=True, slots=True)
class NetworksConfig(Checked):
    """Which networks run where there is no generator."""

    classifier: str = setting(
        "off",
        choices=("auto", "off"),
        flags=("--classifier", "--gate"),
        former_key="gate",
        help="auto also says of each person whether the face is masked or bare; convert then goes "
        "by that",
    )
    device: str = setting("auto", metavar=_DEVICE, help=_DEVICE_HELP)


@dataclass(frozen=True, slots=True)
class TracksOutputConfig(Checked):
    """How tracks are written, and what is said meanwhile."""

    overwrite: bool = setting(
        False, flags=("--overwrite", "-y"), help="Replace the file if it exists already"
    )
    progress: str = setting("auto", choices=_PROGRESS, help=_PROGRESS_HELP)
