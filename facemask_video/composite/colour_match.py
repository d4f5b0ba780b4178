"""Match a generated crop's colours to those of the crop it replaces.

A mask changes the colours of the lower face by design, so a comparison of whole crops would pull
the mask towards skin. Both sets of statistics come from the part of the crop that is kept: skin and
brows around the eyes, weighted by how little the generator means to change there. Only the
generated image is corrected; the alpha, and with it every kept pixel, stays as it was.

Each correction is bounded in shift and in gain, and fades out where the generator's picture of the
kept part has too few pixels, is flat, or does not resemble the source at all.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.composite.alpha import clean, smoothstep
from facemask_video.core.faces import TranslatedCrop
from facemask_video.core.frame import AlphaF32, ImageU8
from facemask_video.core.pictures import luma

MODES = ("none", "histogram", "mean-std", "xyz")
"""What `match_colour` accepts."""

KEPT_REGION = (0.24, 0.22, 0.76, 0.44)
"""Forehead and eyes (x0, y0, x1, y1), as fractions of the crop's side.

The alignment template puts the eyes at (0.365, 0.36) and (0.635, 0.36); a mask's upper edge on the
bridge of the nose lies at about 0.46.
"""

MAX_SHIFT = 16.0
"""Largest change of a level, of 255.

A generator that redraws the eyes as they are is off by one or two levels. One that never learned to
(nothing makes a ``mask`` generator do so, its alpha hides them) was seen off by 17 to 33, with the
mask's colour spilt upwards; taking that for a tint would darken the mask.
"""

MAX_GAIN = 1.25
"""Largest ratio of contrast; its inverse is the smallest."""

_LEVELS = np.arange(256, dtype=np.float64)
_LINEAR: NDArray[np.float32] = np.where(
    _LEVELS / 255 <= 0.04045, _LEVELS / 255 / 12.92, ((_LEVELS / 255 + 0.055) / 1.055) ** 2.4
).astype(np.float32)
_XYZ_OF_RGB = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
"""Linear sRGB to CIE XYZ (IEC 61966-2-1)."""
_MIN_PIXELS = 64.0  # An 8 by 8 patch; with fewer a mean is one texture's, not the light's.
_MIN_STD = 3.0  # Below three levels of contrast a ratio of contrasts is a ratio of noises.
_SMOOTHING_LEVELS = 8.0  # Of the curve; narrower than the tones of one skin.
_DETAIL = 1 / 64  # Finer than this share of the crop's side counts as sharpness, not colour.
_CLIPPED = (3, 252)  # Levels beyond these stand for any brighter or darker light.


def match_colour(crop: TranslatedCrop, mode: str) -> TranslatedCrop:
    """Correct the generated image so that its kept part would have the source's colours.

    Args:
        crop: What the generator made; returned as it is where nothing can or need be corrected, as
            under an alpha that shows nothing.
        mode: ``none``, ``histogram`` (a smooth monotone curve a channel), ``mean-std`` (a gain and
            a shift a channel) or ``xyz`` (the same in CIE XYZ).

    Raises:
        ValueError: The mode is not known.
    """
    if mode not in MODES:
        raise ValueError(f"colour: got {mode!r}, expected one of {', '.join(MODES)}.")
    if mode == "none" or not crop.alpha.any():
        return crop
    kept = _kept_part(crop)
    trust = _trust(kept)
    if trust == 0.0:
        return crop
    if mode == "xyz":
        return replace(crop, image=_match_xyz(crop.image, kept, trust))
    curve = _histogram_curve if mode == "histogram" else _mean_std_curve
    tables = np.empty((1, 256, 3), dtype=np.uint8)
    for channel in range(3):
        histogram = _histogram(kept.ours[:, :, channel], kept.weights)
        target = _histogram(kept.theirs[:, :, channel], kept.weights)
        shifts = _bounded(curve(histogram, target) - _LEVELS, _mean_std(histogram)[0])
        tables[0, :, channel] = np.clip(np.rint(_LEVELS + trust * shifts), 0, 255)
    image = np.asarray(cv2.LUT(crop.image, tables), dtype=np.uint8)
    return replace(crop, image=image)


@dataclass(frozen=True, slots=True, eq=False)
class _KeptPart:
    """The rectangle around `KEPT_REGION`, detail removed.

    Attributes:
        ours: The generator's picture of it, shape (h, w, 3).
        theirs: The source's.
        weights: How far each pixel counts, shape (h, w), in [0, 1].
        crop_size_px: Side of the crop it is of.
    """

    ours: ImageU8
    theirs: ImageU8
    weights: AlphaF32
    crop_size_px: int


def transfer_levels(
    histogram: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the monotone map of levels that gives one histogram the shape of another.

    Histogram specification (Gonzalez and Woods, "Digital Image Processing", section 3.3).
    A level goes to where the target has the same share of its weight below (half of a level's own
    weight counting as below it). Levels outside those the histogram holds move with the nearest one
    it does hold.

    Args:
        histogram: Weight of each of the 256 levels, sum > 0.
        target: The same of the distribution to reach, sum > 0.

    Returns:
        The new value of each level, shape (256,), never falling.
    """
    held, wanted = np.flatnonzero(histogram), np.flatnonzero(target)
    share = (np.cumsum(histogram) - histogram / 2)[held] / histogram.sum()
    share_wanted = (np.cumsum(target) - target / 2)[wanted] / target.sum()
    shifts = np.interp(share, share_wanted, wanted) - held
    # Between two held levels the value is interpolated, so the map stays monotone.
    values: NDArray[np.float64] = np.interp(_LEVELS, held, held + shifts)
    values[: held[0]] = _LEVELS[: held[0]] + shifts[0]
    values[held[-1] + 1 :] = _LEVELS[held[-1] + 1 :] + shifts[-1]
    return values


def _histogram_curve(
    histogram: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    shifts = transfer_levels(histogram, target) - _LEVELS
    # A curve of steps would print the noise of two small histograms as bands.
    padded = np.pad(shifts, 24, mode="edge")
    smooth = cv2.GaussianBlur(padded[None, :], (49, 1), _SMOOTHING_LEVELS)[0, 24:-24]
    return np.asarray(_LEVELS + smooth, dtype=np.float64)


def _mean_std_curve(
    histogram: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Match mean and deviation (Reinhard et al., "Color Transfer between Images", 2001)."""
    mean, std = _mean_std(histogram)
    target_mean, target_std = _mean_std(target)
    flat = std < _MIN_STD or target_std < _MIN_STD
    gain = 1.0 if flat else min(max(target_std / std, 1 / MAX_GAIN), MAX_GAIN)
    return np.asarray((_LEVELS - mean) * gain + target_mean, dtype=np.float64)


def _match_xyz(image: ImageU8, kept: _KeptPart, trust: float) -> ImageU8:
    """Match mean and deviation in CIE XYZ, where light adds up (IEC 61966-2-1 for sRGB's)."""
    shares = kept.weights.ravel() / float(kept.weights.sum())
    means, stds = [], []
    for part in (kept.ours, kept.theirs):
        xyz = (_LINEAR[part] @ _XYZ_OF_RGB.T).reshape(-1, 3)
        mean = shares @ xyz
        means.append(mean)
        stds.append(np.sqrt(shares @ (xyz - mean) ** 2))
    # Below a hundredth of white a deviation is noise.
    flat = (stds[0] < 0.01) | (stds[1] < 0.01)
    ratio = stds[1] / np.maximum(stds[0], 1e-6)
    gain = np.where(flat, 1.0, np.clip(ratio, 1 / MAX_GAIN, MAX_GAIN))
    # X, Y and Z each by a gain and a shift is one affine map of linear RGB.
    rgb_of_xyz = np.linalg.inv(_XYZ_OF_RGB)
    matrix = rgb_of_xyz @ np.diag(gain) @ _XYZ_OF_RGB
    offset = rgb_of_xyz @ (means[1] - gain * means[0])
    affine = np.hstack([matrix, offset[:, None]]).astype(np.float32)
    linear = cv2.transform(_LINEAR[image], affine)
    encoded = np.interp(linear, _LINEAR, _LEVELS)
    shifts = np.clip(encoded - image, -MAX_SHIFT, MAX_SHIFT)
    return np.clip(np.rint(image + trust * shifts), 0, 255).astype(np.uint8)


def _mean_std(histogram: NDArray[np.float64]) -> tuple[float, float]:
    shares = histogram / histogram.sum()
    mean = float(shares @ _LEVELS)
    return mean, float(np.sqrt(shares @ (_LEVELS - mean) ** 2))


def _bounded(shifts: NDArray[np.float64], mean: float) -> NDArray[np.float64]:
    """Limit shifts to `MAX_SHIFT` and the slope of the curve to `MAX_GAIN` and its inverse."""
    limited = np.clip(shifts, -MAX_SHIFT, MAX_SHIFT)
    steps = np.clip(np.diff(limited), 1 / MAX_GAIN - 1.0, MAX_GAIN - 1.0)
    # Rebuilt from the mean of what was measured, so that a limited slope errs far from it.
    anchor = round(mean)
    rebuilt = np.concatenate([[0.0], np.cumsum(steps)])
    rebuilt += limited[anchor] - rebuilt[anchor]
    return np.asarray(np.clip(rebuilt, -MAX_SHIFT, MAX_SHIFT), dtype=np.float64)


def _histogram(channel: NDArray[np.uint8], weights: AlphaF32) -> NDArray[np.float64]:
    counts = np.bincount(channel.ravel(), weights=weights.ravel(), minlength=256)
    return np.asarray(counts, dtype=np.float64)


def _kept_part(crop: TranslatedCrop) -> _KeptPart:
    """Cut out what is compared; a pixel counts 0 where either picture is clipped."""
    size_px = crop.source.size_px
    x0, y0, x1, y1 = (round(edge * size_px) for edge in KEPT_REGION)
    place = (slice(y0, y1), slice(x0, x1))
    ours, theirs = crop.image[place], crop.source.image[place]
    # Several times as fast as numpy's comparison over the short axis of channels.
    low, high = ((level,) * 3 for level in _CLIPPED)
    fine = (cv2.inRange(ours, low, high) > 0) & (cv2.inRange(theirs, low, high) > 0)
    weights = kept_region(size_px)[place] * (1.0 - clean(crop.alpha[place])) * fine
    sigma_px = _DETAIL * size_px
    return _KeptPart(
        _blurred_within(ours, weights, sigma_px),
        _blurred_within(theirs, weights, sigma_px),
        weights,
        size_px,
    )


@lru_cache(maxsize=8)
def kept_region(crop_size_px: int) -> AlphaF32:
    """Return the ellipse inside `KEPT_REGION`: 1 in its middle, falling smoothly to 0 at its edge.

    Returns:
        Shape (crop_size_px, crop_size_px), read-only, because equal calls share one array.
    """
    x0, y0, x1, y1 = KEPT_REGION
    at = (np.arange(crop_size_px) + 0.5) / crop_size_px
    across = (at - (x0 + x1) / 2) / ((x1 - x0) / 2)
    down = (at - (y0 + y1) / 2) / ((y1 - y0) / 2)
    radius = np.sqrt(across[None, :] ** 2 + down[:, None] ** 2)
    region: AlphaF32 = smoothstep((1.0 - radius) / 0.3)
    region.setflags(write=False)
    return region


def _blurred_within(image: ImageU8, weights: AlphaF32, sigma_px: float) -> ImageU8:
    """Blur within the weighted pixels.

    A generator paints lashes and pupils softer than they are. Compared in detail, that would pass
    for a lack of contrast, and the skin would pay for it.
    """
    near = np.maximum(cv2.GaussianBlur(weights, (0, 0), sigma_px), 1e-6)
    total = cv2.GaussianBlur(image * weights[:, :, None], (0, 0), sigma_px)
    return np.clip(np.rint(total / near[:, :, None]), 0, 255).astype(np.uint8)


def _trust(kept: _KeptPart) -> float:
    """Say in [0, 1] how far the generator's picture of the kept part may be compared.

    Nothing forces a generator to redraw what its alpha hides. Where its picture does not follow the
    source's light and dark, or is of quite another colour, the difference says nothing about the
    part that shows.
    """
    total = float(kept.weights.sum())
    # The region is measured at 128 px, where it holds about 1,000 px.
    enough = total * (128 / kept.crop_size_px) ** 2
    if enough < _MIN_PIXELS:
        return 0.0
    shares = kept.weights.ravel() / total
    tint = shares @ (kept.ours.astype(np.float64) - kept.theirs).reshape(-1, 3)
    off = float(np.abs(tint).max()) / MAX_SHIFT
    ours, theirs = luma(kept.ours).ravel(), luma(kept.theirs).ravel()
    ours, theirs = ours - shares @ ours, theirs - shares @ theirs
    spread = float(np.sqrt((shares @ ours**2) * (shares @ theirs**2)))
    if spread < _MIN_STD**2:
        return 0.0
    correlation = float(shares @ (ours * theirs)) / spread
    fullness = min(1.0, enough / (4 * _MIN_PIXELS))
    # The correlation counts from a half on, and fully from 0.85; a tint counts fully up to half the
    # largest shift, and not at all beyond it.
    return fullness * _fade((correlation - 0.5) / 0.35) * _fade((1.0 - off) / 0.5)


def _fade(at: float) -> float:
    return float(smoothstep(np.array(at)).item())
