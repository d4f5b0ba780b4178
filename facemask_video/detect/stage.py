"""The stage that finds faces: a full look now and then, and each face followed in between."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from facemask_video.core.faces import DetectedFrame, Detection
from facemask_video.core.frame import Frame, ImageU8, time_s
from facemask_video.core.geometry import Box, overlap_coefficient
from facemask_video.detect.detector import Detector, RegionDetector
from facemask_video.detect.observations import Lost, Sight, match, same_face, step_between
from facemask_video.detect.shot_boundary import ShotBoundaryDetector
from facemask_video.detect.size import to_frame_px

LONGEST_REST_S = 0.5
"""Longest time from one full look to the next where ``detect_every`` is 0 (automatic). A face that
comes and goes within it may be missed where nothing else happens; one that stays is taken back to
where it first shows."""

FOLLOW_AT = 0.6
"""Least score at which a face is followed to the next frame. It is under the score that makes a
track believed: a mask lowers the score, and where a face was a moment ago one is likely."""

NEVER = 1 << 30

DOUBT = 0.6
"""A followed face that full looks do not see is given up once the doubts of the close looks at
those frames (1 - score) add up to this: after 20 looks at a face of 0.97, after 2 of 0.7."""

SEARCH_FRAMES = 5
"""After a credible face is lost, so many more frames are searched for it: it may only have moved
too fast to be followed, or be hidden for a moment."""

SEARCH_REACH = 1.5
"""How far, in sides of the face, beyond where it was and where it was foretold."""

_COVERED = 0.5
# Part of the smaller of two boxes that the other covers, where both are taken for one face.
_RUNS_AWAY = 0.5
# Farthest, in face widths, that a followed face is in a frame from where it was foretold.
_GROWS = 0.15
# Most that the log of its width changes in a frame.


@dataclass(slots=True, eq=False)
class _Held:
    """A frame in work."""

    frame: Frame
    image: ImageU8
    scale: float
    starts_shot: bool
    detector_ran: bool = False
    sights: list[Sight] = field(default_factory=list)


class DetectFaces:
    """Find the faces of every frame.

    Frames are taken in groups. Some of a group are looked at in full, together; a face found there
    is followed forward from frame to frame, and one that was not there before is also followed back
    to where it first shows. Where that fails, it is searched for around the place where it was. So
    between two looks a face is seen in each frame, for a small part of the cost, and where a full
    look fails (a mask, a turned head) the face is kept while a close look still sees it.

    Holds up to two groups of ``batch_frames`` frames and their thumbnails.

    Args:
        detector: What looks. One that is no `RegionDetector` looks at every frame in full.
        max_side_px: Longer side of the thumbnail that it is shown.
        detect_every: Full look at every n-th frame, >= 1; 0 chooses: seldom (`LONGEST_REST_S`)
            while nothing happens, four times as often while faces come and go.
        batch_frames: Frames in a group, >= 1; a rest is never longer.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        max_side_px: int,
        detect_every: int = 0,
        batch_frames: int = 16,
    ) -> None:
        """See the class."""
        if detect_every < 0:
            raise ValueError(
                f"detect_every: got {detect_every}, expected 1 or more frames, or 0 for automatic."
            )
        self._detector = detector
        self._near = detector if isinstance(detector, RegionDetector) else None
        self._max_side_px = max_side_px
        self._detect_every = detect_every
        self._batch_frames = max(batch_frames, detect_every, 1)
        self._cuts = ShotBoundaryDetector()
        self._since_look = NEVER
        self._eventful = False
        self._lost: list[Lost] = []

    def __call__(self, items: Iterable[Frame], /) -> Iterator[DetectedFrame]:
        """Yield each frame with its faces in frame px."""
        before: list[_Held] = []
        group: list[_Held] = []
        for frame in items:
            image, scale = frame.thumbnail(self._max_side_px)
            resized = bool(before or group) and (group or before)[-1].image.shape != image.shape
            if resized:
                self._work(before, group)
                yield from _given_out(before + group)
                before, group, self._cuts = [], [], ShotBoundaryDetector()
            cut = self._cuts.begins_shot(image) or resized
            group.append(_Held(frame, image, scale, cut))
            if len(group) == self._batch_frames:
                self._work(before, group)
                yield from _given_out(before)
                before, group = group, []
        self._work(before, group)
        yield from _given_out(before + group)

    def _work(self, before: list[_Held], group: list[_Held]) -> None:
        """Find the faces of a group; may add faces to the group before it."""
        if not group:
            return
        self._look(self._due(group))
        window = before + group
        self._eventful = False
        for last, now in pairwise(window):
            if now in group:
                if now.starts_shot:
                    self._lost = []
                else:
                    self._follow(last, now)
                    self._search(now)
        for last, now in zip(window[-2::-1], window[:0:-1], strict=True):
            if not now.starts_shot:
                self._follow_back(now, last)
        for held in window:
            for sight in held.sights:
                sight.fresh = False

    def _due(self, group: list[_Held]) -> list[_Held]:
        """Return the frames of a group that are looked at in full in any case."""
        every = (self._detect_every or self._chosen_step(group)) if self._near else 1
        due = []
        for held in group:
            self._since_look += 1
            if held.starts_shot or self._since_look >= every:
                due.append(held)
                self._since_look = 0
        return due

    def _look(self, looks: list[_Held]) -> None:
        """Look at frames in full; faces that are known there already stay as they are."""
        found = self._detector.detect([held.image for held in looks])
        self._add(looks, found)
        for held in looks:
            held.detector_ran = True

    def _look_around(self, held: _Held, sight: Sight, n_frames: int) -> Sight | None:
        """Look only where a face of so many frames ago may be; below 0, of a frame to come.

        Returns:
            The best of the faces found that were not known, if any.
        """
        assert self._near is not None
        was, foretold = sight.found.box, sight.foretold(n_frames)
        side_px = float(np.sqrt(was.area_px2))
        reach_px = SEARCH_REACH * side_px
        region = Box(
            min(was.x0, foretold.x0) - reach_px,
            min(was.y0, foretold.y0) - reach_px,
            max(was.x1, foretold.x1) + reach_px,
            max(was.y1, foretold.y1) + reach_px,
        )
        n_known = len(held.sights)
        self._add([held], [self._near.detect_in_region(held.image, region, side_px)])
        return max(held.sights[n_known:], key=lambda new: new.found.score, default=None)

    def _add(self, helds: list[_Held], found: list[list[Detection]]) -> None:
        """Add the faces that looks found to their frames."""
        places = [[face.box for face in faces] for faces in found]
        images = [held.image for held in helds]
        steady = self._near.refine(images, places) if self._near else found
        for held, faces, settled in zip(helds, found, steady, strict=True):
            known = [sight.found.box for sight in held.sights]
            for face, close in zip(faces, settled, strict=True):
                # The close look places a face better, and each catches errors of the other.
                use = close if same_face(close, face) else face
                score = (face.score + close.score) / 2
                if not any(overlap_coefficient(use.box, box) > _COVERED for box in known):
                    sight = Sight(Detection(use.box, use.landmarks, score), fresh=True)
                    held.sights.append(sight)

    def _chosen_step(self, group: list[_Held]) -> int:
        length_s = time_s(group[-1].frame) - time_s(group[0].frame)
        step_s = length_s / max(1, len(group) - 1)
        calm = max(1, min(self._batch_frames, int(LONGEST_REST_S / step_s))) if step_s > 0 else 1
        return max(1, calm // 4) if self._eventful else calm

    def _follow(self, last: _Held, now: _Held) -> None:
        """Carry the faces of one frame into the next, where no full look saw them."""
        lost, gone = [], []
        for sight in last.sights:
            known = match(sight, now.sights)
            if known is not None:
                known.follows(sight)
            elif sight.doubt >= DOUBT:
                continue
            elif sight.found.score >= FOLLOW_AT:
                lost.append(sight)
            else:
                gone.append(sight)
        for sight, close in zip(lost, self._carried(lost, now), strict=True):
            if close is not None:
                carried = Sight(close, doubt=sight.doubt + now.detector_ran * (1 - close.score))
                carried.follows(sight)
                now.sights.append(carried)
            else:
                gone.append(sight)
        self._lost += [Lost(sight) for sight in gone if sight.credible]

    def _search(self, now: _Held) -> None:
        """Search a frame for the faces that were lost in it or shortly before."""
        if self._near is None:
            return
        still = []
        for lost in self._lost:
            lost.n_frames += 1
            seen = None if now.detector_ran else self._look_around(now, lost.sight, lost.n_frames)
            known = match(lost.sight, now.sights) if lost.n_frames == 1 else None
            if known is not None:
                known.follows(lost.sight)
            elif seen is not None:
                seen.credible = True
            else:
                self._eventful = True
                still.append(lost)
        self._lost = [lost for lost in still if lost.n_frames <= SEARCH_FRAMES]

    def _follow_back(self, now: _Held, last: _Held) -> None:
        """Carry the faces that are new in a frame into the frame before it."""
        new = [sight for sight in now.sights if sight.fresh and sight.found.score >= FOLLOW_AT]
        new = [sight for sight in new if match(sight, last.sights, n_frames=-1) is None]
        for sight, close in zip(new, self._carried(new, last, n_frames=-1), strict=True):
            if close is not None:
                carried = Sight(close, fresh=True, credible=sight.credible)
                sight.step = step_between(carried, sight)
                carried.step = sight.step
                last.sights.append(carried)
                self._eventful |= sight.credible
            elif sight.credible and not last.detector_ran and self._near is not None:
                self._look_around(last, sight, -1)

    def _carried(
        self, sights: list[Sight], held: _Held, *, n_frames: int = 1
    ) -> list[Detection | None]:
        """Return where each of a neighbouring frame's faces is in this one, None where it is not.

        It is looked for where it was foretold, then where it was: movement is not always steady.
        """
        found: list[Detection | None] = [None] * len(sights)
        if self._near is None:
            return found
        for foretell in (True, False):
            todo = [index for index, each in enumerate(found) if each is None]
            places = [
                sights[index].foretold(n_frames) if foretell else sights[index].found.box
                for index in todo
            ]
            if not todo:
                break
            closes = self._near.refine([held.image], [places])[0]
            for index, close in zip(todo, closes, strict=True):
                taken = any(
                    overlap_coefficient(close.box, each.box) > _COVERED for each in found if each
                )
                if not taken and self._accepts(sights[index], close, held):
                    found[index] = close
        return found

    def _accepts(self, sight: Sight, close: Detection, held: _Held) -> bool:
        if close.score < FOLLOW_AT:
            return False
        if any(overlap_coefficient(close.box, at.found.box) > _COVERED for at in held.sights):
            return False
        old, new = sight.found.box, close.box
        width_px = max(old.width_px, 1.0)
        apart = np.hypot(new.center[0] - old.center[0], new.center[1] - old.center[1])
        grown = abs(np.log(max(new.width_px, 1.0) / width_px))
        foretold = float(np.hypot(*sight.step))
        return bool(apart < _RUNS_AWAY * width_px + foretold and grown < _GROWS)


def _given_out(window: list[_Held]) -> Iterator[DetectedFrame]:
    for held in window:
        detections = to_frame_px((sight.found for sight in held.sights), held.scale)
        yield DetectedFrame(
            held.frame, detections, detector_ran=held.detector_ran, starts_shot=held.starts_shot
        )
