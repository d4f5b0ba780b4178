"""Steady translated crops through time, person by person.

A generator sees one frame at a time, so its picture trembles where its input hardly does. Aligned
crops of one person lie on top of each other already; blending each with its past needs no optical
flow. Where the person moves, the past would smear, so it is weighed pixel by pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.composite.alpha import clean
from facemask_video.faces import TranslatedCrop

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

_BLUR = 1 / 64
"""Standard deviation of the blur under which changes are measured, of the crop's side."""


@dataclass(slots=True, eq=False)
class _Past:
    """The running means of one person: source and image (S, S, 3), alpha (S, S), float32."""

    frame_index: int
    source: _Float32
    image: _Float32
    alpha: _Float32


class Stabiliser:
    """Blends each person's translated crops with their own past.

    The past of a person is dropped as soon as one frame goes by without them, so nothing carries
    over a gap; a cut ends tracks, and a picture that has changed everywhere gets no past anyway.

    Args:
        temporal: Strength in [0, 1]; 0 returns each crop as it is.
    """

    def __init__(self, temporal: float) -> None:
        """Start without a past."""
        if not 0.0 <= temporal <= 1.0:
            raise ValueError(f"temporal: got {temporal}, expected [0, 1].")
        self._memory = temporal * _MAX_MEMORY
        self._pasts: dict[int, _Past] = {}

    def steady(
        self, crops: Sequence[TranslatedCrop], *, frame_index: int
    ) -> tuple[TranslatedCrop, ...]:
        """Return the crops of one frame, each blended with its person's past.

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
            if past is not None and not _follows(past, crop, frame_index):
                past = None
            present = _blend(past, crop, frame_index, self._memory)
            pasts[track_id] = present
            image = np.clip(np.rint(present.image), 0, 255).astype(np.uint8)
            steadied.append(TranslatedCrop(crop.source, image, clean(present.alpha)))
        self._pasts = pasts
        return tuple(steadied)


def _follows(past: _Past, crop: TranslatedCrop, frame_index: int) -> bool:
    return past.frame_index == frame_index - 1 and past.alpha.shape == crop.alpha.shape


def _blend(past: _Past | None, crop: TranslatedCrop, frame_index: int, memory: float) -> _Past:
    source = crop.source.image.astype(np.float32)
    image = crop.image.astype(np.float32)
    alpha = crop.alpha.astype(np.float32)
    if past is None:
        return _Past(frame_index, source, image, alpha)
    # Compared with the running mean of the input, not with the last one: a slow drift adds up
    # against it, and drops the past before it lags.
    input_still = np.exp(-((_change(source, past.source) / _INPUT_SPREAD) ** 2))
    shown = _change(image * alpha[:, :, None], past.image * past.alpha[:, :, None])
    output_still = np.exp(-((shown / _OUTPUT_SPREAD) ** 2))
    weight = memory * np.maximum(input_still, _OUTPUT_TRUST * output_still)
    over_channels = weight[:, :, None]
    return _Past(
        frame_index,
        source + over_channels * (past.source - source),
        image + over_channels * (past.image - image),
        alpha + weight * (past.alpha - alpha),
    )


def _change(now: _Float32, before: _Float32) -> _Float32:
    """Return the largest channel's absolute change, blurred before and after.

    The first blur removes noise. The second keeps a change of sign between two moving parts from
    passing for stillness.
    """
    sigma_px = max(0.8, _BLUR * now.shape[0])
    change = np.abs(cv2.GaussianBlur(now - before, (0, 0), sigma_px)).max(axis=2)
    return np.asarray(cv2.GaussianBlur(change, (0, 0), 2 * sigma_px), dtype=np.float32)
