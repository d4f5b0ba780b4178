"""Which style the mask of each person has."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from facemask_video.core.errors import ConfigError
from facemask_video.translate.networks import Style, StyledGenerator

RANDOM = "random"
DEFAULT_STYLE = "surgical"

# Recolouring cloth by more than this would only enlarge its noise.
_MAX_GAIN = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class StylePicker:
    """Gives each person a style: one for all frames, the same in every run.

    Attributes:
        styles: Those to choose among.
        colours: The mean colour of masks painted in each, linear RGB, shape (n, 3).
        names: What each of the styles is called.
        seed: Another seed gives persons other styles.
        colour: What masks are dyed to, sRGB in [0, 1]; None leaves them as they are.
        varies: Whether persons of another source get other styles, too.
        source: Name of the source that the persons are in.
    """

    styles: Style
    colours: Tensor
    names: tuple[str, ...]
    seed: int = 0
    colour: tuple[float, float, float] | None = None
    varies: bool = False
    source: str = ""

    @classmethod
    def of_names(
        cls,
        network: StyledGenerator,
        names: Sequence[str],
        wanted: Sequence[str] = (DEFAULT_STYLE,),
        *,
        seed: int = 0,
        colour: tuple[float, float, float] | None = None,
    ) -> "StylePicker":
        """Choose among the stored styles of some names, or all of them for ``random``.

        Args:
            network: Its weights hold the styles.
            names: What they are called, in order.
            wanted: Those asked for.
            seed: See the class.
            colour: See the class.

        Raises:
            ConfigError: No style has one of these names.
        """
        known = [*dict.fromkeys(names), RANDOM]
        missing = [name for name in wanted if name not in known]
        if missing:
            raise ConfigError(
                f"translate.style: got {missing[0]!r}, these weights hold {', '.join(known)}; or "
                "name a picture of a masked face."
            )
        rows = [row for row, name in enumerate(names) if name in wanted or RANDOM in wanted]
        chosen = tuple(names[row] for row in rows)
        return cls(
            network.styles[rows], network.colours[rows], chosen, seed, colour, RANDOM in wanted
        )

    def for_source(self, name: str) -> "StylePicker":
        """Return the picker for the persons of a source: numbers begin anew in each."""
        return replace(self, source=name) if self.varies else self

    def rows_of(self, persons: Sequence[int]) -> list[int]:
        """Return which of the styles each person has; the first n persons have n different ones."""
        order = sorted(range(len(self.styles)), key=self._place)
        return [order[person % len(order)] for person in persons]

    def _place(self, row: int) -> str:
        key = f"{self.seed}/{self.source}/{row}" if self.source else f"{self.seed}/{row}"
        return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()

    def to(self, device: torch.device, dtype: torch.dtype) -> "StylePicker":
        """Move the styles to where the generator runs."""
        styles = Style(self.styles.texture.to(device, dtype), self.styles.shape.to(device, dtype))
        return replace(self, styles=styles, colours=self.colours.to(device, torch.float32))

    def dye(self, painted: Tensor, rows: Sequence[int]) -> Tensor:
        """Dye painted masks, shape (n, 3, S, S) in [-1, 1], keeping light and folds.

        The mask's mean colour becomes the one asked for by a gain a channel, in linear light.
        """
        if self.colour is None:
            return painted
        wanted = to_linear(torch.tensor(self.colour, device=painted.device))
        gain = (wanted / self.colours[list(rows)].clamp(min=1e-3)).clamp(0, _MAX_GAIN)
        linear = to_linear((painted.float().clamp(-1, 1) + 1) / 2) * gain[:, :, None, None]
        return from_linear(linear.clamp(0, 1)) * 2 - 1


def to_linear(image: Tensor) -> Tensor:
    """Turn sRGB values in [0, 1] into linear light (IEC 61966-2-1)."""
    return torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)


def from_linear(image: Tensor) -> Tensor:
    """Turn linear light in [0, 1] into sRGB values (IEC 61966-2-1)."""
    return torch.where(
        image <= 0.0031308, image * 12.92, 1.055 * image.clamp(min=1e-6) ** (1 / 2.4) - 0.055
    )
