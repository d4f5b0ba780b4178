"""Detections into persons: who is who, and where each was at every frame."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.faces import Detection, TrackedFace
from facemask_video.core.geometry import overlap_coefficient
from facemask_video.track.appearance import Appearance, bhattacharyya_distance
from facemask_video.track.association import assign, cost_matrix
from facemask_video.track.pose import PosedFace, take_apart
from facemask_video.track.track import SMOOTHINGS, Track

_GOES_ON_AT = 0.8
# A person keeps the track down to this part of the smallest face, so that nobody flickers there.

_SAME_FACE = 0.35
# Two detections nearer than this, in face sizes, lie on one face.
_COVERED = 0.3
_TOUCHED = 0.1
# So do two of which one covers this part of the smaller: MTCNN sees a second face in many a mask.
# Of a weak one less is enough.
_IN_CHIN = 0.2
_STRAIGHT_BELOW = 0.3
_NECK_WIDTH = 1.1
_NECK_SCORE = 0.98
# And of one below this score whose middle lies below the other's within this part of its width, and
# which is hardly wider: between a mask and a collar, a neck looks like a face.

_HIDDEN = 0.2
# A face of which one that is seen better covers this part is behind it.

_LOOK_WEIGHT = 1.5
# Two persons in other clothes differ by 0.3 to 0.7: as much as a face's width of distance.
_LOOK_EVERY = 10


@dataclass(frozen=True, slots=True, eq=False)
class _Sight:
    detection: Detection
    face: PosedFace
    side_px: float


class Tracker:
    """Follows faces through one video; give it each frame's detections, take faces out later.

    Holds at most ``look_ahead`` frames' worth of numbers (about 2 kB a face and frame) ahead of the
    frame given out last; no pictures.

    Args:
        smoothing: ``kalman`` (two-sided), ``ema`` (moving average of the past) or ``none``.
        kf_noise: Process noise, > 0; see `facemask_video.track.kalman.NOISE_TIME_S`.
        ema_coef: Weight of the past in the moving average, [0, 1).
        min_face_px: Smallest face that begins a track: side of the square of the box's area.
        threshold: Least mean score of a track's sights, from the frame given out to the newest, for
            the track to be believed; unless the track is too short for it, one of them must come
            half as near to 1. Once believed it stays so. Strong detections are given to tracks
            before those below it.
        look_ahead: Frames seen beyond the one given out, >= 0. 0 smooths from the past alone and
            fills no gap.
        bridge_s: Longest time without a sight after which a face is still the same person. A gap of
            up to this time and up to ``look_ahead`` frames is filled.
        min_track_s: A track that lasts shorter is dropped, unless it lasts as long as its shot.
    """

    def __init__(
        self,
        *,
        smoothing: str = "kalman",
        kf_noise: float = 1e-3,
        ema_coef: float = 0.65,
        min_face_px: float = 35.0,
        threshold: float = 0.8,
        look_ahead: int = 30,
        bridge_s: float = 1.0,
        min_track_s: float = 0.2,
    ) -> None:
        """See the class."""
        if smoothing not in SMOOTHINGS:
            raise ValueError(f"smoothing: got {smoothing!r}, expected one of {SMOOTHINGS}.")
        if not 0 <= ema_coef < 1:
            raise ValueError(f"ema_coef: got {ema_coef}, expected [0, 1).")
        if look_ahead < 0:
            raise ValueError(f"look_ahead: got {look_ahead}, expected 0 frames or more.")
        self.look_ahead = look_ahead
        self._smoothing = smoothing
        self._kf_noise = kf_noise
        self._ema_coef = ema_coef
        self._min_face_px = min_face_px
        self._threshold = threshold
        self._bridge_s = bridge_s
        self._min_track_s = min_track_s
        self._tracks: list[Track] = []
        self._next_person = 0
        self._newest = -1
        self._newest_s = 0.0
        self._step_s = 0.0
        self._shot_start = 0

    def push(
        self,
        time_s: float,
        detections: Sequence[Detection],
        *,
        starts_shot: bool = False,
        look: Callable[[Detection], Appearance] | None = None,
    ) -> None:
        """Take the next frame's detections.

        Args:
            time_s: Presentation time.
            detections: In frame px.
            starts_shot: The frame begins a new shot: nobody in it is anybody seen before.
            look: Says what the person of a detection looks like. Asked for where places alone do
                not tell two persons apart, and now and then to remember what each looks like.
        """
        index = self._newest + 1
        if starts_shot:
            self._end_shot()
            self._shot_start = index
        if index > 0:
            self._step_s = max(time_s - self._newest_s, 1e-3)
        self._newest, self._newest_s = index, time_s
        for track in self._alive():
            was_strong = track.best_score >= self._threshold
            longest_s = self._bridge_s if was_strong else self._step_s
            if time_s - track.last_seen_s > longest_s + 1e-9:
                track.ended = True
            else:
                track.advance(index, time_s)
        sights = [sight for each in detections if (sight := self._sight(each)) is not None]
        strong = [each for each in sights if each.detection.score >= self._threshold]
        weak = [each for each in sights if each.detection.score < self._threshold]
        new = [
            *self._match(strong, sights, time_s, look),
            *self._match(weak, sights, time_s, look),
        ]
        known = [each for each in sights if each not in new]
        # A weak one, too, may be the first of a person, where the next frames go on to strong ones.
        for sight in sorted(new, key=lambda each: -each.detection.score):
            least = _COVERED if sight.detection.score >= self._threshold else _TOUCHED
            if not any(_is_part_of(sight, other, least) for other in known):
                self._begin(sight, index, time_s)
            known.append(sight)

    def finish(self) -> None:
        """Say that no frame follows."""
        self._end_shot()

    def faces(self, index: int) -> tuple[TrackedFace, ...]:
        """Return the persons in a frame; asked for once, in order. Forgets what lies before."""
        found = []
        self._name(index)
        for track in self._tracks:
            track.forget_before(index)
            if track.person is not None:
                face = track.face_at(
                    index, smoothing=self._smoothing, longest_gap=max(1, self.look_ahead)
                )
                if face is not None:
                    found.append(face)
        self._tracks = [
            track
            for track in self._tracks
            if not track.ended or track.last_index > index or self._may_go_on(track)
        ]
        return tuple(found)

    def _name(self, index: int) -> None:
        """Number the tracks that are believed: as who was lost where they begin, or anew."""
        new = [track for track in self._tracks if track.person is None]
        believed = [track for track in new if self._is_believed(track)]
        if not believed:
            return
        # Who is not believed yet, but was seen well, may be the better fit.
        rivals = [each for each in new if each.best_score >= self._threshold]
        lost = [each for each in self._tracks if each.person is not None or each in believed]
        table = np.full((len(lost), len(rivals)), np.inf)
        for row, track in enumerate(lost):
            for column, later in enumerate(rivals):
                if self._could_be(track, later):
                    gap_s = later.first_seen_s - track.last_seen_s
                    foretold = track.walked_on(later.first_seen_s)
                    table[row, column] = cost_matrix([foretold], [later.first_pose], [gap_s])[0, 0]
                    if track.look is not None and later.look is not None:
                        table[row, column] += _LOOK_WEIGHT * bhattacharyya_distance(
                            track.look, later.look
                        )
        was = {id(rivals[column]): lost[row] for row, column in assign(table)}
        # In the order in which they began, so that who was lost has a number to pass on.
        for track in believed:
            if id(track) in was:
                # A gap is filled as a whole or not at all.
                earlier = was[id(track)]
                earlier.go_on_as(track, filling=index <= earlier.last_seen_index + 1)
            else:
                track.person = self._next_person
                self._next_person += 1

    def _could_be(self, lost: Track, later: Track) -> bool:
        """Tell whether a track begins in the time in which a lost face may come back."""
        return (
            lost.shot == later.shot
            and not lost.goes_on
            and lost.last_seen_index < later.first_index
            and later.first_seen_s - lost.last_seen_s <= self._bridge_s + 1e-9
        )

    def _may_go_on(self, track: Track) -> bool:
        """Tell whether a track that is not believed yet may prove to be this person."""
        return track.person is not None and any(
            each.person is None and self._could_be(track, each) for each in self._tracks
        )

    def _alive(self) -> list[Track]:
        return [track for track in self._tracks if not track.ended]

    def _end_shot(self) -> None:
        for track in self._alive():
            track.ended = True
            track.fills_shot = (
                track.first_index == self._shot_start and track.last_seen_index == self._newest
            )

    def _sight(self, detection: Detection) -> _Sight | None:
        face = take_apart(detection.box, detection.landmarks)
        side_px = float(np.sqrt(detection.box.area_px2))
        if face is None or side_px < _GOES_ON_AT * self._min_face_px:
            return None
        return _Sight(detection, face, side_px)

    def _match(
        self,
        sights: list[_Sight],
        in_frame: list[_Sight],
        time_s: float,
        look: Callable[[Detection], Appearance] | None,
    ) -> list[_Sight]:
        """Continue tracks not yet seen in this frame; return the sights left over.

        Of ``in_frame``, all there are in it, some may lie over these.
        """
        waiting = [track for track in self._alive() if track.last_seen_index < self._newest]
        table = cost_matrix(
            [track.pose for track in waiting],
            [sight.face.pose for sight in sights],
            [time_s - track.last_seen_s for track in waiting],
        )
        looks: dict[int, Appearance] = {}
        if look is not None:
            looks = {
                column: look(sights[column].detection) for column in _contested(np.isfinite(table))
            }
            for column, seen in looks.items():
                for row, track in enumerate(waiting):
                    if track.look is not None:
                        table[row, column] += _LOOK_WEIGHT * bhattacharyya_distance(
                            track.look, seen
                        )
        taken = set()
        for row, column in assign(table):
            sight, track = sights[column], waiting[row]
            hidden = _is_hidden(sight, in_frame)
            track.observe(sight.detection, sight.face, time_s, hidden=hidden)
            taken.add(column)
            # Nobody's look is learnt while others may stand in it, nor while there are no others.
            is_due = not looks and len(waiting) > 1 and self._newest >= track.look_due_index
            if look is not None and is_due:
                track.remember(look(sight.detection), due_index=self._newest + _LOOK_EVERY)
        return [sight for column, sight in enumerate(sights) if column not in taken]

    def _begin(self, sight: _Sight, index: int, time_s: float) -> None:
        if sight.side_px < self._min_face_px:
            return
        self._tracks.append(
            Track(
                index,
                time_s,
                sight.face,
                sight.detection.score,
                shot=self._shot_start,
                kf_noise=self._kf_noise,
                ema_coef=self._ema_coef,
            )
        )

    def _is_believed(self, track: Track) -> bool:
        if track.mean_score() < self._threshold:
            return False
        lasted_s = track.last_seen_s - track.first_seen_s + self._step_s
        if lasted_s < self._min_track_s - 1e-9:
            return track.fills_shot
        # A pattern that looks like a face does so half-way; a face is one for certain now and then.
        return track.best_score >= (1 + self._threshold) / 2


def _is_part_of(new: _Sight, known: _Sight, least_covered: float) -> bool:
    """Tell whether a new sight is of the same face as a known one, or of the neck below it."""
    apart = new.face.pose - known.face.pose
    size_px = float(np.exp(max(new.face.pose[2], known.face.pose[2])))
    if float(np.hypot(apart[0], apart[1])) < _SAME_FACE * size_px:
        return True
    if _lies_at_neck(new, known):
        least_covered = min(least_covered, _IN_CHIN)
    return overlap_coefficient(new.detection.box, known.detection.box) > least_covered


def _is_hidden(sight: _Sight, others: Sequence[_Sight]) -> bool:
    """Tell whether a face seen better in the same frame lies over a part of this one."""
    return any(
        other.detection.score > sight.detection.score
        and overlap_coefficient(sight.detection.box, other.detection.box) > _HIDDEN
        for other in others
    )


def _lies_at_neck(new: _Sight, known: _Sight) -> bool:
    box, face = new.detection.box, known.detection.box
    if box.width_px > _NECK_WIDTH * face.width_px or new.detection.score >= _NECK_SCORE:
        return False
    # In the face's own directions: it may be tilted.
    apart = complex(*box.center) - complex(*face.center)
    apart *= np.exp(-1j * known.face.pose[3])
    return bool(apart.imag > 0 and abs(apart.real) < _STRAIGHT_BELOW * face.width_px)


def _contested(possible: NDArray[np.bool_]) -> list[int]:
    """Return the columns that could go to several rows, or to a row that could take several."""
    wanted = possible.sum(axis=0) > 1
    choosy = possible[possible.sum(axis=1) > 1].any(axis=0)
    return [int(column) for column in np.flatnonzero(wanted | choosy)]
