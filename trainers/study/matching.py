"""Pairs of a photograph and an output that differ in nothing but realism.

Where photographs show other crops, other masks or another light than outputs, people tell the two
apart without looking for what is wrong with either. So both are cut alike, by the face's landmarks;
each output gets the photograph that is most like it in size, pose, light and in what lies over the
mouth; and the two are given one mean and one spread of colour.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import binomtest

from facemask_video.align.crop import align_face_in_image
from facemask_video.core import geometry
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.detect.detector import Detector
from facemask_video.detect.single_image import find_main_face
from trainers.study.pictures import Picture, read_study_picture

# Of an aligned crop's side what is shown, from the hair's edge to the chin, and where that begins:
# photographs are often cut close to the face, and crops end with their own template.
_SHOWN_SIDE = 0.74
_SHOWN_FROM = (0.13, 0.15)
# How far, of the shown side, a picture may end within it.
_MISSING = 0.02
# Left, top, right and bottom of what a mask lies over, as fractions of what is shown.
_LOWER_FACE = (0.2, 0.45, 0.8, 0.92)
# Spreads of a pair that differ by more than this are only brought nearer.
_MOST_SPREAD = 2.0
# A share that a fair coin gives less often than this is named.
_UNLIKELY = 0.01

FEATURES = (
    *("size of the face", "turn of the head"),
    *("brightness", "redness", "yellowness", "contrast", "sharpness"),
    *("brightness of the lower face", "redness of the lower face"),
    *("yellowness of the lower face", "pattern of the lower face"),
)
"""By which pictures are matched; of the lower face: the style of a mask, or the skin."""

_NOT_COMPARED = (*("brightness", "redness", "yellowness", "contrast", "pattern of the lower face"),)


@dataclass(frozen=True, slots=True, eq=False)
class StudyFace:
    """A picture, cut to its face.

    Attributes:
        picture: Where it lies.
        image: Shape (S, S, 3), aligned.
        features: `FEATURES` of it, shape (11,).
    """

    picture: Picture
    image: ImageU8
    features: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MatchedPair:
    """A photograph and an output, and their images of one colour."""

    real: StudyFace
    fake: StudyFace
    real_image: ImageU8
    fake_image: ImageU8


@dataclass(frozen=True, slots=True)
class Giveaway:
    """What tells photographs from outputs besides realism.

    Attributes:
        feature: One of `FEATURES`.
        share: Of the pairs in which the photograph has more of it; 0.5 would tell nothing.
    """

    feature: str
    share: float


def read_faces(
    pictures: Sequence[Picture],
    size_px: int,
    detector: Detector,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[StudyFace], list[tuple[str, str]]]:
    """Cut every picture to its main face.

    Args:
        pictures: Photographs or outputs, whole pictures or crops.
        size_px: Side of what is shown.
        detector: Finds the faces.
        on_progress: Called with pictures done and in all.

    Returns:
        The faces, and (name, reason) of each picture that has none, or ends within the crop.

    Raises:
        ConfigError: A picture cannot be read.
    """
    faces, left_out = [], []
    for done, picture in enumerate(pictures, 1):
        image = read_study_picture(picture)
        found = find_main_face(image, detector)
        shown = None if found is None else study_crop(image, found.landmarks, size_px)
        if found is None:
            left_out.append((picture.name, "no face found"))
        elif shown is None:
            left_out.append((picture.name, "the picture ends beside the face"))
        else:
            crop, points, scale = shown
            faces.append(StudyFace(picture, crop, features(crop, points, scale)))
        on_progress(done, len(pictures))
    return faces, left_out


def study_crop(
    image: ImageU8, landmarks: NDArray[np.float32], size_px: int
) -> tuple[ImageU8, NDArray[np.float64], float] | None:
    """Return the inner part of an aligned crop, its landmarks in px, and its scale.

    None where the picture ends within it: a border would tell what was a crop before.
    """
    whole_px = round(size_px / _SHOWN_SIDE)
    crop, to_crop = align_face_in_image(image, landmarks, whole_px)
    left, top = (round(edge * whole_px) for edge in _SHOWN_FROM)
    shown = Box(left, top, left + size_px, top + size_px)
    corners = geometry.apply(geometry.invert(to_crop), geometry.corners(shown))
    scale = geometry.scale_of(to_crop)
    tolerance_px = _MISSING * size_px / scale
    ends = np.array([image.shape[1], image.shape[0]])
    if (corners < -tolerance_px).any() or (corners > ends + tolerance_px).any():
        return None
    points = geometry.apply(to_crop, landmarks).astype(np.float64) - np.array([left, top])
    inner = crop[top : top + size_px, left : left + size_px]
    return np.ascontiguousarray(inner), points, scale


def features(image: ImageU8, landmarks: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Return `FEATURES` of a cut face.

    Args:
        image: Shape (S, S, 3).
        landmarks: Shape (5, 2), in px of it.
        scale: Px of it to one of the picture.
    """
    lab = _lab(image)
    lower = _lower_face(image.shape[0])
    energy = _gradient_energy(lab[..., 0])
    eyes = landmarks[1] - landmarks[0]
    turn = (landmarks[2] - landmarks[:2].mean(axis=0)) @ eyes / max(float(eyes @ eyes), 1e-9)
    surround, below = lab[~lower], lab[lower]
    return np.array(
        [
            *(-np.log2(scale), turn, *surround.mean(axis=0), surround[:, 0].std()),
            np.log(energy[~lower].mean()),
            *below.mean(axis=0),
            np.log(energy[lower].mean()),
        ]
    )


def match(real: Sequence[StudyFace], fake: Sequence[StudyFace]) -> list[MatchedPair]:
    """Give each output a photograph of its own, so that all pairs together are most alike.

    A photograph of a direction stands against outputs of that direction alone. Of what is left
    over on one side the least alike are. Features count by their spread over all pictures.
    """
    if not real or not fake:
        return []
    both = np.stack([face.features for face in [*real, *fake]])
    scaled = both / np.maximum(both.std(axis=0), 1e-6)
    ours, theirs = scaled[: len(real)], scaled[len(real) :]
    cost = np.square(ours[:, None] - theirs[None]).sum(axis=2)
    allowed = np.array(
        [[r.picture.direction in ("", f.picture.direction) for f in fake] for r in real]
    )
    # More than all that is allowed together costs.
    rows, columns = linear_sum_assignment(np.where(allowed, cost, cost.sum() + 1))
    return [
        _alike(real[row], fake[column])
        for row, column in sorted(zip(rows, columns, strict=True), key=lambda pair: pair[1])
        if allowed[row, column]
    ]


def giveaways(pairs: Sequence[MatchedPair]) -> list[Giveaway]:
    """Return the features of which photographs have more, or less, than chance would give them.

    Colours beside the lower face are equal by now, and how much detail the lower face has is what
    is judged.
    """
    found = []
    for index, name in enumerate(FEATURES):
        if name in _NOT_COMPARED:
            continue
        differences = [pair.real.features[index] - pair.fake.features[index] for pair in pairs]
        n_more = sum(difference > 0 for difference in differences)
        n_unequal = sum(difference != 0 for difference in differences)
        if n_unequal and binomtest(n_more, n_unequal).pvalue < _UNLIKELY:
            found.append(Giveaway(name, n_more / n_unequal))
    return found


def _alike(real: StudyFace, fake: StudyFace) -> MatchedPair:
    """Give both pictures the mean and the spread that lie between their own.

    They are measured beside the lower face, so that a mask in a wrong light stays one.
    """
    both = [_lab(face.image) for face in (real, fake)]
    lower = _lower_face(real.image.shape[0])
    means = [lab[~lower].mean(axis=0) for lab in both]
    spreads = [np.maximum(lab[~lower].std(axis=0), 1e-3) for lab in both]
    mean, spread = (means[0] + means[1]) / 2, np.sqrt(spreads[0] * spreads[1])
    images = []
    for lab, own_mean, own_spread in zip(both, means, spreads, strict=True):
        gain = np.clip(spread / own_spread, 1 / _MOST_SPREAD, _MOST_SPREAD)
        images.append(_rgb((lab - own_mean) * gain + mean))
    return MatchedPair(real, fake, images[0], images[1])


def _lower_face(size_px: int) -> NDArray[np.bool_]:
    left, top, right, bottom = (round(edge * size_px) for edge in _LOWER_FACE)
    region = np.zeros((size_px, size_px), dtype=bool)
    region[top:bottom, left:right] = True
    return region


def _lab(image: ImageU8) -> NDArray[np.float64]:
    unit = image.astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(unit, cv2.COLOR_RGB2LAB), np.float64)


def _rgb(lab: NDArray[np.float64]) -> ImageU8:
    unit = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)


def _gradient_energy(lightness: NDArray[np.float64]) -> NDArray[np.float64]:
    down, across = np.gradient(lightness)
    # The 1 keeps a flat region from having none.
    return np.asarray(down**2 + across**2 + 1)
