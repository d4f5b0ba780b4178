"""Attributes of faces, to measure each group: yaw, pitch, light, skin tone, size, folder."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.align.template import TEMPLATE
from facemask_video.core.errors import ConfigError
from facemask_video.core.frame import ImageU8
from facemask_video.core.head import yaw_of_nose
from facemask_video.core.pictures import luma
from trainers.data.crops import CropSet
from trainers.evaluate.measurement import OURS, Measurement, mean_measurement

Bins = tuple[tuple[float, str], ...]
"""Upper end and name of each; the last one's end is infinite."""

_BINS: dict[str, Bins] = {
    "yaw": ((15.0, "under 15°"), (30.0, "15 to 30°"), (math.inf, "over 30°")),
    "pitch": ((-15.0, "raised over 15°"), (15.0, "level"), (math.inf, "bowed over 15°")),
    "light": ((70.0, "dark"), (150.0, "middle"), (math.inf, "bright")),
    # The classes of del Bino and Bernerd (Br. J. Dermatol. 2013), the two ends put together.
    "skin": (
        (10.0, "brown, dark"),
        (28.0, "tan"),
        (41.0, "intermediate"),
        (math.inf, "light"),
    ),
    "size": ((80.0, "under 80 px"), (128.0, "80 to 128 px"), (math.inf, "over 128 px")),
}

# Metrics of a table by attribute.
_REPORTED = (
    *("classed_masked", "classed_bare", "psnr_eyes_db"),
    *("psnr_hidden_only_db", "ssim_hidden_only"),
    *("psnr_whole_db", "ssim_inside", "identity_cosine_face"),
    *("sharpness_ratio", "region_iou", "covers_nose", "covers_chin", "covers_cheeks", "eyes_free"),
)

# Skin that no mask covers, as fractions of an aligned crop: forehead and the upper cheeks.
_SKIN = ((0.40, 0.20, 0.60, 0.29), (0.30, 0.43, 0.40, 0.48), (0.60, 0.43, 0.70, 0.48))

_LANDMARKS = ("reye", "leye", "nose", "rmouth", "lmouth")


@dataclass(frozen=True, slots=True, eq=False)
class ManifestFace:
    """What a manifest says of the face in an image.

    Attributes:
        landmarks_px: Shape (5, 2), in px of the image.
        width_px: Width of the face's box.
    """

    landmarks_px: NDArray[np.float32]
    width_px: float


def read_manifests(folder: Path) -> dict[str, ManifestFace]:
    """Read every ``FOLDER/NAME/manifest.csv``; its faces are called ``NAME/file``.

    Columns: ``file``, ``box_w``, and x and y of ``reye``, ``leye``, ``nose``, ``rmouth`` and
    ``lmouth``, right and left as in the picture.

    Raises:
        ConfigError: There is none, or one cannot be read.
    """
    paths = sorted(folder.glob("*/manifest.csv"))
    if not paths:
        raise ConfigError(f"{folder}: holds no NAME/manifest.csv; check --manifests.")
    manifest_faces = {}
    for path in paths:
        try:
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    points = [[float(row[f"{p}{axis}"]) for axis in "xy"] for p in _LANDMARKS]
                    manifest_faces[f"{path.parent.name}/{row['file']}"] = ManifestFace(
                        np.array(points, np.float32), float(row["box_w"])
                    )
        except (OSError, KeyError, ValueError, TypeError, csv.Error) as exc:
            raise ConfigError(
                f"{path}: not a manifest ({type(exc).__name__}: {exc}); expected columns file, "
                f"box_w, {', '.join(f'{p}x, {p}y' for p in _LANDMARKS)}."
            ) from exc
    return manifest_faces


def face_attributes(
    crops: CropSet, manifest_faces: Mapping[str, ManifestFace]
) -> dict[str, dict[str, str]]:
    """Return the bin of each face, by attribute and name.

    ``yaw`` and ``pitch`` are estimated from the landmarks, ``light`` and ``skin`` from the pixels
    of forehead and upper cheeks (``skin`` is the individual typology angle, which the light of a
    photograph shifts), ``size`` comes from the manifest, and ``folder`` from the name.
    """
    attributes: dict[str, dict[str, str]] = {
        attribute: {} for attribute in ("yaw", "pitch", "light", "skin", "size", "folder")
    }
    for image, points, name in zip(crops.images, crops.landmarks, crops.names, strict=True):
        lightness, angle = _skin(image)
        attributes["yaw"][name] = _bin_name("yaw", abs(_yaw_deg(points)))
        attributes["pitch"][name] = _bin_name("pitch", _pitch_deg(points))
        attributes["light"][name] = _bin_name("light", lightness)
        attributes["skin"][name] = _bin_name("skin", angle)
        if name in manifest_faces:
            attributes["size"][name] = _bin_name("size", manifest_faces[name].width_px)
        attributes["folder"][name] = name.rpartition("/")[0].rpartition("/")[2]
    return {
        attribute: bins for attribute, bins in attributes.items() if len(set(bins.values())) > 1
    }


def by_attribute(
    measurements: Sequence[Measurement], attributes: Mapping[str, Mapping[str, str]]
) -> Iterator[Measurement]:
    """Yield the measurements of each bin of two faces or more; the bin takes the method's place."""
    ours = [each for each in measurements if each.method == OURS and each.name in _REPORTED]
    for attribute, bins in attributes.items():
        order = [label for _, label in _BINS.get(attribute, ())] or sorted(set(bins.values()))
        for measurement in ours:
            context = replace(
                measurement.context, group=f"{measurement.context.group}, by {attribute}"
            )
            yield replace(measurement, context=context)
            for label in order:
                samples = {k: v for k, v in measurement.samples.items() if bins.get(k) == label}
                if len(samples) > 1:
                    count = list(bins.values()).count(label)
                    yield mean_measurement(
                        measurement.name,
                        samples,
                        context,
                        better=measurement.better,
                        method=f"{label} ({count})",
                    )


def _bin_name(attribute: str, value: float) -> str:
    return next(label for end, label in _BINS[attribute] if value < end or end == math.inf)


def _yaw_deg(landmarks: NDArray[np.float32]) -> float:
    """Return the yaw of a head, estimated from the nose's offset between the eyes."""
    points = landmarks.astype(np.float64)
    eyes = points[1] - points[0]
    length = float(np.hypot(*eyes))
    if length == 0:
        return 90.0
    offset = float((points[2] - points[:2].mean(axis=0)) @ eyes) / length**2
    return math.degrees(yaw_of_nose(offset))


def _pitch_deg(landmarks: NDArray[np.float32]) -> float:
    """Return how far a head is bowed, estimated from the nose's place between eyes and mouth."""
    points = landmarks.astype(np.float64)
    eyes, lips = points[:2].mean(axis=0), points[3:].mean(axis=0)
    down = lips - eyes
    length = float(np.hypot(*down))
    if length == 0:
        return 0.0
    place = float((points[2] - eyes) @ down) / length**2
    # The nose tip stands about half of this length before eyes and mouth, and on a level head
    # where the template has it.
    return math.degrees(math.atan((place - _LEVEL) / 0.5))


_LEVEL = float(
    (TEMPLATE[2, 1] - TEMPLATE[:2, 1].mean()) / (TEMPLATE[3:, 1].mean() - TEMPLATE[:2, 1].mean())
)


def skin_region(size_px: int) -> NDArray[np.bool_]:
    """Return where an aligned crop (S, S) shows forehead and upper cheeks, which no mask covers."""
    region = np.zeros((size_px, size_px), dtype=bool)
    for edges in _SKIN:
        x0, y0, x1, y1 = (round(edge * size_px) for edge in edges)
        region[y0:y1, x0:x1] = True
    return region


def _skin(image: ImageU8) -> tuple[float, float]:
    """Return brightness, of 255, and the individual typology angle in degrees."""
    pixels = image[skin_region(image.shape[0])]
    lab = cv2.cvtColor(pixels[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    lightness, _, yellow = (float(v) for v in np.median(lab, axis=0))
    brightness = float(np.median(luma(pixels)))
    return brightness, math.degrees(math.atan2(lightness - 50, max(yellow, 1e-3)))
