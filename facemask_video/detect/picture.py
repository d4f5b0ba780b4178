"""Find the faces of a single picture, which may be cut close to them."""

from collections.abc import Sequence

import cv2
import numpy as np

from facemask_video.core import geometry
from facemask_video.core.faces import Detection, TrackedFace, TrackId
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.detect.detector import Detector
from facemask_video.detect.size import detect_size_px, to_frame_px

# Of the longer side: pictures cut close to the face are given a border, as the detector wants some
# surround, and a wider one where it then sees nobody.
_BORDERS = (0.2, 0.5)
# Two detections are of one face where their boxes share this part of the smaller one.
_COVERED = 0.4
# One less sure than this is of nobody where its middle lies within so many widths of a surer one's:
# necks, hands and ears look like faces to a detector that is asked for weak ones.
_SURE = 0.95
_NEAR = 1.2


def find_in_picture(
    picture: ImageU8, detector: Detector, *, min_face_px: float
) -> list[TrackedFace]:
    """Return one face for each person, the surest first.

    Args:
        picture: RGB, shape (height, width, 3).
        detector: Finds faces of `SMALLEST_FACE_PX` and more; weak ones are reported too.
        min_face_px: Smallest side of a face, in px of the picture.
    """
    found = _distinct(_look(picture, detector, min_face_px))
    return [
        TrackedFace(TrackId(index), each.box, each.landmarks, each.score, observed=True)
        for index, each in enumerate(found)
        if np.sqrt(each.box.area_px2) >= min_face_px
    ]


def choose_faces(
    faces: Sequence[TrackedFace], *, largest: bool, max_faces: int | None
) -> list[TrackedFace]:
    """Return the largest face alone, or as many of the first ones as are wanted."""
    if largest:
        faces = sorted(faces, key=lambda face: -face.box.area_px2)[:1]
    return list(faces[:max_faces])


def _look(picture: ImageU8, detector: Detector, min_face_px: float) -> Sequence[Detection]:
    height, width = picture.shape[:2]
    scale = min(1.0, detect_size_px(width, height, min_face_px=min_face_px) / max(width, height))
    shown = picture
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        shown = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    for share in _BORDERS:
        border = round(share * max(shown.shape[:2]))
        framed = cv2.copyMakeBorder(shown, *(border,) * 4, cv2.BORDER_REPLICATE)
        found = detector.detect([np.asarray(framed, np.uint8)])[0]
        if found:
            return to_frame_px((_moved(each, -border) for each in found), scale)
    return ()


def _moved(found: Detection, by_px: float) -> Detection:
    shift = geometry.translation(by_px, by_px)
    return Detection(
        geometry.bounding_box(geometry.apply(shift, geometry.corners(found.box))),
        geometry.apply(shift, found.landmarks).astype(np.float32),
        found.score,
    )


def _distinct(found: Sequence[Detection]) -> list[Detection]:
    """Return one detection a face, the surest first."""
    kept: list[Detection] = []
    for each in sorted(found, key=lambda detection: -detection.score):
        if not any(_belongs_to(each, surer) for surer in kept):
            kept.append(each)
    return kept


def _belongs_to(found: Detection, surer: Detection) -> bool:
    a, b = found.box, surer.box
    shared = geometry.clip(Box(a.x0 - b.x0, a.y0 - b.y0, a.x1 - b.x0, a.y1 - b.y0), *_size(b))
    if shared.area_px2 > _COVERED * min(a.area_px2, b.area_px2):
        return True
    apart = np.hypot(*np.subtract(a.center, b.center))
    return bool(found.score < _SURE <= surer.score and apart < _NEAR * b.width_px)


def _size(box: Box) -> tuple[float, float]:
    return box.width_px, box.height_px
