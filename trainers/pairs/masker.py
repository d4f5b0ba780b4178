"""The interface of everything that puts masks on faces, and the drawer of masks."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from facemask_video.core.frame import AlphaF32, ImageU8
from trainers.data.masks import draw_mask
from trainers.data.styles import WRONG, named_style, pull_down
from trainers.pairs.source_faces import AlignedFace


@dataclass(frozen=True, slots=True, eq=False)
class MaskedFace:
    """A face with a mask.

    Attributes:
        image: RGB, shape (S, S, 3).
        alpha: Opacity of the mask, shape (S, S), in [0, 1].
        style: Its name.
        wearing: ``right``, ``under-nose`` or ``under-mouth``.
        parameters: Fields of the `trainers.data.styles.MaskStyle` drawn; None by a generator.
    """

    image: ImageU8
    alpha: AlphaF32
    style: str
    wearing: str
    parameters: dict[str, Any] | None


class FaceMasker(Protocol):
    """Puts masks on faces."""

    def masked(self, face: AlignedFace, name: str) -> Iterator[MaskedFace]:
        """Yield the face with each of its masks; the same ones for the same face and name."""
        ...


class DrawnMasker:
    """Draws masks by their geometry.

    Args:
        styles: Names to choose from.
        wearing: ``right`` or ``wrong``.
        per_image: Masks of each face.
        seed: Of the masks.
    """

    def __init__(self, styles: tuple[str, ...], *, wearing: str, per_image: int, seed: int) -> None:
        self._styles, self._wearing, self._per_image, self._seed = styles, wearing, per_image, seed

    def masked(self, face: AlignedFace, name: str) -> Iterator[MaskedFace]:
        """Yield the face with each of its masks; no style comes twice before every other has."""
        # By the name, not by a counter: a face keeps its masks when the set around it changes.
        digest = hashlib.sha256(name.encode(errors="surrogateescape")).digest()
        rng = np.random.default_rng((self._seed, int.from_bytes(digest[:8], "big")))
        picture = face.image.astype(np.float32) / np.float32(255)
        order: list[str] = []
        for _ in range(self._per_image):
            order = order or [self._styles[i] for i in rng.permutation(len(self._styles))]
            chosen = order.pop()
            style, wearing = named_style(chosen, rng), "right"
            if self._wearing == "wrong":
                wearing = WRONG[int(rng.integers(len(WRONG)))]
                style = pull_down(style, wearing, rng)
            drawn, alpha = draw_mask(picture, face.landmarks, style)
            image = np.rint(drawn * 255).astype(np.uint8)
            yield MaskedFace(image, alpha, chosen, wearing, asdict(style))
