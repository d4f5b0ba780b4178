"""Settings of the networks, of blending, and of what is written and said."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from facemask_video.config.settings import Checked, check, setting
from facemask_video.core.errors import ConfigError

FacePart = Literal["all", "lower-face", "upper-face", "mouth", "nose", "eyes", "eyebrows"]
"""Parts of a face that a translation may be limited to."""

Progress = Literal["auto", "bar", "json", "none"]

DEVICE = {
    "metavar": "auto|cpu|cuda[:i]",
    "help": "Where the networks run; auto takes a GPU where there is one",
}
PROGRESS = {
    "help": "Progress on stderr; auto is a bar on a terminal, elsewhere a line every ten "
    "seconds; json is one object a line"
}
"""What these settings are in every command."""


@dataclass(frozen=True, slots=True)
class TranslateConfig(Checked):
    """Which generator runs, and on what."""

    weights: Path | None = setting(
        None,
        metavar="FILE",
        default_text="the shipped one for the direction",
        help="Weights file of the generator",
    )
    quality: Literal["fast", "standard"] | None = setting(
        None,
        default_text="standard",
        help="Which of the shipped generators to take; not together with --weights",
    )
    style: str | None = setting(
        None,
        metavar="NAME|random|PICTURE",
        default_text="surgical",
        help="Masks put on: surgical, ffp2, cloth, black or patterned; random gives each person of "
        "each file another; a picture of a masked face lends its mask. One person keeps one mask",
    )
    mask_color: str | None = setting(
        None, metavar="#rrggbb", help="Colour that the masks put on are dyed to"
    )
    style_seed: int | None = setting(
        None, low=0, default_text="0", help="Another number gives persons other masks of the style"
    )
    classifier: Literal["auto", "off"] = setting(
        "auto",
        former_key="gate",
        help="Work only on the faces that the direction is for: unmask on masked ones, mask on "
        "bare ones, decided for a track as a whole, and on those it cannot tell; off works on all",
    )
    batch_size: int = setting(
        8,
        low=1,
        help="Faces translated at once, gathered over frames; fewer where GPU memory is full",
    )
    device: str = setting("auto", **DEVICE)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = setting(
        "auto",
        help="Number format of the generator; auto is bf16 where the processor has it",
    )

    def __post_init__(self) -> None:
        check(self)
        if self.weights is not None and self.quality is not None:
            raise ConfigError(
                f"translate.quality: got {self.quality!r}, which chooses among the shipped "
                f"generators, beside translate.weights, {self.weights}; give one of the two."
            )
        if self.mask_color is not None:
            parse_colour(self.mask_color)

    @property
    def asks_for_style(self) -> bool:
        """Whether any option was given that only a styled generator can serve."""
        return any(x is not None for x in (self.style, self.mask_color, self.style_seed))


def parse_colour(text: str) -> tuple[float, float, float]:
    """Return ``#rrggbb`` as RGB in [0, 1].

    Raises:
        ConfigError: It is no such colour.

    >>> parse_colour("#ff0033")
    (1.0, 0.0, 0.2)
    """
    match = re.fullmatch(r"#?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", text)
    if match is None:
        raise ConfigError(
            f"translate.mask_color: got {text!r}, expected #rrggbb, such as '#1b6ca8' (in quotes: "
            "in a shell # begins a comment)."
        )
    red, green, blue = (int(digits, 16) / 255 for digits in match.groups())
    return red, green, blue


@dataclass(frozen=True, slots=True)
class CompositeConfig(Checked):
    """How a translated face is put back into its frame."""

    color: Literal["none", "histogram", "mean-std", "xyz"] = setting(
        "histogram",
        help="How the colours are matched to the frame, measured where the face is kept: by a "
        "curve a channel, by mean and deviation a channel, or by these in CIE XYZ, where light "
        "adds up",
    )
    region: str = setting(
        "all",
        metavar="PART[,PART...]",
        help="Parts of the face that may change, the rest stays as it is: "
        f"{', '.join(get_args(FacePart))}; several are joined",
    )
    temporal: float = setting(
        0.6,
        low=0,
        high=1,
        help="How far a translated face is steadied by its own past where it moves little",
    )
    reference: Literal["auto", "off"] = setting(
        "auto",
        help="Of unmask: auto gives people who were bare earlier in the same track their own lower "
        "face back, as far as the head is turned alike; off invents it like any other. Needs the "
        "classifier, which says who is bare",
    )
    grain: Literal["auto", "off"] = setting(
        "auto",
        help="auto gives what is painted the grain and the sharpness of the skin beside it, "
        "measured in each frame: none where the source is clean; off leaves it as it was painted",
    )
    coverage: float = setting(
        0.9,
        flags=("--coverage", "--roi-coverage"),
        low=0,
        low_open=True,
        high=1,
        help="Part of the aligned crop that may be replaced",
    )

    def __post_init__(self) -> None:
        check(self)
        self.parts()

    def parts(self) -> tuple[FacePart, ...]:
        """Return the parts that ``region`` names.

        Raises:
            ConfigError: There is no such part.
        """
        names = tuple(name.strip() for name in self.region.split(","))
        for name in names:
            if name not in get_args(FacePart):
                raise ConfigError(
                    f"composite.region: got {name!r}, expected one or several of "
                    f"{', '.join(get_args(FacePart))}, such as mouth,nose."
                )
        return cast("tuple[FacePart, ...]", names)


@dataclass(frozen=True, slots=True)
class LabelConfig(Checked):
    """What is written on the pictures, for everybody to see."""

    label: str | None = setting(
        None,
        metavar="[TEXT]",
        bare="Synthetic face",
        default_text="none; without TEXT 'Synthetic face'",
        help="Write a small note into the lower left corner of the result, inside the title-safe "
        "area: white letters on a dark ground. --tracks-out names its place, so that verify knows "
        "it. '' takes back what a file says",
    )
    label_on: Literal["faces", "all"] = setting(
        "faces",
        help="Which frames get --label: those with a translated face, or all, also of a clip "
        "without one where that is encoded",
    )

    def __post_init__(self) -> None:
        check(self)
        self.check_label()

    def check_label(self) -> None:
        """Refuse a label that is more than a line, and a place for none.

        Raises:
            ConfigError: It says which.
        """
        if self.label is None and self.label_on != "faces":
            raise ConfigError(
                "output.label_on: --label-on says which frames get the label of --label; add that."
            )
        text = self.label or ""
        if not text.isprintable() or (text and not text.strip()):
            raise ConfigError(f"output.label: got {text!r}, expected one line of text.")


@dataclass(frozen=True, slots=True)
class ResultConfig(LabelConfig):
    """What the result of a conversion is, of one file or of many."""

    layout: Literal["result", "side-by-side", "triple"] = setting(
        "result",
        help="Result alone, source beside result, or source, result and alpha",
    )
    no_face: Literal["copy", "encode", "skip"] = setting(
        "copy",
        help="What becomes of a clip in which no face is translated: copied packet by packet, "
        "pictures and all, where range, layout, container and an encoder or pixel format asked "
        "for allow it; encoded like any other; or skipped, so that nothing is written, unless "
        "--all-video changes a face in a further stream",
    )
    sign: tuple[str, ...] | None = setting(
        None,
        metavar="CERT KEY",
        paths=2,
        default_text="not signed",
        help="Sign the result by a certificate and its key, PEM files: Content Credentials (C2PA) "
        "say that faces are synthetic, by which program, version and weights and of which file; "
        "inspect shows and checks them. In .mkv, .webm and .ts they lie beside it, as NAME.c2pa. "
        "Needs c2pa-python (pip install 'facemask-video[c2pa]')",
    )
    debug_overlay: bool = setting(
        False,
        help="Draw each face's box, number, score, landmarks and the classifier's verdict on the "
        "output, what was filled in in another colour. Outside the faces the output is then no "
        "longer the source: verify fails where the drawing leaves the regions that --tracks-out "
        "names. The metadata says as ever that the faces are synthetic",
    )


@dataclass(frozen=True, slots=True)
class OutputConfig(ResultConfig):
    """What is written, and what is said meanwhile."""

    format: Literal["matroska", "mpegts", "y4m"] | None = setting(
        None,
        default_text="matroska",
        help="Container of what is written to standard output (OUT is -); of a file its suffix "
        "says so. y4m is pictures alone, not compressed, without times and sound",
    )
    resume: bool = setting(
        False,
        help="Keep what is done in a hidden folder beside OUT; after an interruption the same "
        "command goes on from there, to the same result. The folder grows to the size of the "
        "output and goes when that is complete; other options, weights or another input begin "
        "anew. Not for pictures",
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
    progress: Progress = setting("auto", **PROGRESS)


@dataclass(frozen=True, slots=True)
class NetworksConfig(Checked):
    """Which networks run where there is no generator."""

    classifier: Literal["auto", "off"] = setting(
        "off",
        former_key="gate",
        help="auto also says of each person whether the face is masked or bare; convert then goes "
        "by that",
    )
    device: str = setting("auto", **DEVICE)


@dataclass(frozen=True, slots=True)
class TracksOutputConfig(Checked):
    """How tracks are written, and what is said meanwhile."""

    overwrite: bool = setting(
        False, flags=("--overwrite", "-y"), help="Replace the file if it exists already"
    )
    progress: Progress = setting("auto", **PROGRESS)
