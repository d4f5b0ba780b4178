"""One person's track: what was detected of it, and where it is in a frame."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.faces import Detection, TrackedFace, TrackId
from facemask_video.track.appearance import Appearance, mean_appearance
from facemask_video.track.kalman import FilterStep, PoseFilter, rts_smooth
from facemask_video.track.pose import Pose, PosedFace, Shape, join_pose, pose_difference

_USUAL_SPEED_S = 1.0
# A walker is hidden within a third of this, so that half the speeds are of the face in full view.

_OCCLUDED_POWER = 6
# The last detection of a face before it is hidden scores 0.6 and lies a tenth of a face beside it:
# that weighs next to nothing then. A face that comes forth scores 0.98 and counts almost in full.


@dataclass(slots=True, eq=False)
class TrackStep:
    """A track at one frame.

    Attributes:
        index: The frame.
        filtered: The filter's step.
        detected: What was detected, if anything.
        averaged: Moving average of pose and shape.
        score: Of the detection, or of the last one before.
    """

    index: int
    filtered: FilterStep
    detected: PosedFace | None
    averaged: tuple[Pose, Shape]
    score: float


class Track:
    """The remembered part of one track, from the oldest frame not yet given out to the newest.

    Attributes:
        person: Whose it is; None until it is confirmed.
        shot: Names the shot it is in.
        ended: Whether no detection can be given to it any more.
        spans_shot: Whether it lasted from the first to the last frame of its shot.
        is_continued: Whether another track goes on with its person.
        appearance: What its person looks like, where that was needed.
        appearance_due: First frame at which to learn more of that.
        first_index, last_seen_index: Frames of its first and its last detection.
        first_seen_s, last_seen_s: Their times.
        best_score: Of its detections.
        first_pose: Of its first detection.

    Args:
        index: Frame it was first detected in.
        time_s: When.
        face: The detection's pose and shape.
        score: Its score.
        shot: Names the shot it is in: nobody goes on into the next.
        kf_noise: See `facemask_video.track.kalman.PoseFilter`.
        ema_coef: Weight of the past in the moving average, [0, 1).
    """

    def __init__(
        self,
        index: int,
        time_s: float,
        face: PosedFace,
        score: float,
        *,
        shot: int,
        kf_noise: float,
        ema_coef: float,
    ) -> None:
        self.person: int | None = None
        self.shot = shot
        self.ended = self.spans_shot = self.is_continued = False
        self.appearance: Appearance | None = None
        self.appearance_due = index
        self.first_index = self.last_seen_index = index
        self.first_seen_s = self.last_seen_s = time_s
        self.best_score = score
        self._ema_coef = ema_coef
        self._filter = PoseFilter(face, time_s, kf_noise=kf_noise)
        self.first_pose = self._last_seen_pose = self._filter.pose
        self._successor: Track | None = None
        self._speeds: deque[tuple[float, NDArray[np.float64]]] = deque()
        first = TrackStep(index, self._filter.newest, face, (face.pose, face.shape), score)
        self._steps = deque([first])
        self._last_forgotten: TrackStep | None = None

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def pose(self) -> Pose:
        """Where it is, or is predicted to be, in the newest frame."""
        return self._filter.pose

    @property
    def last_index(self) -> int:
        """The last frame it has a face in."""
        later = self._successor
        return self.last_seen_index if later is None else later.first_index - 1

    def extrapolated_pose(self, time_s: float) -> Pose:
        """Return where it is if it went on at its median speed of the second before it was lost.

        What hides a face bends its last detections, and the filter believes that it brakes there.
        """
        pose = self._last_seen_pose.copy()
        if self._speeds:
            usual = np.median([speed for _, speed in self._speeds], axis=0)
            pose[:2] += usual * (time_s - self.last_seen_s)
        return pose

    def mean_score(self) -> float:
        """Return the mean score of the remembered detections; 0 without any."""
        scores = [step.score for step in self._steps if step.detected is not None]
        return sum(scores) / len(scores) if scores else 0.0

    def advance(self, index: int, time_s: float) -> None:
        """Go on to the next frame, not detected so far."""
        last = self._steps[-1]
        predicted = self._filter.predict(time_s)
        self._steps.append(TrackStep(index, predicted, None, last.averaged, last.score))

    def observe(
        self, detection: Detection, face: PosedFace, time_s: float, *, occluded: bool = False
    ) -> None:
        """Correct the newest frame by a detection.

        Args:
            detection: Where the face is.
            face: Its pose and shape.
            time_s: When.
            occluded: Somebody else's face lies over a part of it: what can still be seen draws its
                landmarks that way, the farther the lower its score, and a filter that believes them
                turns round with whoever walks past.
        """
        newest, score = self._steps[-1], detection.score
        trust = max(0.05, score**_OCCLUDED_POWER) if occluded else max(0.25, score)
        self._filter.update(face, trust=trust)
        newest.detected, newest.score = face, score
        newest.averaged = self._average(newest.averaged, face)
        self.last_seen_index, self.last_seen_s = newest.index, time_s
        self._last_seen_pose = self._filter.pose
        self._speeds.append((time_s, self._filter.speed_px_s))
        while self._speeds[0][0] < time_s - _USUAL_SPEED_S:
            self._speeds.popleft()
        self.best_score = max(self.best_score, score)

    def learn_appearance(self, appearance: Appearance, *, due_index: int) -> None:
        """Add what the person looks like now, and say when to do so again."""
        if self.appearance is not None:
            appearance = mean_appearance(self.appearance, appearance)
        self.appearance, self.appearance_due = appearance, due_index

    def continue_as(self, successor: "Track", *, fill_gap: bool) -> None:
        """Let a track that begins after this one was lost be the same person.

        Args:
            successor: That track.
            fill_gap: Whether this one has a face in the frames between them too.
        """
        successor.person = self.person
        self.ended = self.is_continued = True
        self._successor = successor if fill_gap else None

    def forget_before(self, index: int) -> None:
        """Drop the steps of earlier frames, all given out, but for the last detection."""
        while len(self._steps) > 1 and self._steps[0].index < index:
            oldest = self._steps.popleft()
            if oldest.detected is not None:
                self._last_forgotten = oldest

    def face_at(self, index: int, *, smoothing: str, longest_gap: int) -> TrackedFace | None:
        """Return the face in one remembered frame; None before, after, or in too long a gap.

        Args:
            index: The frame.
            smoothing: ``kalman``, ``ema`` or ``none``.
            longest_gap: Most frames from one detection to the next that are filled.
        """
        at = index - self._steps[0].index
        if not 0 <= at < len(self._steps) or index > self.last_index:
            return None
        step = self._steps[at]
        before, after = self._detected_before(at), self._detected_after(at)
        if step.detected is None and (before is None or after is None):
            return None
        if before is not None and after is not None and after.index - before.index > longest_gap:
            return None
        box, landmarks = join_pose(*self._estimate(at, before, after, smoothing))
        track_id = TrackId(self.person if self.person is not None else 0)
        return TrackedFace(track_id, box, landmarks, step.score, step.detected is not None)

    def _detected_before(self, at: int) -> TrackStep | None:
        for index in range(at, -1, -1):
            if self._steps[index].detected is not None:
                return self._steps[index]
        return self._last_forgotten

    def _detected_after(self, at: int) -> TrackStep | None:
        for index in range(at, len(self._steps)):
            if self._steps[index].detected is not None:
                return self._steps[index]
        return None if self._successor is None else self._successor._steps[0]

    def _estimate(
        self, at: int, before: TrackStep | None, after: TrackStep | None, smoothing: str
    ) -> tuple[Pose, Shape]:
        step = self._steps[at]
        in_gap = self._successor is not None and step.index > self.last_seen_index
        if smoothing == "kalman" and not in_gap:
            return rts_smooth(at, [each.filtered for each in self._steps])
        if smoothing == "ema" and not in_gap:
            return step.averaged
        assert before is not None, "a face is given out from its first detection on"
        assert after is not None, "and no later than its last"
        start, end = self._ends_of_gap(before, after, smoothing)
        span_s = max(after.filtered.time_s - before.filtered.time_s, 1e-6)
        return _interpolate(start, end, (step.filtered.time_s - before.filtered.time_s) / span_s)

    def _ends_of_gap(
        self, before: TrackStep, after: TrackStep, smoothing: str
    ) -> tuple[PosedFace, PosedFace]:
        later = self._successor
        if later is not None and smoothing == "kalman":
            # No later detection of its own corrects the last one, so what was known there holds.
            start = PosedFace(before.filtered.posterior[0::3], before.filtered.shape_posterior)
            return start, PosedFace(*rts_smooth(0, [each.filtered for each in later._steps]))
        if later is not None and smoothing == "ema":
            return PosedFace(*before.averaged), PosedFace(*after.averaged)
        assert before.detected is not None
        assert after.detected is not None
        return before.detected, after.detected

    def _average(self, past: tuple[Pose, Shape], face: PosedFace) -> tuple[Pose, Shape]:
        new = 1 - self._ema_coef
        pose, shape = past
        return pose + new * pose_difference(face.pose, pose), shape + new * (face.shape - shape)


def _interpolate(start: PosedFace, end: PosedFace, part: float) -> tuple[Pose, Shape]:
    """Go straight from one place to the next; at the start it is that place, bit for bit."""
    pose = start.pose + part * pose_difference(end.pose, start.pose)
    return pose, start.shape + part * (end.shape - start.shape)
