"""Bring faces in dim light to the brightness that a generator knows, and its output back.

A generator that learnt from photographs paints cloth as bright as in a photograph. In half the
light cloth is half as bright: with the input brightened and the output darkened by one factor that
holds exactly, however dim it is. Haze, a dirty lens or a webcam's raised blacks lay a veil of light
over a picture; it is taken off the input and laid over the output.
"""

from typing import NamedTuple

import torch
from torch import Tensor

_LOWEST_USUAL = 0.62
_HIGHEST_GAIN = 8.0
# Of luma in [0, 1]: the share of a crop that is darker, what it is brought to, and between which
# levels of it a picture counts as veiled. Nine in ten portraits lie below the first.
_DARKEST_SHARE, _USUAL_BLACK, _CLEAR_TO, _VEILED_FROM = 0.01, 0.06, 0.13, 0.19
_MOST_BLACK = 0.4
# Level of the light that is scattered, and the same in [-1, 1].
_AIRLIGHT = 0.7
_LIGHT = 2 * _AIRLIGHT - 1
# Parts of an aligned crop that a mask leaves free: all above the nose, and brow and eyes in it.
_UPPER_END, _BROW_TOP, _BROW_END, _BROW_LEFT, _BROW_RIGHT = 0.45, 0.14, 0.48, 0.28, 0.72


class SceneLight(NamedTuple):
    """How the light of pictures differs from that of a usual photograph.

    Attributes:
        veil: How much of a picture is light scattered over it, (n, 1, 1, 1), from 0 to below 1.
        gain: Factors from 1 to 8 that bring what is under it to a usual brightness, same shape.
    """

    veil: Tensor
    gain: Tensor

    def to_usual(self, image: Tensor) -> Tensor:
        """Return pictures in [-1, 1], shape (n, 3, S, S), as in usual light; clips."""
        cleared = (_LIGHT + (image - _LIGHT) / (1 - self.veil)).clamp(-1, 1)
        return _scaled(cleared, self.gain)

    def to_scene(self, image: Tensor) -> Tensor:
        """Return pictures of usual light as they look in the scene's."""
        return _LIGHT + (_scaled(image, 1 / self.gain) - _LIGHT) * (1 - self.veil)


def scene_light(image: Tensor) -> SceneLight:
    """Read the light off aligned faces.

    The veil follows the dark channel's idea, on luma (He, Sun and Tang, "Single Image Haze Removal
    Using Dark Channel Prior", CVPR 2009): somewhere in a crop there is hair, a pupil or a shadow
    that is nearly black where nothing veils it. Nine in ten portraits have none.

    Brightness is the geometric mean of the upper face's brighter half and of the brightest tenth of
    what lies around and above it: one alone would take dark skin, or a dark wall, for dim light.
    Nine in ten portraits get a gain of 1.

    Args:
        image: RGB, shape (n, 3, S, S), in [-1, 1].
    """
    luma = _luma(image)
    veil = _veil(luma).to(image.dtype).view(-1, 1, 1, 1)
    under = (_AIRLIGHT + (luma - _AIRLIGHT) / (1 - veil.float().view(-1, 1, 1))).clamp(0, 1)
    return SceneLight(veil, _gain(under).to(image.dtype).view(-1, 1, 1, 1))


def _veil(luma: Tensor) -> Tensor:
    levels = luma.flatten(1)
    count = max(1, int(_DARKEST_SHARE * levels.shape[1]))
    black = levels.topk(count, dim=1, largest=False, sorted=False).values.amax(1)
    black = black.clamp(max=_MOST_BLACK)
    share = ((black - _CLEAR_TO) / (_VEILED_FROM - _CLEAR_TO)).clamp(0, 1)
    return share * (black - _USUAL_BLACK) / (_AIRLIGHT - _USUAL_BLACK)


def _gain(luma: Tensor) -> Tensor:
    side = int(luma.shape[-1])
    upper = luma[:, : int(_UPPER_END * side)].flatten(1)
    brow = luma[
        :,
        int(_BROW_TOP * side) : int(_BROW_END * side),
        int(_BROW_LEFT * side) : int(_BROW_RIGHT * side),
    ].flatten(1)
    brightness = (_mean_of_brightest(upper, 0.1) * _mean_of_brightest(brow, 0.5)).sqrt()
    return (_LOWEST_USUAL / brightness.clamp(min=1e-3)).clamp(1.0, _HIGHEST_GAIN)


def _scaled(image: Tensor, factor: Tensor) -> Tensor:
    """Multiply the light of pictures in [-1, 1] by one factor each; clips."""
    return ((image + 1) * factor - 1).clamp(-1, 1)


def _luma(image: Tensor) -> Tensor:
    """Return luma in [0, 1], float32, shape (n, S, S)."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=image.device).view(1, 3, 1, 1)
    return (((image.float() + 1) / 2) * weights).sum(1)


def _mean_of_brightest(values: Tensor, share: float) -> Tensor:
    count = max(1, int(share * values.shape[1]))
    return values.topk(count, dim=1, sorted=False).values.mean(1)
