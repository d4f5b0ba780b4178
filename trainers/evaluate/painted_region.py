"""How well a painted region fits the rest of the face: its light and its sharpness."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core.frame import ImageU8
from facemask_video.core.pictures import luma
from trainers.evaluate.crop_pairs import ImageBatch, RegionBatch
from trainers.evaluate.face_attributes import skin_region
from trainers.evaluate.measurement import (
    N_RESAMPLES,
    OURS,
    Context,
    Measurement,
    mean_measurement,
)

# Smallest share of a crop that is measured, of paint and of visible skin.
_SMALLEST = 0.002
# Of the side, taken off a painted region so that its own edge does not count as detail.
_EDGE = 1 / 64


def measure_light(
    images: ImageBatch,
    painted: RegionBatch,
    context: Context,
    *,
    method: str = OURS,
) -> list[Measurement]:
    """Return how far the painted regions follow the light of the faces.

    For each channel c of CIELAB, ``light_correlation_c`` is Pearson's correlation over the images
    of the mean of c over the painted region with the mean of c over the visible skin: 1 where paint
    is as bright, as green or red (a) and as blue or yellow (b) as the light asks, 0 for a sticker
    that is always the same. Images without paint or visible skin are left out, and nothing is
    measured on fewer than three.

    Args:
        images: Outputs, shape (n, S, S, 3).
        painted: Where they were painted, shape (n, S, S).
        context: Of the measurements.
        method: Whose outputs.
    """
    means = []
    for image, region, skin in _usable(images, painted):
        lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        means.append((lab[region].mean(axis=0), lab[skin].mean(axis=0)))
    if len(means) < 3:
        return []
    pairs = np.array(means, np.float64)
    rng = np.random.default_rng(context.seed)
    resamples = rng.integers(len(pairs), size=(N_RESAMPLES, len(pairs)))
    return [
        Measurement(
            name=f"light_correlation_{channel}",
            value=float(_correlation(pairs[..., index])),
            better="higher",
            n=len(pairs),
            context=context,
            method=method,
            standard_error=float(_correlation(pairs[resamples][..., index]).std()),
        )
        for index, channel in enumerate("lab")
    ]


def measure_sharpness(
    images: ImageBatch,
    painted: RegionBatch,
    names: tuple[str, ...],
    context: Context,
    *,
    method: str = OURS,
) -> list[Measurement]:
    """Return how sharp the painted regions are beside the visible skin.

    ``sharpness_ratio`` of an image is ``E(painted) / E(skin)``, where the gradient energy E of a
    region is the mean of ``Yx² + Yy² + 1`` over it, with the central differences of luma in levels
    of a byte; the 1 keeps a flat region from having none. Paint and skin differ in what they show,
    so compare with the ratio of real images or of the inputs. Images without
    enough of both are left out, and nothing is measured on fewer than two.

    Args:
        images: Outputs, shape (n, S, S, 3).
        painted: Where they were painted, shape (n, S, S).
        names: Of the images.
        context: Of the measurement.
        method: Whose outputs.
    """
    reach = max(1, round(images.shape[1] * _EDGE))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    inner = np.stack([cv2.erode(region.astype(np.uint8), kernel) > 0 for region in painted])
    outer = np.stack([cv2.dilate(region.astype(np.uint8), kernel) > 0 for region in painted])
    samples = {}
    for index, name in enumerate(names):
        skin = skin_region(images.shape[1]) & ~outer[index]
        if min(inner[index].mean(), skin.mean()) >= _SMALLEST:
            energy = gradient_energy(images[index])
            samples[name] = float(energy[inner[index]].mean() / energy[skin].mean())
    if len(samples) < 2:
        return []
    return [mean_measurement("sharpness_ratio", samples, context, better="", method=method)]


def gradient_energy(image: ImageU8) -> NDArray[np.float64]:
    """Return ``Yx² + Yy² + 1`` of the luma Y of an image (h, w, 3), in squared levels, (h, w)."""
    down, across = np.gradient(luma(image))
    return np.asarray(down**2 + across**2 + 1)


def _usable(
    images: ImageBatch, painted: RegionBatch
) -> Iterator[tuple[ImageU8, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield images with their painted and visible skin regions, where both are large enough."""
    for image, region in zip(images, painted, strict=True):
        skin = skin_region(image.shape[0]) & ~region
        if min(region.mean(), skin.mean()) >= _SMALLEST:
            yield image, region, skin


def _correlation(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pearson's correlation of pairs (..., n, 2); 0 where one side never varies."""
    centred = pairs - pairs.mean(axis=-2, keepdims=True)
    products = (centred[..., 0] * centred[..., 1]).sum(axis=-1)
    lengths = np.sqrt(np.square(centred).sum(axis=-2).prod(axis=-1))
    return np.asarray(products / np.maximum(lengths, 1e-9))
