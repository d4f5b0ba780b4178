"""What puts a mask on a face, and the drawer that does."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from facemask_video.core.frame import AlphaF32, ImageU8
from trainers.data.masks import draw_mask
from trainers.data.styles import WRONG, named_style, pull_down
from trainers.pairs.faces import Face


@dataclass(frozen=True, slots=True, eq=False)
class Masked:
    """A face with a mask: image (S, S, 3), the mask's opacity (S, S), and what it is."""

    image: ImageU8
    outline: AlphaF32
    style: str
    worn: str
    look: dict[str, Any] | None


class Maker(Protocol):
    """Puts masks on faces."""

    def masked(self, face: Face, name: str) -> Iterator[Masked]:
        """Yield the face with each of its masks; the same ones for the same face and name."""
        ...


class DrawnMasks:
    """Masks drawn by their geometry."""

    def __init__(self, styles: tuple[str, ...], *, worn: str, per_image: int, seed: int) -> None:
        """Choose from ``styles``; ``worn`` is ``right`` or ``wrong``."""
        self._styles, self._worn, self._per_image, self._seed = styles, worn, per_image, seed

    def masked(self, face: Face, name: str) -> Iterator[Masked]:
        """See `Maker`; no style comes twice before every other has come."""
        # By the name, not by a counter: a face keeps its masks when the set around it changes.
        digest = hashlib.sha256(name.encode(errors="surrogateescape")).digest()
        rng = np.random.default_rng((self._seed, int.from_bytes(digest[:8], "big")))
        picture = face.image.astype(np.float32) / np.float32(255)
        order: list[str] = []
        for _ in range(self._per_image):
            order = order or [self._styles[i] for i in rng.permutation(len(self._styles))]
            chosen = order.pop()
            style, worn = named_style(chosen, rng), "right"
            if self._worn == "wrong":
                worn = WRONG[int(rng.integers(len(WRONG)))]
                style = pull_down(style, worn, rng)
            drawn, cover = draw_mask(picture, face.landmarks, style)
            image = np.rint(drawn * 255).astype(np.uint8)
            yield Masked(image, cover, chosen, worn, asdict(style))
