"""What masks look like: the one that is learnt, masks far and wide, and masks by name.

`random_style` draws masks far and wide, so that a network finds real ones. The named styles look
like masks that are sold, for sets in which a mask is to be believed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.errors import ConfigError

PATTERNS = ("plain", "stripes", "dots", "checks", "blotches", "weave", "print")
SHAPES = ("surgical", "cloth", "ffp2")


@dataclass(frozen=True, slots=True)
class MaskStyle:
    """How one mask looks. Lengths in eye distances, colours RGB in [0, 1].

    Attributes:
        shape: ``surgical`` (pleats), ``cloth`` (smooth, seam) or ``ffp2`` (beak, seam).
        color: Of the fabric.
        second_color: Of the pattern.
        pattern: One of `PATTERNS`.
        pattern_scale: Size of its repeat.
        top: Height of the upper edge on the nose; 0.42 is the bridge, 1.0 leaves the nose free.
        side_top: Height of the upper edge at the sides.
        half_width: Half the mask's width.
        bottom: Height of the lower edge under the chin; the chin lies near 1.8.
        jaw: How fast the lower edge rises to the sides.
        fold: Strength of folds and pleats.
        hem: Strength of the sewn border.
        straps: ``ears``, ``head``, ``none``, or ``loops``, which go on to where ears are and vanish
            behind them.
        strap_color: RGB.
        strap_width: In eye distances.
        shadow: Strength of the shadow on the skin.
        grain: Standard deviation of the fabric's noise. It lies fixed in the picture, so a style
            that a generator is to learn should have none.
        creases: Strength of the creases that straps pull into the cloth.
        loose: How far the half on the far cheek of a turned head stands off it, in eye distances.
        lean: How far the mask follows a mouth that lies off the line down from the eyes, as in
            turned heads that are tilted too; 0 is not at all, 1 is all the way.
        seed: For wrinkles and prints.
    """

    shape: str = "surgical"
    color: tuple[float, float, float] = (0.62, 0.78, 0.88)
    second_color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    pattern: str = "plain"
    pattern_scale: float = 0.2
    top: float = 0.40
    side_top: float = 0.62
    half_width: float = 0.90
    bottom: float = 2.04
    jaw: float = 0.50
    fold: float = 1.0
    hem: float = 1.0
    straps: str = "ears"
    strap_color: tuple[float, float, float] = (0.88, 0.90, 0.92)
    strap_width: float = 0.034
    shadow: float = 0.35
    grain: float = 0.0
    creases: float = 0.0
    loose: float = 0.0
    lean: float = 0.0
    seed: int = 0

    def rise(self, reach: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return how far the lower edge lies above the chin at a share of the mask's half width."""
        if self.shape == "ffp2":
            return np.asarray((self.jaw + 0.25) * reach**1.6)
        return np.asarray(self.jaw * reach**2.2)


SURGICAL = MaskStyle()
"""The mask that the ``mask`` generator learns to put on: light blue, pleated, worn right."""


def random_style(
    rng: np.random.Generator,
    *,
    wearing_wrong: float = 0.0,
    wearing_high: float = 0.0,
    wearing_loose: float = 0.0,
) -> MaskStyle:
    """Draw a style at random, wide enough that a segmentation learnt from it finds real masks.

    Args:
        rng: Source of randomness.
        wearing_wrong: Share of masks that leave the nose free.
        wearing_high: Share of the others that are pulled up to the eyes or over their lower half.
        wearing_loose: Share that stands off the far cheek, which shows where the head is turned.
    """
    shape = str(rng.choice(SHAPES, p=(0.45, 0.35, 0.2)))
    color = _random_color(rng)
    pattern = "plain" if rng.random() < 0.6 else str(rng.choice(PATTERNS[1:]))
    tight = rng.random() < 0.25
    gaiter = rng.random() < 0.15
    free_nose = rng.random() < wearing_wrong
    style = MaskStyle(
        shape=shape,
        color=_rgb(color),
        second_color=_rgb(rng.uniform(0, 1, 3)),
        pattern=pattern,
        pattern_scale=float(rng.uniform(0.06, 0.4)),
        top=float(rng.uniform(0.8, 1.0) if free_nose else rng.uniform(0.08, 0.58)),
        side_top=float(rng.uniform(0.4, 0.9)),
        half_width=float(rng.uniform(0.70, 0.85) if tight else rng.uniform(0.82, 1.20)),
        bottom=float(rng.uniform(2.1, 2.5) if gaiter else rng.uniform(1.66, 2.15)),
        jaw=float(rng.uniform(0.0, 0.3) if gaiter else rng.uniform(0.25, 0.9)),
        fold=float(rng.uniform(0, 1.8)),
        hem=float(rng.uniform(0, 1.6)),
        straps=str(rng.choice(("ears", "head", "none"), p=(0.62, 0.18, 0.2))),
        strap_color=_rgb(
            np.full(3, rng.uniform(0.75, 1.0))
            if rng.random() < 0.6
            else color * rng.uniform(0.4, 1)
        ),
        strap_width=float(rng.uniform(0.012, 0.07)),
        shadow=float(rng.uniform(0, 0.6)),
        grain=float(rng.uniform(0, 0.02)),
        seed=int(rng.integers(2**31)),
    )
    # Drawn last, so that the other masks of a series are the same with and without these.
    if wearing_high > 0 and not free_nose and rng.random() < wearing_high:
        # The edge dips by a tenth between nose and side, where the eyes lie at height 0.
        top, side_top = float(rng.uniform(-0.1, 0.35)), float(rng.uniform(-0.12, 0.4))
        style = replace(style, top=top, side_top=side_top)
    if wearing_loose > 0 and rng.random() < wearing_loose:
        style = replace(style, loose=float(rng.uniform(0.1, 0.6)))
    return style


def _random_color(rng: np.random.Generator) -> NDArray[np.float64]:
    kind = rng.random()
    if kind < 0.22:  # near white, or grey
        return np.full(3, rng.uniform(0.6, 1.0)) + rng.normal(0, 0.02, 3)
    if kind < 0.42:  # near black
        return np.full(3, rng.uniform(0.02, 0.22)) + rng.normal(0, 0.02, 3)
    if kind < 0.66:  # light blue to green, the hospital's
        return np.array([rng.uniform(0.3, 0.75), rng.uniform(0.65, 0.9), rng.uniform(0.7, 0.98)])
    if kind < 0.76:  # skin tones: the hardest to tell from a face
        return np.array([0.85, 0.65, 0.52]) * rng.uniform(0.3, 1.1) + rng.normal(0, 0.05, 3)
    return rng.uniform(0, 1, 3)


def _rgb(color: NDArray[np.floating]) -> tuple[float, float, float]:
    red, green, blue = (float(v) for v in np.clip(color, 0, 1))
    return red, green, blue


WRONG = ("under-nose", "under-mouth")
"""The ways to wear a mask wrong."""

_HOSPITAL = ((0.62, 0.78, 0.88), (0.58, 0.80, 0.84), (0.66, 0.82, 0.76), (0.55, 0.70, 0.90))
_CLOTH = (
    (0.16, 0.22, 0.40), (0.45, 0.16, 0.22), (0.20, 0.34, 0.26), (0.52, 0.52, 0.55),
    (0.72, 0.50, 0.48), (0.80, 0.74, 0.62), (0.36, 0.46, 0.62), (0.78, 0.68, 0.24),
)  # fmt: skip
_FFP2 = ((0.95, 0.95, 0.94), (0.95, 0.95, 0.94), (0.13, 0.13, 0.14), (0.70, 0.72, 0.74))
# Pairs that are printed together: the ground and what lies on it.
_PRINTED = (
    ((0.16, 0.22, 0.42), (0.94, 0.94, 0.92)), ((0.58, 0.12, 0.16), (0.95, 0.93, 0.88)),
    ((0.92, 0.91, 0.88), (0.22, 0.34, 0.56)), ((0.24, 0.32, 0.22), (0.55, 0.52, 0.36)),
    ((0.90, 0.74, 0.76), (0.62, 0.26, 0.36)), ((0.10, 0.10, 0.11), (0.62, 0.62, 0.64)),
)  # fmt: skip


def _surgical(rng: np.random.Generator) -> MaskStyle:
    return replace(
        _sewn(SURGICAL, rng, _chosen(_HOSPITAL, rng)), strap_color=(0.88, 0.90, 0.92), creases=0.5
    )


def _white(rng: np.random.Generator) -> MaskStyle:
    white = _sewn(SURGICAL, rng, (0.93, 0.94, 0.95))
    return replace(white, strap_color=(0.92, 0.92, 0.92), creases=0.5)


def _black(rng: np.random.Generator) -> MaskStyle:
    shape = "surgical" if rng.random() < 0.4 else "cloth"
    black = _sewn(replace(SURGICAL, shape=shape), rng, (0.11, 0.11, 0.12))
    # Black cloth shows its relief by gloss alone, so it takes more of it to be seen at all.
    return replace(black, strap_color=(0.12, 0.12, 0.13), fold=1.4 * black.fold, creases=1.6)


def _cloth(rng: np.random.Generator) -> MaskStyle:
    color = _chosen(_CLOTH, rng)
    cloth = _sewn(replace(SURGICAL, shape="cloth"), rng, color)
    return replace(cloth, strap_color=_of_its_own(cloth.color, rng), creases=1.0, grain=0.012)


def _patterned(rng: np.random.Generator) -> MaskStyle:
    ground, motif = _PRINTED[int(rng.integers(len(_PRINTED)))]
    if rng.random() < 0.3:
        ground, motif = motif, ground
    patterns = ("stripes", "dots", "checks", "blotches", "weave")
    cloth = _sewn(replace(SURGICAL, shape="cloth"), rng, ground)
    return replace(
        cloth,
        second_color=motif,
        pattern=patterns[int(rng.integers(len(patterns)))],
        pattern_scale=float(rng.uniform(0.12, 0.34)),
        strap_color=_of_its_own(cloth.color, rng),
        creases=0.9,
        grain=0.012,
    )


def _ffp2(rng: np.random.Generator) -> MaskStyle:
    color = _chosen(_FFP2, rng)
    made = _sewn(replace(SURGICAL, shape="ffp2"), rng, color)
    # Moulded, not draped: hardly a crease.
    return replace(made, strap_color=made.color, creases=0.25, hem=0.6)


def _any(rng: np.random.Generator) -> MaskStyle:
    return random_style(rng)


STYLES: dict[str, Callable[[np.random.Generator], MaskStyle]] = {
    "surgical": _surgical,
    "white": _white,
    "black": _black,
    "cloth": _cloth,
    "patterned": _patterned,
    "ffp2": _ffp2,
    "any": _any,
}
"""Each gives a mask of its kind from a source of randomness; ``any`` is `random_style`."""


def named_style(name: str, rng: np.random.Generator) -> MaskStyle:
    """Draw a mask of a named style, worn right.

    Raises:
        ConfigError: No such style.
    """
    try:
        return STYLES[name](rng)
    except KeyError:
        raise ConfigError(f"style {name!r}: expected one of {', '.join(STYLES)}.") from None


def pull_down(style: MaskStyle, how: str, rng: np.random.Generator) -> MaskStyle:
    """Pull a mask down.

    Args:
        style: The mask, worn right.
        how: One of `WRONG`: the nose is free, or nose and mouth are.
        rng: Source of randomness.
    """
    if how == "under-nose":
        return replace(
            style,
            top=float(rng.uniform(0.82, 0.92)),
            side_top=float(rng.uniform(0.78, 0.92)),
            bottom=style.bottom + 0.08,
        )
    if how == "under-mouth":
        return replace(
            style,
            top=float(rng.uniform(1.46, 1.54)),
            side_top=float(rng.uniform(1.10, 1.22)),
            bottom=float(rng.uniform(2.16, 2.30)),
            half_width=0.95 * style.half_width,
            jaw=0.75 * style.jaw,
        )
    raise ValueError(f"how: got {how!r}, expected one of {', '.join(WRONG)}.")


def _sewn(
    base: MaskStyle, rng: np.random.Generator, color: tuple[float, float, float]
) -> MaskStyle:
    """Vary a mask as sizes, makers and the people who wear it do."""
    shade = np.asarray(color) * (rng.uniform(0.94, 1.04) + rng.normal(0, 0.01, 3))
    red, green, blue = (float(v) for v in np.clip(shade, 0, 1))
    return replace(
        base,
        color=(red, green, blue),
        top=float(rng.uniform(0.34, 0.46)),
        side_top=float(rng.uniform(0.55, 0.70)),
        half_width=float(rng.uniform(0.86, 0.96)),
        bottom=float(rng.uniform(1.98, 2.12)),
        jaw=float(rng.uniform(0.42, 0.60)),
        fold=float(rng.uniform(0.8, 1.2)),
        straps="loops",
        lean=1.0,
        strap_width=float(rng.uniform(0.028, 0.042)),
        shadow=float(rng.uniform(0.25, 0.45)),
        seed=int(rng.integers(2**31)),
    )


def _chosen(
    colors: tuple[tuple[float, float, float], ...], rng: np.random.Generator
) -> tuple[float, float, float]:
    return colors[int(rng.integers(len(colors)))]


def _of_its_own(
    color: tuple[float, float, float], rng: np.random.Generator
) -> tuple[float, float, float]:
    """Return the colour of a cloth mask's straps: the cloth's, white or black."""
    drawn: NDArray[np.float64] = rng.random(1)
    if drawn[0] < 0.5:
        return color
    return (0.90, 0.90, 0.90) if drawn[0] < 0.75 else (0.10, 0.10, 0.11)
