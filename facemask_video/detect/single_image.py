"""Find the faces of a single picture, which may be cut close to them."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from facemask_video.core import geometry
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.faces import Detection, TrackedFace, TrackId
from facemask_video.core.frame import Frame, ImageU8
from facemask_video.core.geometry import overlap_coefficient
from facemask_video.detect.detector import Detector, RegionDetector
from facemask_video.detect.observations import same_face
from facemask_video.detect.size import detect_size_px, to_frame_px

_BORDERS = (0.2, 0.5)
# Of the longer side: pictures cropped close to the face are padded, as the detector wants some
# surround, and more where it then is sure of nobody.
_MAIN_FACE_SIDE_PX = 640
# Longer side at which the main face of a photograph is looked for.
_SAME_FACE_OVERLAP = 0.4
# Overlap coefficient of two boxes on one face.
_SURE_SCORE = 0.95
_NEAR = 1.2
# A detection below this score is of nobody where its centre lies within so many widths of a surer
# one's: necks, hands and ears look like faces to a detector that is asked for weak ones.


def find_in_picture(
    picture: ImageU8, detector: Detector, *, min_face_px: float
) -> list[TrackedFace]:
    """Return one face for each person, the surest first.

    Args:
        picture: RGB, shape (height, width, 3).
        detector: Finds faces of `SMALLEST_FACE_PX` and more; weak ones are reported too.
        min_face_px: Smallest side of a face, in px of the picture.
    """
    return find_in_frame(ArrayFrame(picture), detector, min_face_px=min_face_px)


def find_in_frame(frame: Frame, detector: Detector, *, min_face_px: float) -> list[TrackedFace]:
    """Return one face for each person in the one picture that a frame is; see `find_in_picture`."""
    found = _distinct(_detect_padded(frame, detector, min_face_px))
    return [
        TrackedFace(TrackId(index), each.box, each.landmarks, each.score, observed=True)
        for index, each in enumerate(found)
        if np.sqrt(each.box.area_px2) >= min_face_px
    ]


def find_main_face(picture: ImageU8, detector: Detector) -> Detection | None:
    """Return the largest face near the middle, in px of the picture; None where there is none.

    For photographs of one person, such as training sets are made of.

    Args:
        picture: RGB, shape (height, width, 3).
        detector: Finds the faces.
    """
    # The main face of a large photograph is large too; the detector's time grows with the pixels.
    scale = min(1.0, _MAIN_FACE_SIDE_PX / max(picture.shape[:2]))
    shown = picture
    if scale < 1:
        shown = np.asarray(
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    padded, border = _pad(shown, _BORDERS[0])
    found = detector.detect([padded])[0]
    if not found:
        return None
    height, width = padded.shape[:2]

    def prominence(face: Detection) -> float:
        x, y = face.box.center
        off = abs(x / width - 0.5) + abs(y / height - 0.5)
        return float(face.box.area_px2 * (1 - off))

    best = max(found, key=prominence)
    if isinstance(detector, RegionDetector):
        # As in a video: refining places a face better, but may end on another one.
        refined = detector.refine([padded], [[best.box]])[0][0]
        best = refined if same_face(refined, best) else best
    landmarks = (best.landmarks - np.float32(border)) / np.float32(scale)
    edges = (best.box.x0, best.box.y0, best.box.x1, best.box.y1)
    box = geometry.Box(*((edge - border) / scale for edge in edges))
    return Detection(box, landmarks.astype(np.float32), best.score)


def choose_faces(
    faces: Sequence[TrackedFace], *, largest: bool, max_faces: int | None
) -> list[TrackedFace]:
    """Return the largest face alone, or as many of the first ones as are wanted."""
    if largest:
        faces = sorted(faces, key=lambda face: -face.box.area_px2)[:1]
    return list(faces[:max_faces])


def _detect_padded(frame: Frame, detector: Detector, min_face_px: float) -> Sequence[Detection]:
    size_px = detect_size_px(frame.width_px, frame.height_px, min_face_px=min_face_px)
    shown, scale = frame.thumbnail(size_px)
    seen: list[Detection] = []
    for share in _BORDERS:
        padded, border = _pad(shown, share)
        found = _refined(padded, detector.detect([padded])[0], detector)
        seen += to_frame_px((_moved(each, -border) for each in found), scale)
        if any(each.score >= _SURE_SCORE for each in seen):
            break
    return seen


def _refined(
    picture: ImageU8, found: Sequence[Detection], detector: Detector
) -> Sequence[Detection]:
    """Place detections as in a video, by the mean of several close looks.

    Those can make a face surer, not less sure: no further frame will show what is a face.
    """
    if not isinstance(detector, RegionDetector):
        return found
    refined = detector.refine([picture], [[each.box for each in found]])[0]
    return [
        replace(
            near if same_face(near, each) else each,
            score=max(each.score, (each.score + near.score) / 2),
        )
        for each, near in zip(found, refined, strict=True)
    ]


def _pad(picture: ImageU8, share: float) -> tuple[ImageU8, int]:
    """Repeat a picture's edges by a share of its longer side; returns also that many px."""
    border = round(share * max(picture.shape[:2]))
    padded = cv2.copyMakeBorder(picture, *(border,) * 4, cv2.BORDER_REPLICATE)
    return np.asarray(padded, np.uint8), border


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
    if overlap_coefficient(found.box, surer.box) > _SAME_FACE_OVERLAP:
        return True
    apart = np.hypot(*np.subtract(found.box.center, surer.box.center))
    is_unsure = found.score < _SURE_SCORE <= surer.score
    return bool(is_unsure and apart < _NEAR * surer.box.width_px)
