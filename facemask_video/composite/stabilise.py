"""Steady translated crops through time, person by person.

A generator sees one frame at a time, so its picture trembles where its input hardly does. Aligned
crops of one person lie on top of each other already; blending each with its past needs no optical
flow. Where the person moves, the past would smear, so it is weighed pixel by pixel.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.composite.alpha import clean
from facemask_video.core.faces import TrackId, TranslatedCrop
from facemask_video.core.frame import AlphaF32, ImageU8

_Float32 = NDArray[np.float32]

_MAX_MEMORY = 0.85
"""Weight of the past at ``temporal=1`` where nothing moves: a time constant of six frames."""

_INPUT_SPREAD = 5.0
"""Levels of change of the blurred input at which the past still has 37 % of its weight.

Two neighbouring crops of a still person in a compressed clip differ by one or two.
"""

_OUTPUT_SPREAD = 6.0
"""The same for the generated picture: a smaller change than this passes for trembling.

It bounds how far a smeared picture can be from the true one to a few levels.
"""

_OUTPUT_TRUST = 0.7
"""Weight of the past that the generated picture alone can win where the input has moved."""

_GRID_PX = 64
"""Side of the pictures that changes are measured on: nothing finer outlives the blur."""

_BLUR_PX = 1.0
"""Standard deviation of the blur under which changes are measured, on that grid."""


@dataclass(slots=True, eq=False)
class _View:
    """A crop reduced to the grid, float32: source and image (g, g, 3), alpha (g, g)."""

    source: _Float32
    image: _Float32
    alpha: _Float32


@dataclass(slots=True, eq=False)
class _Past:
    """The running means of one person: image (S, S, 3), alpha (S, S), float32.

    The means of the image are kept where an alpha shows it; elsewhere it is the last one.
    """

    frame_index: int
    view: _View
    image: _Float32
    alpha: _Float32

    def named(self) -> "dict[str, int | _Float32]":
        view = self.view
        values = (self.frame_index, view.source, view.image, view.alpha, self.image, self.alpha)
        return dict(zip(_PAST_NAMES, values, strict=True))

    @classmethod
    def of_names(cls, named: "Mapping[str, NDArray[Any]]") -> "_Past":
        index, source, image_view, alpha_view, image, alpha = (named[name] for name in _PAST_NAMES)
        return cls(int(index), _View(source, image_view, alpha_view), image, alpha)


_PAST_NAMES = ("frame_index", "source_view", "image_view", "alpha_view", "image", "alpha")


def frames_remembered(temporal: float) -> int:
    """Return how many frames back a face leaves a thousandth of itself in the present one."""
    memory = temporal * _MAX_MEMORY
    return math.ceil(math.log(0.001) / math.log(memory)) if memory > 0 else 0


class Stabiliser:
    """Blends each person's translated crops with their own past: a moving average a pixel.

    The past of a person is dropped as soon as one frame goes by without them, so nothing carries
    over a gap; a shot boundary ends tracks, and a picture that has changed everywhere gets no past
    anyway.

    Args:
        temporal: Strength in [0, 1]; 0 returns each crop as it is.
    """

    def __init__(self, temporal: float) -> None:
        if not 0.0 <= temporal <= 1.0:
            raise ValueError(f"temporal: got {temporal}, expected [0, 1].")
        self._memory = temporal * _MAX_MEMORY
        self._pasts: dict[TrackId, _Past] = {}

    def steady(
        self, crops: Sequence[TranslatedCrop], *, frame_index: int
    ) -> tuple[TranslatedCrop, ...]:
        """Return the crops of one frame, each blended with its person's past.

        Where neither a crop's alpha nor its past's shows anything, the image is left as it is.

        Args:
            crops: All translated crops of the frame.
            frame_index: The frame's place in the clip. Frames come in order, those without faces
                may be left out.
        """
        if self._memory == 0.0:
            return tuple(crops)
        pasts = {}
        steadied = []
        for crop in crops:
            track_id = crop.source.face.track_id
            past = self._pasts.get(track_id)
            present = _begin(crop, frame_index)
            image = crop.image
            if past is not None and _follows(past, present):
                image = _blend(past, present, image, self._memory)
            pasts[track_id] = present
            steadied.append(replace(crop, image=image, alpha=present.alpha))
        self._pasts = pasts
        return tuple(steadied)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what is remembered, as arrays by name; `restore` takes it back."""
        return {
            f"{track_id}.{name}": np.asarray(value)
            for track_id, past in self._pasts.items()
            for name, value in past.named().items()
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Remember what another stabiliser did.

        Raises:
            KeyError: It is not what `state` returns.
        """
        numbers = dict.fromkeys(int(name.partition(".")[0]) for name in state)
        self._pasts = {
            TrackId.from_number(number): _Past.of_names(
                {name: state[f"{number}.{name}"] for name in _PAST_NAMES}
            )
            for number in numbers
        }


def _begin(crop: TranslatedCrop, frame_index: int) -> _Past:
    # Cleaned before it is blended: a pixel that is not a number would spoil all that come after.
    alpha = clean(crop.alpha)
    view = _View(_reduced(crop.source.image), _reduced(crop.image), _reduced(alpha))
    return _Past(frame_index, view, crop.image.astype(np.float32), alpha)


def _follows(past: _Past, present: _Past) -> bool:
    return past.frame_index == present.frame_index - 1 and past.alpha.shape == present.alpha.shape


def _blend(past: _Past, present: _Past, image: ImageU8, memory: float) -> ImageU8:
    """Draw the present towards the past, and return its image in bytes."""
    weight = memory * _stillness(past.view, present.view)
    _draw(present.view.source, past.view.source, weight)
    _draw(present.view.image, past.view.image, weight)
    _draw(present.view.alpha, past.view.alpha, weight)
    place = _bounds(np.maximum(past.alpha, present.alpha))
    whole = np.asarray(cv2.resize(weight, present.alpha.shape[::-1]), np.float32)[place]
    _draw(present.image[place], past.image[place], whole)
    _draw(present.alpha[place], past.alpha[place], whole)
    present.alpha[place] = clean(present.alpha[place])
    steadied = image.copy()
    steadied[place] = np.rint(present.image[place])
    return steadied


def _draw(present: _Float32, past: _Float32, weight: _Float32) -> None:
    """Move values towards those of the past, in place."""
    present += (weight if present.ndim == 2 else weight[:, :, None]) * (past - present)


def _bounds(alpha: _Float32) -> tuple[slice, slice]:
    """Return the rows and columns around all that an alpha shows."""
    x0, y0, width, height = cv2.boundingRect((alpha > 0).astype(np.uint8))
    return slice(y0, y0 + height), slice(x0, x0 + width)


def _reduced(values: ImageU8 | AlphaF32) -> _Float32:
    side_px = min(_GRID_PX, values.shape[0])
    small = cv2.resize(values, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _stillness(past: _View, present: _View) -> _Float32:
    """Say in [0, 1] how little has changed, pixel by pixel of the grid."""
    # Compared with the running mean of the input, not with the last one: a slow drift adds up
    # against it, and drops the past before it lags.
    moved = _change(past.source, present.source)
    shown = _change(past.image * past.alpha[:, :, None], present.image * present.alpha[:, :, None])
    input_still = np.exp(-((moved / _INPUT_SPREAD) ** 2))
    output_still = np.exp(-((shown / _OUTPUT_SPREAD) ** 2))
    return np.asarray(np.maximum(input_still, _OUTPUT_TRUST * output_still), np.float32)


def _change(before: _Float32, now: _Float32) -> _Float32:
    """Return the largest channel's absolute change, blurred before and after.

    The first blur removes noise. The second keeps a change of sign between two moving parts from
    passing for stillness.
    """
    red, green, blue = cv2.split(np.abs(cv2.GaussianBlur(now - before, (0, 0), _BLUR_PX)))
    change = np.maximum(np.maximum(red, green), blue)
    return np.asarray(cv2.GaussianBlur(change, (0, 0), 2 * _BLUR_PX), dtype=np.float32)
