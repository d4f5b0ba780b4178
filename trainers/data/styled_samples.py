"""Samples that a styled mask generator learns from."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from trainers.config import AugmentationConfig
from trainers.data.augment import draw_jitter, fabric_patch, lose_detail, move
from trainers.data.crops import CropSet
from trainers.data.mask_photographs import MaskPhotographs
from trainers.data.masks import draw_mask
from trainers.data.occluders import draw_occluder
from trainers.data.styles import named_style

FloatImage = NDArray[np.float32]

_JITTER = AugmentationConfig(turn_deg=6, scale=0.07, shift=0.03)
_OCCLUDED_SHARE, _UNUSUAL_LIGHT_SHARE = 0.15, 0.6
_DRAWN_STYLES = ("surgical", "white", "black", "cloth", "patterned", "ffp2")


@dataclass(frozen=True, slots=True, eq=False)
class StyledSample:
    """One masked face; pictures (3, S, S) in [-1, 1], regions (1, S, S) in [0, 1].

    Attributes:
        masked: The target.
        region: Where its mask lies.
        bare: The same face without it: what tells where a mask is to lie.
        shown: The target in the light it was taken in or nearly: what the style is read from.
        other: Another bare face, for which there is no target.
        is_photograph: Whether the target is one, or was drawn.
        in_usual_light: Whether target and bare face are in a photograph's light.
        other_in_usual_light: The same of the other face.
    """

    masked: FloatImage
    region: FloatImage
    bare: FloatImage
    shown: FloatImage
    other: FloatImage
    is_photograph: bool
    in_usual_light: bool
    other_in_usual_light: bool


class StyledSamples(Dataset[StyledSample]):
    """Sample number i is always the same.

    Args:
        photographs: Really masked faces.
        bare: Bare faces; masks are drawn on some.
        size_px: Side of the samples.
        seed: Names the series.
        count: How many samples there are.
        drawn_every: Every so many samples one has a drawn mask.
        first: Number of the first sample: where a resumed training goes on.
    """

    def __init__(
        self,
        photographs: MaskPhotographs,
        bare: CropSet,
        *,
        size_px: int,
        seed: int,
        count: int,
        drawn_every: int = 4,
        first: int = 0,
    ) -> None:
        self.photographs, self.bare = photographs, bare
        self.size_px, self.seed, self.count = size_px, seed, count
        self.drawn_every, self.first = drawn_every, first

    def __len__(self) -> int:
        return self.count - self.first

    def __getitem__(self, number: int) -> StyledSample:
        if not 0 <= number < len(self):
            raise IndexError(number)
        cv2.setNumThreads(0)
        number += self.first
        rng = np.random.default_rng((self.seed, number))
        is_photograph = (number + 1) % self.drawn_every != 0
        masked, region, bare = (self._photograph if is_photograph else self._drawn)(rng)
        if rng.random() < 0.3:
            small_px = int(self.size_px * rng.uniform(0.35, 0.9))
            masked, bare = lose_detail(masked, small_px), lose_detail(bare, small_px)
        (shown,) = relight([masked], rng)
        if rng.random() < _OCCLUDED_SHARE:
            occluder = draw_occluder(bare, rng)
            masked, bare = occluder.over(masked), occluder.over(bare)
            region = occluder.taken_from(region)
        # The style is read in one light and painted in another, so light is read off the face.
        (masked, bare), in_usual_light = _in_any_light([masked, bare], rng)
        other = self._moved(self.bare.images[rng.integers(len(self.bare))], rng)
        if rng.random() < 0.5:
            other = lose_detail(other, int(self.size_px * rng.uniform(0.3, 0.9)))
        (other,), other_in_usual_light = _in_any_light([other], rng)
        return StyledSample(
            masked=_to_planes(masked),
            region=np.ascontiguousarray(region[None], np.float32),
            bare=_to_planes(bare),
            shown=_to_planes(shown),
            other=_to_planes(other),
            is_photograph=is_photograph,
            in_usual_light=in_usual_light,
            other_in_usual_light=other_in_usual_light,
        )

    def _photograph(self, rng: np.random.Generator) -> tuple[FloatImage, FloatImage, FloatImage]:
        at = int(rng.integers(len(self.photographs)))
        to_sample = draw_jitter(self.photographs.masked.shape[1], self.size_px, _JITTER, rng)
        masked, bare, region = (
            move(_to_float(plane[at]), to_sample, self.size_px)
            for plane in (self.photographs.masked, self.photographs.bare, self.photographs.regions)
        )
        if rng.random() < 0.35:
            masked = dye(masked, region, rng)
        another = self.photographs.regions[rng.integers(len(self.photographs))]
        other_region = self._moved(another, rng)
        return masked, region, hide_traces(bare, region, other_region, rng)

    def _drawn(self, rng: np.random.Generator) -> tuple[FloatImage, FloatImage, FloatImage]:
        at = int(rng.integers(len(self.bare)))
        side = self.bare.size_px
        bare = _to_float(self.bare.images[at])
        texture = None
        if rng.random() < 0.35:
            cloth = self.photographs.masked[rng.integers(len(self.photographs))]
            texture = fabric_patch(_to_float(cloth), rng)
        style = named_style(str(rng.choice(_DRAWN_STYLES)), rng)
        masked, region = draw_mask(bare, self.bare.landmarks[at] * side, style, texture=texture)
        to_sample = draw_jitter(side, self.size_px, _JITTER, rng)
        masked, bare, region = (move(p, to_sample, self.size_px) for p in (masked, bare, region))
        if rng.random() < 0.4:
            bare = hide_traces(bare, region, region, rng)
        return masked, region, bare

    def _moved(self, plane: NDArray[np.uint8], rng: np.random.Generator) -> FloatImage:
        to_sample = draw_jitter(plane.shape[0], self.size_px, _JITTER, rng)
        return move(_to_float(plane), to_sample, self.size_px)


def relight(pictures: list[FloatImage], rng: np.random.Generator) -> list[FloatImage]:
    """Change exposure, cast and gamma of several pictures of one scene alike."""
    gain = (1 + rng.uniform(-0.25, 0.2)) * (1 + rng.uniform(-0.06, 0.06, 3))
    gamma = np.float32(np.exp(rng.uniform(-0.2, 0.2)))
    return [
        np.power(np.clip(picture * gain.astype(np.float32), 0, 1), gamma).astype(np.float32)
        for picture in pictures
    ]


def change_scene_light(pictures: list[FloatImage], rng: np.random.Generator) -> list[FloatImage]:
    """Put several pictures of one scene into another light: dim, tinted, from one side."""
    side = pictures[0].shape[0]
    log_light = np.full((1, 1, 3), rng.uniform(np.log(0.22), np.log(1.15)))
    if rng.random() < 0.6:
        log_light = log_light + rng.normal(0, 0.09, (1, 1, 3))
    if rng.random() < 0.5:
        angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.2)
        y, x = np.mgrid[0:side, 0:side] / side - 0.5
        log_light = log_light + slope * (np.cos(angle) * x + np.sin(angle) * y)[..., None]
    light, gamma = (
        np.exp(log_light).astype(np.float32),
        np.float32(np.exp(rng.uniform(-0.15, 0.15))),
    )
    return [np.power(np.clip(picture * light, 0, 1), gamma) for picture in pictures]


def _in_any_light(
    pictures: list[FloatImage], rng: np.random.Generator
) -> tuple[list[FloatImage], bool]:
    """Return pictures of one scene in another light, and whether it is nearly the photograph's."""
    if rng.random() < _UNUSUAL_LIGHT_SHARE:
        return change_scene_light(pictures, rng), False
    return relight(pictures, rng), True


def dye(masked: FloatImage, region: FloatImage, rng: np.random.Generator) -> FloatImage:
    """Give cloth another colour, so that the rare ones are learnt too.

    Args:
        masked: RGB in [0, 1], (S, S, 3).
        region: Where the mask lies, in [0, 1], (S, S).
        rng: Chooses the colour.
    """
    hsv = cv2.cvtColor(np.ascontiguousarray(masked), cv2.COLOR_RGB2HSV)
    saturation = hsv[..., 1][region > 0.8]
    if saturation.size and saturation.mean() > 0.25:
        hsv[..., 0] = (hsv[..., 0] + rng.uniform(0, 360)) % 360
        hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0.6, 1.1), 0, 1)
        dyed = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.float32)
    else:
        # White and grey cloth has no hue to turn.
        dyed = masked * (1 - rng.uniform(0, 0.75, 3)).astype(np.float32)
    return (masked + region[..., None] * (dyed - masked)).astype(np.float32)


def hide_traces(
    bare: FloatImage, region: FloatImage, other_region: FloatImage, rng: np.random.Generator
) -> FloatImage:
    """Change what an unmask generator painted, so that it tells pose and light but not the region.

    Args:
        bare: RGB in [0, 1], (S, S, 3).
        region: Where the mask was, in [0, 1], (S, S).
        other_region: Another mask's, joined to it in most cases.
        rng: Source of randomness.
    """
    side = bare.shape[0]
    if rng.random() < 0.25:
        return bare
    changed_region = region if rng.random() < 0.15 else np.maximum(region, other_region)
    if rng.random() < 0.5:
        reach = int(rng.integers(1, max(2, side // 12))) * 2 + 1
        changed_region = np.asarray(
            cv2.dilate(changed_region, np.ones((reach, reach), np.uint8)), np.float32
        )
    sigma = float(rng.uniform(0.6, side / 40))
    weight = np.asarray(cv2.GaussianBlur(changed_region, (0, 0), sigma), np.float32)[..., None]
    changed = bare
    if rng.random() < 0.5:
        sigma = float(np.exp(rng.uniform(np.log(0.6), np.log(side / 14))))
        changed = np.asarray(cv2.GaussianBlur(changed, (0, 0), sigma), np.float32)
    if rng.random() < 0.3:
        shift = rng.uniform(-1, 1, 2) * side * 0.04
        changed = move(changed, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), side)
    if rng.random() < 0.5:
        gain = (1 + rng.uniform(-0.2, 0.2)) * (1 + rng.uniform(-0.08, 0.08, 3))
        changed = changed * gain.astype(np.float32)
    if rng.random() < 0.3:
        cells = int(rng.integers(3, side // 2))
        rough = rng.normal(0, rng.uniform(0.01, 0.08), (cells, cells)).astype(np.float32)
        changed = (
            changed + cv2.resize(rough, (side, side), interpolation=cv2.INTER_CUBIC)[..., None]
        )
    return np.clip(bare + weight * (changed - bare), 0, 1).astype(np.float32)


def _to_float(image: NDArray[np.uint8]) -> FloatImage:
    return image.astype(np.float32) / np.float32(255)


def _to_planes(image: FloatImage) -> FloatImage:
    """Turn RGB (S, S, 3) in [0, 1] into (3, S, S) in [-1, 1]."""
    return np.ascontiguousarray(image.transpose(2, 0, 1) * 2 - 1, np.float32)
