"""How well a generator's masks fit: where they lie beside a real mask of the same style.

Every photograph of a masked face says where a mask of its style lies on that face. `unmask` takes
it off, the generator puts one of the style that its encoder reads off the photograph back on, and
the two regions are compared. The real region is the segmentation of `unmask`'s first stage, not a
hand-made one, and the bare face is `unmask`'s too: what both get wrong alike is not seen.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from facemask_video.core.pixels import to_network
from facemask_video.translate.networks import Generator, StyledGenerator, TwoStageGenerator
from trainers.data.crops import CropSet
from trainers.data.mask_photographs import Classifier, MaskPhotographs, pair_photographs
from trainers.evaluate.crop_pairs import RegionBatch
from trainers.evaluate.measurement import OURS, Context, Measurement, mean_measurement

REAL = "real"
"""Method of the photographs' own masks."""

_BATCH = 8
# From between the eyes to the mouth is 1; the chin's tip is at about 1.6, a mask ends below it.
_CHIN = 1.4
# Beside a corner of the mouth and around an eye, in distances of the eyes.
_CHEEK, _EYE = 0.2, 0.15
# Share of an eye's disc that a mask's edge may touch.
_TOUCHED = 0.05


def measure_fit(
    masked: CropSet,
    generator: Generator,
    unmask: TwoStageGenerator,
    classifier: Classifier,
    context: Context,
    *,
    size_px: int,
) -> list[Measurement]:
    """Return how masks fit that are put back on photographs of masked faces.

    ``region_iou`` is the intersection over union with where the real mask lies. ``covers_nose``,
    ``covers_chin`` and ``covers_cheeks`` are the shares of faces where that point, or both of them,
    lies under the mask, ``eyes_free`` of those whose eyes it leaves free; the method ``real`` gives
    the same of the photographs' own masks. Photographs whose mask ``unmask`` did not take off are
    left out; nothing is measured on fewer than two.

    Args:
        masked: Photographs of masked faces, of the side that ``unmask`` works at.
        generator: Puts masks on, in evaluation mode, on the CPU.
        unmask: Takes them off and segments them, likewise.
        classifier: Says whether that worked.
        context: Of the measurements.
        size_px: Side that the generator works at.
    """
    pairs = pair_photographs(masked, unmask, classifier, size_px=size_px)
    if len(pairs) < 2:
        return []
    known = dict(zip(masked.names, masked.landmarks, strict=True))
    landmarks = np.stack([known[name] for name in pairs.names])
    context = replace(
        context,
        images=f"{len(pairs)} of {len(masked)} masked photographs, {size_px} px",
        features="a mask of the photograph's style put back on its unmasked face, against "
        "unmask's segmentation of the real one",
    )
    real = pairs.regions > 127
    regions = {OURS: generated_regions(pairs, generator), REAL: real}
    overlap = {
        name: float((ours & theirs).sum() / max(1, (ours | theirs).sum()))
        for name, ours, theirs in zip(pairs.names, regions[OURS], real, strict=True)
    }
    found = [mean_measurement("region_iou", overlap, context, better="higher")]
    for method, of_method in regions.items():
        for name, shares in covered(of_method, landmarks).items():
            samples = dict(zip(pairs.names, shares.astype(float).tolist(), strict=True))
            found.append(mean_measurement(name, samples, context, better="higher", method=method))
    return found


@torch.inference_mode()
def generated_regions(pairs: MaskPhotographs, generator: Generator) -> RegionBatch:
    """Return where a generator puts masks on the bare faces, shape (n, S, S).

    A styled one reads each style off the photograph; another knows one mask.
    """
    device = torch.device("cpu")
    regions = []
    for first in range(0, len(pairs), _BATCH):
        part = slice(first, first + _BATCH)
        bare = to_network(list(pairs.bare[part]), device)
        if isinstance(generator, StyledGenerator):
            photographs = to_network(list(pairs.masked[part]), device)
            segmentations = torch.from_numpy(pairs.regions[part])[:, None].float() / 255
            made = generator(bare, generator.read_style(photographs, segmentations))
        else:
            made = generator(bare)
        regions.append((made.alpha[:, 0] > 0.5).numpy())
    return np.concatenate(regions)


def covered(regions: RegionBatch, landmarks: NDArray[np.float32]) -> dict[str, NDArray[np.bool_]]:
    """Tell of each face what its mask covers.

    Args:
        regions: Where masks lie, shape (n, S, S).
        landmarks: As fractions of the side, shape (n, 5, 2): eyes, nose, corners of the mouth.

    Returns:
        Shape (n,) by ``covers_nose``, ``covers_chin``, ``covers_cheeks`` and ``eyes_free``.
    """
    side = regions.shape[1]
    rows, columns = np.mgrid[:side, :side] + 0.5
    found: dict[str, list[bool]] = {
        name: [] for name in ("covers_nose", "covers_chin", "covers_cheeks", "eyes_free")
    }
    for region, points in zip(regions, landmarks.astype(np.float64) * side, strict=True):
        left, right, nose, *mouth = points
        across = right - left
        between, lips = (left + right) / 2, (mouth[0] + mouth[1]) / 2
        chin = between + _CHIN * (lips - between)
        cheeks = mouth[0] - _CHEEK * across, mouth[1] + _CHEEK * across
        found["covers_nose"].append(_at(region, nose))
        found["covers_chin"].append(_at(region, chin))
        found["covers_cheeks"].append(all(_at(region, cheek) for cheek in cheeks))
        reach = _EYE * float(np.hypot(*across))
        discs = [np.hypot(columns - x, rows - y) <= reach for x, y in (left, right)]
        free = [not disc.any() or region[disc].mean() <= _TOUCHED for disc in discs]
        found["eyes_free"].append(all(free))
    return {name: np.array(values, dtype=bool) for name, values in found.items()}


def _at(region: NDArray[np.bool_], point: NDArray[np.float64]) -> bool:
    x, y = (int(value) for value in np.floor(point))
    inside = 0 <= x < region.shape[1] and 0 <= y < region.shape[0]
    return bool(inside and region[y, x])
