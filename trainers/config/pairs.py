"""Pairs of pictures of a user's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facemask_video.config.settings import check, setting
from facemask_video.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class PairsConfig:
    """Where pairs of pictures lie, for pix2pix: what they show is up to their maker."""

    side_by_side: Path | None = setting(
        None,
        flags=("--pairs",),
        metavar="FOLDER",
        help="Pictures that hold input and target side by side, in place of --bare and --masked; "
        "folders train, val and test in it say what for",
    )
    order: Literal["AtoB", "BtoA"] = setting(
        "AtoB", flags=("--pairs-order",), help="AtoB: the left half is the input"
    )
    input: Path | None = setting(
        None, metavar="FOLDER", help="Inputs, each with a picture of its name in --target"
    )
    target: Path | None = setting(None, metavar="FOLDER", help="What they are to become")
    split: float | None = setting(
        None,
        low=0,
        low_open=True,
        high=1,
        flags=("--split",),
        metavar="X",
        default_text="as --held-out and --test-share say",
        help="Share of the pairs to train on, where no folder says; the rest is shared between "
        "validation and test",
    )

    def __post_init__(self) -> None:
        check(self)
        if (self.input is None) != (self.target is None):
            lacking = "target" if self.target is None else "input"
            raise ConfigError(f"pairs.{lacking}: is not given; --input and --target go together.")
        if self.side_by_side is not None and self.input is not None:
            raise ConfigError(
                "pairs.side_by_side: given beside pairs.input and pairs.target; give one way alone."
            )

    @property
    def given(self) -> bool:
        """Whether there are any."""
        return self.side_by_side is not None or self.input is not None

    def place(self) -> str:
        """Return where they lie, for messages."""
        if self.side_by_side is not None:
            return str(self.side_by_side)
        return f"{self.input} with {self.target}"
