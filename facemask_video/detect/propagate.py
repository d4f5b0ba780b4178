"""Faces carried from the frames that the detector ran on into the frames between.

A face is followed forward from frame to frame by refining its predicted box; one that was not there
before is also followed back to where it first shows. Where that fails, it is searched for around
the place where it was.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from facemask_video.core.faces import Detection
from facemask_video.core.geometry import Box, overlap_coefficient
from facemask_video.detect.detector import RegionDetector
from facemask_video.detect.interpolate import boxes_between
from facemask_video.detect.observations import (
    LostFace,
    Observation,
    ObservedFrame,
    displacement_px,
    match,
    nearest,
    same_face,
)

MIN_SCORE = 0.6
"""Least score at which a face is followed to the next frame. It is under the score that confirms a
track: a mask lowers the score, and where a face was a moment ago one is likely."""

MAX_DOUBT = 0.6
"""A followed face that full detections miss is given up once the doubts of the refinements in those
frames (1 - score) add up to this: after 20 at a score of 0.97, after 2 at 0.7."""

SEARCH_FRAMES = 5
"""After a credible face is lost, so many more frames are searched for it: it may only have moved
too fast to be followed, or be hidden for a moment."""

SEARCH_REACH = 1.5
"""How far, in sides of the face, beyond where it was and where it was predicted."""

_SAME_FACE_OVERLAP = 0.5
# Overlap coefficient of two boxes on one face.
_MAX_JUMP = 0.5
# Farthest, in face widths, that a followed face is in a frame from where it was predicted.
_MAX_OFF = 0.1
# Farthest from where it was expected if it moved evenly; else it is looked for anew.
_MAX_LOG_GROWTH = 0.15
# Most that the log of its width changes in a frame.


class FacePropagator:
    """Follows faces through the groups of frames of a stream.

    Attributes:
        faces_came_or_went: Whether credible faces did so in the last group, so that it is worth
            running the detector more often.

    Args:
        detector: Refines boxes and searches regions.
    """

    def __init__(self, detector: RegionDetector) -> None:
        self.faces_came_or_went = False
        self._detector = detector
        self._lost: list[LostFace] = []

    def add(self, frames: Sequence[ObservedFrame], found: Sequence[list[Detection]]) -> None:
        """Add what the detector found to its frames; faces known there stay as they are."""
        boxes = [[face.box for face in faces] for faces in found]
        refined = self._detector.refine([frame.image for frame in frames], boxes)
        for frame, faces, refined_faces in zip(frames, found, refined, strict=True):
            known = [each.detection.box for each in frame.observations]
            for face, near in zip(faces, refined_faces, strict=True):
                # The refinement places a face better, and each catches errors of the other.
                placed = near if same_face(near, face) else face
                if not _overlaps_any(placed.box, known):
                    score = (face.score + near.score) / 2
                    detection = Detection(placed.box, placed.landmarks, score)
                    frame.observations.append(Observation(detection, is_new=True))

    def propagate(self, before: list[ObservedFrame], group: list[ObservedFrame]) -> None:
        """Carry faces through a group; may add faces to the group before it."""
        self.faces_came_or_went = False
        self._expect(before[-1:] + group)
        for last, now in pairwise(before[-1:] + group):
            if now.starts_shot:
                self._lost = []
            else:
                self._carry_forward(last, now)
                self._search_lost(now)
        window = before + group
        for last, now in zip(window[-2::-1], window[:0:-1], strict=True):
            if not now.starts_shot:
                self._carry_back(now, last)
        for frame in window:
            for face in frame.observations:
                face.is_new = False
            frame.expected = []

    def _expect(self, frames: list[ObservedFrame]) -> None:
        """Refine, in one call, what lies between faces that are seen at two ends."""
        boxes = boxes_between(frames)
        some = [(frame, each) for frame, each in zip(frames, boxes, strict=True) if each]
        refined = self._detector.refine(
            [frame.image for frame, _ in some], [each for _, each in some]
        )
        for (frame, asked), faces in zip(some, refined, strict=True):
            frame.expected = [
                face for box, face in zip(asked, faces, strict=True) if _lies_on(face.box, box)
            ]

    def _carry_forward(self, last: ObservedFrame, now: ObservedFrame) -> None:
        """Carry the faces of one frame into the next, where the detector missed them."""
        missed, lost = [], []
        for face in last.observations:
            known = match(face, now.observations)
            if known is not None:
                known.follow(face)
            elif face.doubt >= MAX_DOUBT:
                continue
            elif face.detection.score >= MIN_SCORE:
                missed.append(face)
            else:
                lost.append(face)
        for face, detection in zip(missed, self._find_near(missed, now), strict=True):
            if detection is None:
                lost.append(face)
                continue
            doubt = face.doubt + now.detector_ran * (1 - detection.score)
            carried = Observation(detection, doubt=doubt)
            carried.follow(face)
            now.observations.append(carried)
        self._lost += [LostFace(face) for face in lost if face.credible]

    def _search_lost(self, now: ObservedFrame) -> None:
        """Search a frame for the faces that were lost in it or shortly before."""
        still_lost = []
        for lost in self._lost:
            lost.n_frames += 1
            found = None if now.detector_ran else self._search(now, lost.last, lost.n_frames)
            known = match(lost.last, now.observations) if lost.n_frames == 1 else None
            if known is not None:
                known.follow(lost.last)
            elif found is not None:
                found.credible = True
            else:
                self.faces_came_or_went = True
                still_lost.append(lost)
        self._lost = [lost for lost in still_lost if lost.n_frames <= SEARCH_FRAMES]

    def _carry_back(self, now: ObservedFrame, last: ObservedFrame) -> None:
        """Carry the faces that are new in a frame into the frame before it."""
        new = [
            face
            for face in now.observations
            if face.is_new
            and face.detection.score >= MIN_SCORE
            and match(face, last.observations, n_frames=-1) is None
        ]
        for face, detection in zip(new, self._find_near(new, last, n_frames=-1), strict=True):
            if detection is not None:
                carried = Observation(detection, is_new=True, credible=face.credible)
                face.displacement_px = displacement_px(carried, face)
                carried.displacement_px = face.displacement_px
                last.observations.append(carried)
                self.faces_came_or_went |= face.credible
            elif face.credible and not last.detector_ran:
                self._search(last, face, -1)

    def _search(self, frame: ObservedFrame, face: Observation, n_frames: int) -> Observation | None:
        """Detect where a face of so many frames ago may be; below 0, of a frame to come.

        Returns:
            The best of the faces found that were not known, if any.
        """
        box, predicted = face.detection.box, face.predicted_box(n_frames)
        side_px = float(np.sqrt(box.area_px2))
        reach_px = SEARCH_REACH * side_px
        region = Box(
            min(box.x0, predicted.x0) - reach_px,
            min(box.y0, predicted.y0) - reach_px,
            max(box.x1, predicted.x1) + reach_px,
            max(box.y1, predicted.y1) + reach_px,
        )
        n_known = len(frame.observations)
        self.add([frame], [self._detector.detect_in_region(frame.image, region, side_px)])
        new = frame.observations[n_known:]
        return max(new, key=lambda each: each.detection.score, default=None)

    def _find_near(
        self, faces: list[Observation], frame: ObservedFrame, *, n_frames: int = 1
    ) -> list[Detection | None]:
        """Return where each of a neighbouring frame's faces is in this one, None where it is not.

        It is looked for among those expected there, then where it was predicted, then where it was:
        movement is not always steady.
        """
        found: list[Detection | None] = [None] * len(faces)
        for look in (self._expected, self._look_ahead, self._look_again):
            todo = [index for index, each in enumerate(found) if each is None]
            if not todo:
                break
            refined = look([faces[index] for index in todo], frame, n_frames)
            for index, near in zip(todo, refined, strict=True):
                if near is None:
                    continue
                taken = _overlaps_any(near.box, [each.box for each in found if each is not None])
                if not taken and _is_continued(faces[index], near, frame):
                    found[index] = near
        return found

    def _expected(
        self, faces: list[Observation], frame: ObservedFrame, n_frames: int
    ) -> list[Detection | None]:
        """Return of the faces expected in a frame the one that lies where each is predicted."""
        return [nearest(face.predicted_box(n_frames), frame.expected) for face in faces]

    def _look_ahead(
        self, faces: list[Observation], frame: ObservedFrame, n_frames: int
    ) -> Sequence[Detection]:
        boxes = [face.predicted_box(n_frames) for face in faces]
        return self._detector.refine([frame.image], [boxes])[0]

    def _look_again(
        self, faces: list[Observation], frame: ObservedFrame, _: int
    ) -> Sequence[Detection]:
        return self._detector.refine([frame.image], [[face.detection.box for face in faces]])[0]


def _is_continued(face: Observation, near: Detection, frame: ObservedFrame) -> bool:
    """Tell whether a refined detection is that face, and no face known in the frame."""
    if near.score < MIN_SCORE:
        return False
    if _overlaps_any(near.box, [each.detection.box for each in frame.observations]):
        return False
    old, new = face.detection.box, near.box
    width_px = max(old.width_px, 1.0)
    distance_px = np.hypot(new.center[0] - old.center[0], new.center[1] - old.center[1])
    log_growth = abs(np.log(max(new.width_px, 1.0) / width_px))
    reach_px = _MAX_JUMP * width_px + float(np.hypot(*face.displacement_px))
    return bool(distance_px < reach_px and log_growth < _MAX_LOG_GROWTH)


def _lies_on(found: Box, asked: Box) -> bool:
    """Tell whether a face was so near where it was expected that it was seen in full there."""
    (x0, y0), (x1, y1) = asked.center, found.center
    return bool(np.hypot(x1 - x0, y1 - y0) < _MAX_OFF * max(asked.width_px, 1.0))


def _overlaps_any(box: Box, others: Sequence[Box]) -> bool:
    return any(overlap_coefficient(box, other) > _SAME_FACE_OVERLAP for other in others)
