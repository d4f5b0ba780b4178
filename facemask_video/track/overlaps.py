"""Which detections of one frame lie on the same face, on its neck, or behind another face."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facemask_video.core.faces import Detection
from facemask_video.core.geometry import overlap_coefficient
from facemask_video.track.pose import PosedFace, split_pose

_SAME_FACE_DISTANCE = 0.35
# Two detections nearer than this, in face sizes, lie on one face.
_STRONG_OVERLAP = 0.3
_WEAK_OVERLAP = 0.1
# So do two of this overlap coefficient: MTCNN sees a second face in many a mask. Of a weak one less
# is enough.
_NECK_OVERLAP = 0.2
_STRAIGHT_BELOW = 0.3
_NECK_WIDTH = 1.1
_NECK_SCORE = 0.98
# And of one below this score whose middle lies below the other's within this part of its width, and
# which is hardly wider: between a mask and a collar, a neck looks like a face.

_OCCLUDED_OVERLAP = 0.2
# A face that overlaps so much with one of a higher score is behind it.


@dataclass(frozen=True, slots=True, eq=False)
class PosedDetection:
    """A detection and its pose; ``side_px`` is the side of the square of its box's area."""

    detection: Detection
    face: PosedFace
    side_px: float

    @property
    def score(self) -> float:
        """The detection's."""
        return self.detection.score


def posed(detections: Sequence[Detection], *, min_side_px: float) -> list[PosedDetection]:
    """Return those detections that have a pose and are no smaller than wanted."""
    found = []
    for detection in detections:
        face = split_pose(detection.box, detection.landmarks)
        side_px = float(np.sqrt(detection.box.area_px2))
        if face is not None and side_px >= min_side_px:
            found.append(PosedDetection(detection, face, side_px))
    return found


def is_duplicate(new: PosedDetection, known: PosedDetection, *, strong: bool) -> bool:
    """Tell whether a detection is of the same face as a known one, or of the neck below it."""
    apart = new.face.pose - known.face.pose
    size_px = float(np.exp(max(new.face.pose[2], known.face.pose[2])))
    if float(np.hypot(apart[0], apart[1])) < _SAME_FACE_DISTANCE * size_px:
        return True
    most = _STRONG_OVERLAP if strong else _WEAK_OVERLAP
    if _is_neck(new, known):
        most = min(most, _NECK_OVERLAP)
    return overlap_coefficient(new.detection.box, known.detection.box) > most


def is_occluded(face: PosedDetection, others: Sequence[PosedDetection]) -> bool:
    """Tell whether a face of a higher score in the same frame lies over a part of this one."""
    return any(
        other.score > face.score
        and overlap_coefficient(face.detection.box, other.detection.box) > _OCCLUDED_OVERLAP
        for other in others
    )


def _is_neck(new: PosedDetection, known: PosedDetection) -> bool:
    box, face = new.detection.box, known.detection.box
    if box.width_px > _NECK_WIDTH * face.width_px or new.score >= _NECK_SCORE:
        return False
    # In the face's own directions: it may be tilted.
    apart = complex(*box.center) - complex(*face.center)
    apart *= np.exp(-1j * known.face.pose[3])
    return bool(apart.imag > 0 and abs(apart.real) < _STRAIGHT_BELOW * face.width_px)
