"""Give people who were seen bare before their own lower face back.

A generator invents what a mask hides. Of a person who was bare earlier in the same track the
picture is there: its aligned crop lies on the masked one's already, so it is laid over what was
painted, in the masked one's light, as far as the heads are turned alike.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.composite.alpha import FLOOR, smoothstep
from facemask_video.composite.colour_match import kept_region
from facemask_video.core.faces import Crop, TranslatedCrop, TranslatedFrame
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import scale_of
from facemask_video.core.pictures import luma

_Float32 = NDArray[np.float32]

_RIPE_AFTER = 24
"""Frames after which a bare crop counts: who puts a mask on is called bare for half a second yet,
with the mask before the mouth."""

_TAKE_EVERY = 4
_MOST = 8
"""Frames between two crops of a person, and how many are kept; the oldest go first."""

_SURE = 0.8
"""How surely a face must be bare."""

_ALIKE, _SAME = 0.45, 0.6
"""Correlation of brows and eyes from which on heads are turned alike, and from which on fully. Of
one person it is 0.55 to 0.95 while they look ahead, also with the eyes closed."""

_BETTER = 0.05
"""By which another crop must fit better to be taken instead: a change shows."""

_FOLLOW = 0.15
"""Weight of a frame in the running mean of how far a reference is used."""

_SMALLEST = 0.5
"""Least size of a reference, against the face that it is laid on."""

_GRID_PX = 64
_MAX_SHIFT = 40.0
"""Levels by which the light may differ."""

_LIKE = 30.0
"""Levels up to which two pictures may show the same skin; at twice as many they do not."""

_OVAL = (0.5, 0.62, 0.27, 0.33)
"""Centre and half axes of the lower face, as fractions of the crop's side; beyond lie the jaw's
edge and the background, which a turn by a few degrees moves."""


@dataclass(frozen=True, slots=True, eq=False)
class _Reference:
    """A bare crop (S, S, 3), its brows and eyes on the grid, and its side in px of the frame."""

    image: ImageU8
    eyes: _Float32
    side_px: float


@dataclass(slots=True, eq=False)
class _Album:
    """The bare crops of one person.

    Attributes:
        fresh: Those that do not count yet, each with its frame.
        ripe: Those that do.
        chosen: The one in use.
        weight: How far it is used, in [0, 1].
    """

    fresh: deque[tuple[int, _Reference]] = field(default_factory=deque)
    ripe: deque[_Reference] = field(default_factory=lambda: deque(maxlen=_MOST))
    chosen: _Reference | None = None
    weight: float = 0.0

    def add(self, frame_index: int, crop: Crop) -> None:
        """Keep a bare crop."""
        while self.fresh and self.fresh[0][0] <= frame_index - _RIPE_AFTER:
            self.ripe.append(self.fresh.popleft()[1])
        if not self.fresh or self.fresh[-1][0] <= frame_index - _TAKE_EVERY:
            self.fresh.append((frame_index, _as_reference(crop)))

    def choose(self, crop: Crop) -> None:
        """Take the crop that a masked one resembles most about the eyes, and say how far."""
        # What came last may show the mask on its way up.
        self.fresh.clear()
        seen = _as_reference(crop)
        large = [r for r in self.ripe if r.side_px >= _SMALLEST * seen.side_px]
        fits = [_correlation(reference.eyes, seen.eyes) for reference in large]
        best = max(range(len(fits)), key=fits.__getitem__, default=None)
        fit = 0.0 if best is None else fits[best]
        if best is not None and large[best] is not self.chosen:
            held = [f for f, r in zip(fits, large, strict=True) if r is self.chosen]
            if held and held[0] > fit - _BETTER:
                fit = held[0]
            else:
                is_first, self.chosen = self.chosen is None, large[best]
                self.weight = _share(fit) if is_first else self.weight
        self.weight += _FOLLOW * (_share(fit) - self.weight)


def _share(fit: float) -> float:
    """Return how far a reference of such a correlation is used, in [0, 1]."""
    return float(smoothstep(np.array((fit - _ALIKE) / (_SAME - _ALIKE))).item())


class RecallFaces:
    """Lay the bare face that was seen earlier over what was painted; holds no frame.

    Works on persons who have a verdict: those who are bare, and so left alone, are remembered; for
    those who are masked later in the same track the most alike crop is taken. Where there is none,
    the painted face stays.
    """

    def __call__(self, items: Iterable[TranslatedFrame], /) -> Iterator[TranslatedFrame]:
        """Yield each frame, its crops with the person's own face where it was seen."""
        albums: dict[int, _Album] = {}
        for item in items:
            crops = tuple(self._recall(item.frame.index, crop, albums) for crop in item.crops)
            yield TranslatedFrame(item.frame, crops)

    def _recall(
        self, frame_index: int, crop: TranslatedCrop, albums: dict[int, _Album]
    ) -> TranslatedCrop:
        face = crop.source.face
        verdict, person = face.verdict, face.track_id.person
        if verdict is None:
            return crop
        if verdict.translate is False:
            sure = verdict.score is None or verdict.score >= _SURE
            if verdict.domain == "bare" and sure and face.observed:
                albums.setdefault(person, _Album()).add(frame_index, crop.source)
            return crop
        album = albums.get(person)
        if album is None:
            return crop
        album.choose(crop.source)
        if album.chosen is None or album.weight < FLOOR or not crop.alpha.any():
            return crop
        return _laid_over(crop, album.chosen.image, album.weight)


def _as_reference(crop: Crop) -> _Reference:
    small = cv2.resize(crop.image, (_GRID_PX, _GRID_PX), interpolation=cv2.INTER_AREA)
    side_px = crop.size_px / scale_of(crop.frame_to_crop)
    return _Reference(crop.image, luma(small.astype(np.float32)), side_px)


def _correlation(one: _Float32, other: _Float32) -> float:
    """Return the weighted correlation of two views about the eyes, in [-1, 1]."""
    weights = kept_region(_GRID_PX)
    weights = weights / weights.sum()
    one, other = one - (weights * one).sum(), other - (weights * other).sum()
    spread = float(np.sqrt((weights * one**2).sum() * (weights * other**2).sum()))
    return 0.0 if spread < 1.0 else float((weights * one * other).sum()) / spread


def _laid_over(crop: TranslatedCrop, reference: ImageU8, weight: float) -> TranslatedCrop:
    """Blend a reference into the painted picture, in the light of the kept part."""
    size_px = crop.source.size_px
    kept = kept_region(size_px) * (crop.alpha < FLOOR)
    total = float(kept.sum())
    if total < 1.0:
        return crop
    theirs = crop.source.image.astype(np.float32)
    ours = reference.astype(np.float32)
    shift = ((theirs - ours) * kept[:, :, None]).sum(axis=(0, 1)) / total
    lit = ours + np.clip(shift, -_MAX_SHIFT, _MAX_SHIFT).astype(np.float32)
    painted = crop.image.astype(np.float32)
    radius = _radius(size_px)
    # Towards the edge of the oval a turned head shows ear, hair or background in one of the two.
    differing = _blurred_difference(lit, painted) * smoothstep((radius - 0.45) / 0.2)
    opacity = (weight * smoothstep((1.0 - radius) / 0.25) * (1.0 - differing))[:, :, None]
    image = np.clip(np.rint(painted + opacity * (lit - painted)), 0, 255).astype(np.uint8)
    return replace(crop, image=image)


def _blurred_difference(one: _Float32, other: _Float32) -> _Float32:
    """Return how far two pictures (S, S, 3) show different things, (S, S) in [0, 1]."""
    difference = np.abs(cv2.GaussianBlur(one - other, (0, 0), one.shape[0] / 48)).max(axis=2)
    # Somewhat beyond, or a line of what differs stays along the edge.
    reach = np.ones((2 * (one.shape[0] // 40) + 1,) * 2, np.uint8)
    return smoothstep((cv2.dilate(difference, reach) - _LIKE) / _LIKE)


@lru_cache(maxsize=8)
def _radius(size_px: int) -> _Float32:
    """Return the distance from the middle of the lower face, (S, S): 1 on the edge of its oval."""
    x, y, across, down = _OVAL
    place = (np.arange(size_px) + 0.5) / size_px
    radius = np.hypot(((place - x) / across)[None, :], ((place - y) / down)[:, None])
    radius = radius.astype(np.float32)
    radius.setflags(write=False)
    return np.asarray(radius, np.float32)
