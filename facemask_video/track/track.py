"""One person's track: what was seen of it, and what it says about a moment."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.faces import Detection, TrackedFace, TrackId
from facemask_video.track.appearance import Appearance
from facemask_video.track.kalman import Node, Path, smooth
from facemask_video.track.pose import Pose, PosedFace, Shape, assemble

SMOOTHINGS = ("kalman", "ema", "none")

_USUALLY_S = 1.0
# A walker is hidden within a third of this, so that half the sights are whole ones.

_HIDDEN_POWER = 6
# The last look at a face before it is gone scores 0.6 and lies a tenth of a face beside it: that
# weighs next to nothing then. A face that comes forth scores 0.98 and counts almost in full.


@dataclass(slots=True, eq=False)
class Moment:
    """A track at one frame: the filter's node and what was seen, if anything."""

    index: int
    node: Node
    seen: PosedFace | None
    averaged: tuple[Pose, Shape]
    score: float


class Track:
    """The remembered part of one track, from the oldest frame not yet given out to the newest.

    Args:
        index: Frame it was first seen in.
        time_s: When.
        face: The detection, taken apart.
        score: Its score.
        shot: Names the shot it is in: nobody goes on beyond a cut.
        kf_noise: See `facemask_video.track.kalman.Path`.
        ema_coef: Weight of the past in the moving average, [0, 1).
    """

    def __init__(
        self,
        index: int,
        time_s: float,
        face: PosedFace,
        score: float,
        *,
        shot: int = 0,
        kf_noise: float,
        ema_coef: float,
    ) -> None:
        """Begin with a first sight."""
        self.person: int | None = None
        self.shot = shot
        self.ended = False
        self.fills_shot = False
        self.look: Appearance | None = None
        self.look_due_index = index
        self.first_index = self.last_seen_index = index
        self.first_seen_s = self.last_seen_s = time_s
        self.n_seen = 1
        self.best_score = score
        self._ema_coef = ema_coef
        self._behind: Moment | None = None
        self._path = Path(face, time_s, kf_noise=kf_noise)
        self.first_pose = self._last_pose = self._path.pose
        self.goes_on = False
        self._later: Track | None = None
        self._speeds: deque[tuple[float, NDArray[np.float64]]] = deque()
        self._moments = deque(
            [Moment(index, self._path.newest, face, (face.pose, face.shape), score)]
        )

    @property
    def pose(self) -> Pose:
        """Where it is, or is foretold to be, at the newest moment."""
        return self._path.pose

    def walked_on(self, time_s: float) -> Pose:
        """Return where it is if it went on as it usually did within a second before it was lost.

        What hides a face bends the last sights of it, and the path believes that it brakes there.
        """
        pose = self._last_pose.copy()
        if self._speeds:
            usual = np.median([speed for _, speed in self._speeds], axis=0)
            pose[:2] += usual * (time_s - self.last_seen_s)
        return pose

    def go_on_as(self, later: "Track", *, filling: bool) -> None:
        """Let a track that begins after this one was lost be the same person.

        Args:
            later: The track.
            filling: Whether this one tells of the gap between them too.
        """
        later.person = self.person
        self.ended = self.goes_on = True
        self._later = later if filling else None

    @property
    def last_index(self) -> int:
        """The last frame it can tell of."""
        later = self._later
        return self.last_seen_index if later is None else later.first_index - 1

    def advance(self, index: int, time_s: float) -> None:
        """Go on to the next frame, unseen so far."""
        node = self._path.advance(time_s)
        newest = self._moments[-1]
        self._moments.append(Moment(index, node, None, newest.averaged, newest.score))

    def observe(
        self, detection: Detection, face: PosedFace, time_s: float, *, hidden: bool = False
    ) -> None:
        """Correct the newest moment by a detection.

        Args:
            detection: Where the face is.
            face: The same, taken apart.
            time_s: When.
            hidden: Somebody else's face lies over a part of it: what can still be seen draws its
                landmarks that way, the farther the lower its score, and a path that believes them
                turns round with whoever walks past.
        """
        newest = self._moments[-1]
        score = detection.score
        trust = max(0.05, score**_HIDDEN_POWER) if hidden else max(0.25, score)
        self._path.observe(face, trust=trust)
        newest.seen, newest.score = face, detection.score
        newest.averaged = self._average(newest.averaged, face)
        self.last_seen_index, self.last_seen_s = newest.index, time_s
        self._last_pose = self._path.pose
        self._speeds.append((time_s, self._path.speed_px_s))
        while self._speeds[0][0] < time_s - _USUALLY_S:
            self._speeds.popleft()
        self.n_seen += 1
        self.best_score = max(self.best_score, detection.score)

    def remember(self, look: Appearance, *, due_index: int) -> None:
        """Let what the person looks like now into what is remembered of it."""
        if self.look is not None:
            mixed = self.look**2 + look**2
            look = np.asarray(np.sqrt(mixed / mixed.sum()), dtype=np.float32)
        self.look, self.look_due_index = look, due_index

    def _average(self, past: tuple[Pose, Shape], face: PosedFace) -> tuple[Pose, Shape]:
        pose, shape = past
        keep = self._ema_coef
        # The pose's roll is an angle: average the difference, taken the short way round.
        step = face.pose - pose
        step[3] = np.angle(np.exp(1j * step[3]))
        return pose + (1 - keep) * step, shape + (1 - keep) * (face.shape - shape)

    def forget_before(self, index: int) -> None:
        """Drop what belongs to earlier frames, all of them given out, but for the last sight."""
        while len(self._moments) > 1 and self._moments[0].index < index:
            oldest = self._moments.popleft()
            if oldest.seen is not None:
                self._behind = oldest

    def __len__(self) -> int:
        """Count the frames remembered."""
        return len(self._moments)

    def mean_score(self) -> float:
        """Return the mean score of the remembered sights; 0 without any."""
        scores = [each.score for each in self._moments if each.seen is not None]
        return sum(scores) / len(scores) if scores else 0.0

    def face_at(self, index: int, *, smoothing: str, longest_gap: int) -> TrackedFace | None:
        """Return the face in one remembered frame; None before, after, or in too long a gap.

        Args:
            index: The frame.
            smoothing: One of `SMOOTHINGS`.
            longest_gap: Most frames from one sight to the next that are filled.
        """
        at = index - self._moments[0].index
        if not 0 <= at < len(self._moments) or index > self.last_index:
            return None
        moment = self._moments[at]
        before, after = self._sight_before(at), self._sight_after(at)
        later = self._later
        if after is None and later is not None:
            after = later._moments[0]
        if moment.seen is None and (before is None or after is None):
            return None
        if before is not None and after is not None and after.index - before.index > longest_gap:
            return None
        pose, shape = self._estimate(at, before, after, smoothing)
        box, landmarks = assemble(pose, shape)
        person = self.person if self.person is not None else 0
        return TrackedFace(TrackId(person), box, landmarks, moment.score, moment.seen is not None)

    def _sight_before(self, at: int) -> Moment | None:
        for index in range(at, -1, -1):
            if self._moments[index].seen is not None:
                return self._moments[index]
        return self._behind

    def _sight_after(self, at: int) -> Moment | None:
        for index in range(at, len(self._moments)):
            if self._moments[index].seen is not None:
                return self._moments[index]
        return None

    def _estimate(
        self, at: int, before: Moment | None, after: Moment | None, smoothing: str
    ) -> tuple[Pose, Shape]:
        moment, later = self._moments[at], self._later
        goes_on = later is not None and moment.index > self.last_seen_index
        if smoothing == "kalman" and not goes_on:
            return smooth(at, [each.node for each in self._moments])
        if smoothing == "ema" and not goes_on:
            return moment.averaged
        assert before is not None, "a face is given out from its first sight on"
        assert after is not None, "and no later than its last"
        assert before.seen is not None
        assert after.seen is not None
        start, end = before.seen, after.seen
        if later is not None and smoothing == "kalman":
            # No later sight of its own corrects the last one, so what was known there still holds.
            start = PosedFace(before.node.posterior[0::3], before.node.shape_posterior)
            end = PosedFace(*smooth(0, [each.node for each in later._moments]))
        elif later is not None and smoothing == "ema":
            start, end = PosedFace(*before.averaged), PosedFace(*after.averaged)
        span_s = max(after.node.time_s - before.node.time_s, 1e-6)
        return _between(start, end, (moment.node.time_s - before.node.time_s) / span_s)


def _between(start: PosedFace, end: PosedFace, part: float) -> tuple[Pose, Shape]:
    """Go straight from one place to the next; at the start it is that place, bit for bit."""
    step = end.pose - start.pose
    step[3] = np.angle(np.exp(1j * step[3]))
    return start.pose + part * step, start.shape + part * (end.shape - start.shape)
