"""One person's track: what was seen of it, and what it says about a moment."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from facemask_video.faces import Detection, TrackedFace
from facemask_video.track.appearance import Look
from facemask_video.track.kalman import Node, Path, smooth
from facemask_video.track.pose import Pose, PosedFace, Shape, assemble

SMOOTHINGS = ("kalman", "ema", "none")

UNNAMED = -1
"""Number of a track that has not lasted long enough to be believed."""


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
        kf_noise: float,
        ema_coef: float,
    ) -> None:
        """Begin with a first sight."""
        self.track_id = UNNAMED
        self.ended = False
        self.fills_shot = False
        self.look: Look | None = None
        self.look_due_index = index
        self.first_index = self.last_seen_index = index
        self.first_seen_s = self.last_seen_s = time_s
        self.n_seen = 1
        self.best_score = score
        self._ema_coef = ema_coef
        self._behind: Moment | None = None
        self._path = Path(face, time_s, kf_noise=kf_noise)
        self._moments = deque(
            [Moment(index, self._path.newest, face, (face.pose, face.shape), score)]
        )

    @property
    def pose(self) -> Pose:
        """Where it is, or is foretold to be, at the newest moment."""
        return self._path.pose

    def advance(self, index: int, time_s: float) -> None:
        """Go on to the next frame, unseen so far."""
        node = self._path.advance(time_s)
        newest = self._moments[-1]
        self._moments.append(Moment(index, node, None, newest.averaged, newest.score))

    def observe(self, detection: Detection, face: PosedFace, time_s: float) -> None:
        """Correct the newest moment by a detection."""
        newest = self._moments[-1]
        self._path.observe(face, trust=max(0.25, detection.score))
        newest.seen, newest.score = face, detection.score
        newest.averaged = self._average(newest.averaged, face)
        self.last_seen_index, self.last_seen_s = newest.index, time_s
        self.n_seen += 1
        self.best_score = max(self.best_score, detection.score)

    def remember(self, look: Look, *, due_index: int) -> None:
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
        if not 0 <= at < len(self._moments) or index > self.last_seen_index:
            return None
        moment = self._moments[at]
        before, after = self._sight_before(at), self._sight_after(at)
        if moment.seen is None and (before is None or after is None):
            return None
        if before is not None and after is not None and after.index - before.index > longest_gap:
            return None
        pose, shape = self._estimate(at, before, after, smoothing)
        box, landmarks = assemble(pose, shape)
        return TrackedFace(
            max(self.track_id, 0), box, landmarks, moment.score, moment.seen is not None
        )

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
        moment = self._moments[at]
        if smoothing == "kalman":
            return smooth(at, [each.node for each in self._moments])
        if smoothing == "ema":
            return moment.averaged
        assert before is not None, "a face is given out from its first sight on"
        assert after is not None, "and no later than its last"
        return _between(before, after, moment.node.time_s)


def _between(before: Moment, after: Moment, time_s: float) -> tuple[Pose, Shape]:
    """Go straight from one sight to the next; a sight itself is given as it was."""
    assert before.seen is not None
    assert after.seen is not None
    span_s = max(after.node.time_s - before.node.time_s, 1e-6)
    part = (time_s - before.node.time_s) / span_s
    step = after.seen.pose - before.seen.pose
    step[3] = np.angle(np.exp(1j * step[3]))
    shape = before.seen.shape + part * (after.seen.shape - before.seen.shape)
    return before.seen.pose + part * step, shape
