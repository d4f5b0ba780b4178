"""The options of a set of pairs: the only home of their defaults, ranges and choices."""

from dataclasses import dataclass
from pathlib import Path

from facemask_video.config.settings import check, setting
from facemask_video.core.errors import ConfigError
from trainers.data.styles import STYLES


@dataclass(frozen=True, slots=True)
class PairsConfig:
    """Which masks are put on, and how the pairs are made."""

    maker: str = setting(
        "drawn",
        choices=("drawn", "generator"),
        flags=("--with",),
        help="Draw masks by their geometry, or let a generator put its own on",
    )
    weights: Path | None = setting(
        None,
        metavar="FILE",
        default_text="the shipped ones",
        help="Weights file of a mask generator",
    )
    styles: str | None = setting(
        None,
        metavar="NAME,...",
        default_text="all but any",
        help=f"Masks to choose from: {', '.join(STYLES)}; with a generator those that its weights "
        "hold, or random for all",
    )
    wearing: str = setting(
        "right",
        former_key="worn",
        choices=("right", "wrong"),
        help="Cover nose and chin, or pull the mask under the nose or the mouth",
    )
    per_image: int = setting(
        1,
        low=1,
        metavar="N",
        help="Masked pictures of each face, of different styles while they last",
    )
    size_px: int | None = setting(
        None,
        low=32,
        flags=("--size",),
        metavar="PX",
        default_text="256, or the crops' own",
        help="Side of the pictures",
    )
    classifier: str = setting(
        "auto",
        former_key="gate",
        choices=("auto", "off"),
        help="Leave out faces that are masked already, or keep all",
    )
    seed: int = setting(1, low=0, help="Of the masks; each is a function of it and the face's name")
    jobs: int = setting(1, low=1, help="Processes; the result is the same whatever their number")

    def __post_init__(self) -> None:
        check(self)
        if self.maker == "generator":
            if self.wearing != "right":
                raise ConfigError("--wearing wrong: a generator puts masks on right; leave it out.")
            return
        for name in self.style_names:
            if name not in STYLES:
                raise ConfigError(
                    f"--styles: got {name!r}, expected names out of {', '.join(STYLES)}."
                )
        if self.weights is not None:
            raise ConfigError("--weights: drawn masks need none; pass --with generator.")

    @property
    def style_names(self) -> tuple[str, ...]:
        """The styles to choose from."""
        if self.styles is None:
            return tuple(name for name in STYLES if name != "any")
        return tuple(dict.fromkeys(name.strip() for name in self.styles.split(",")))
