"""Bring faces in dim light to the brightness that a generator knows, and its output back.

A generator that learnt from photographs paints cloth as bright as in a photograph. In half the
light cloth is half as bright: with the input brightened and the output darkened by one factor that
holds exactly, however dim it is.
"""

from torch import Tensor

_LOWEST_USUAL = 0.62
_HIGHEST_GAIN = 8.0
# Parts of an aligned crop that a mask leaves free: all above the nose, and brow and eyes in it.
_UPPER_END, _BROW_TOP, _BROW_END, _BROW_LEFT, _BROW_RIGHT = 0.45, 0.14, 0.48, 0.28, 0.72


def exposure_gain(image: Tensor) -> Tensor:
    """Return factors that bring dim faces to the brightness of a usual photograph.

    Brightness is the geometric mean of the upper face's brighter half and of the brightest tenth of
    what lies around and above it: one alone would take dark skin, or a dark wall, for dim light.
    Nine in ten portraits get a factor of 1.

    Args:
        image: Aligned faces, RGB, shape (n, 3, S, S), in [-1, 1].

    Returns:
        Shape (n, 1, 1, 1), from 1 to 8.
    """
    weights = image.new_tensor([0.299, 0.587, 0.114]).float().view(1, 3, 1, 1)
    side = int(image.shape[-1])
    luma = (((image.float() + 1) / 2) * weights).sum(1)
    upper = luma[:, : int(_UPPER_END * side)].flatten(1)
    brow = luma[
        :,
        int(_BROW_TOP * side) : int(_BROW_END * side),
        int(_BROW_LEFT * side) : int(_BROW_RIGHT * side),
    ].flatten(1)
    brightness = (_mean_of_brightest(upper, 0.1) * _mean_of_brightest(brow, 0.5)).sqrt()
    gain = (_LOWEST_USUAL / brightness.clamp(min=1e-3)).clamp(1.0, _HIGHEST_GAIN)
    return gain.to(image.dtype).view(-1, 1, 1, 1)


def scale_light(image: Tensor, factor: Tensor) -> Tensor:
    """Multiply the light of pictures in [-1, 1], shape (n, 3, S, S), by one factor each; clips."""
    return ((image + 1) * factor - 1).clamp(-1, 1)


def _mean_of_brightest(values: Tensor, share: float) -> Tensor:
    count = max(1, int(share * values.shape[1]))
    return values.topk(count, dim=1, sorted=False).values.mean(1)
