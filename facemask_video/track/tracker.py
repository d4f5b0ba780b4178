"""Detections into persons: who is who, and where each is in every frame."""

from collections.abc import Callable, Sequence

from facemask_video.config import DetectConfig, TrackConfig
from facemask_video.core.faces import Detection, TrackedFace
from facemask_video.track.appearance import Appearance
from facemask_video.track.association import (
    add_appearance_cost,
    ambiguous_columns,
    assign,
    cost_matrix,
)
from facemask_video.track.overlaps import PosedDetection, is_duplicate, is_occluded, posed
from facemask_video.track.reidentify import can_continue, predecessors
from facemask_video.track.track import Track

DescribeAppearance = Callable[[Detection], Appearance]
"""Says what the person of a detection looks like."""

_SMALLEST_CONTINUED = 0.8
# A person keeps the track down to this part of the smallest face, so that nobody flickers there.

_APPEARANCE_EVERY = 10
# Frames from one update of a track's appearance to the next.


class Tracker:
    """Follows faces through one video; give it each frame's detections, take faces out later.

    Strong detections, of the threshold or above, are given to tracks before weak ones (Zhang et
    al., "ByteTrack: multi-object tracking by associating every detection box", ECCV 2022). A track
    is confirmed once the mean score of its detections, from the frame given out to the newest, is
    at the threshold, and one of them half as near to 1; it stays so. One that lasts less than
    ``min_track_s`` is dropped, unless it spans its shot, or ``look_ahead`` is over before that.

    Holds at most ``look_ahead`` frames' worth of numbers (about 2 kB a face and frame) ahead of the
    frame given out last; no images.

    Args:
        config: How tracks are smoothed, bridged and confirmed. A gap of up to ``bridge_s`` and up
            to ``look_ahead`` frames is filled.
        detect: Of it, ``threshold``, and ``min_face_px``, the smallest face that begins a track:
            side of the square of the box's area.
    """

    def __init__(self, config: TrackConfig, detect: DetectConfig) -> None:
        self._config = config
        self._threshold = detect.threshold
        self._min_face_px = detect.min_face_px
        self._tracks: list[Track] = []
        self._n_persons = 0
        self._index = -1
        self._time_s = 0.0
        self._step_s = 0.0
        self._shot_start = 0

    def push(
        self,
        time_s: float,
        detections: Sequence[Detection],
        *,
        starts_shot: bool = False,
        describe: DescribeAppearance | None = None,
    ) -> None:
        """Take the next frame's detections.

        Args:
            time_s: Presentation time.
            detections: In frame px.
            starts_shot: The frame begins a new shot: nobody in it is anybody seen before.
            describe: Called where places alone do not tell two persons apart, and now and then to
                remember what each looks like.
        """
        self._advance(time_s, starts_shot=starts_shot)
        faces = posed(detections, min_side_px=_SMALLEST_CONTINUED * self._min_face_px)
        unmatched = []
        for strong in (True, False):
            some = [face for face in faces if self._is_strong(face) == strong]
            unmatched += self._continue_tracks(some, faces, describe)
        self._start_tracks(unmatched, [face for face in faces if face not in unmatched])

    def finish(self) -> None:
        """Say that no frame follows."""
        self._end_shot()

    def faces(self, index: int) -> tuple[TrackedFace, ...]:
        """Return the persons in a frame; asked for once, in order. Forgets what lies before."""
        self._confirm_tracks(index)
        found = []
        for track in self._tracks:
            track.forget_before(index)
            if track.person is not None:
                face = track.face_at(
                    index,
                    smoothing=self._config.smoothing,
                    longest_gap=max(1, self._config.look_ahead),
                )
                if face is not None:
                    found.append(face)
        self._tracks = [
            track
            for track in self._tracks
            if not track.ended or track.last_index > index or self._may_be_continued(track)
        ]
        return tuple(found)

    def _advance(self, time_s: float, *, starts_shot: bool) -> None:
        """Go on to the next frame, and end the tracks that were not seen for too long."""
        if starts_shot:
            self._end_shot()
            self._shot_start = self._index + 1
        self._index += 1
        if self._index > 0:
            self._step_s = max(time_s - self._time_s, 1e-3)
        self._time_s = time_s
        for track in self._active():
            was_strong = track.best_score >= self._threshold
            # However far apart frames are, a face that is seen in each of them is one person.
            longest_s = max(self._config.bridge_s if was_strong else 0.0, self._step_s)
            if time_s - track.last_seen_s > longest_s + 1e-9:
                track.ended = True
            else:
                track.advance(self._index, time_s)

    def _active(self) -> list[Track]:
        return [track for track in self._tracks if not track.ended]

    def _is_strong(self, face: PosedDetection) -> bool:
        return face.score >= self._threshold

    def _end_shot(self) -> None:
        for track in self._active():
            track.ended = True
            track.spans_shot = (
                track.first_index == self._shot_start and track.last_seen_index == self._index
            )

    def _continue_tracks(
        self,
        faces: list[PosedDetection],
        in_frame: list[PosedDetection],
        describe: DescribeAppearance | None,
    ) -> list[PosedDetection]:
        """Give detections to tracks not yet seen in this frame; return those left over.

        Args:
            faces: The detections.
            in_frame: All there are in the frame: some may lie over these.
            describe: See `push`.
        """
        waiting = [track for track in self._active() if track.last_seen_index < self._index]
        cost = cost_matrix(
            [track.pose for track in waiting],
            [face.face.pose for face in faces],
            [self._time_s - track.last_seen_s for track in waiting],
        )
        ambiguous = ambiguous_columns(cost) if describe is not None else []
        if describe is not None and ambiguous:
            appearances = {column: describe(faces[column].detection) for column in ambiguous}
            add_appearance_cost(cost, [track.appearance for track in waiting], appearances)
        taken = set()
        for row, column in assign(cost):
            face, track = faces[column], waiting[row]
            track.observe(
                face.detection, face.face, self._time_s, occluded=is_occluded(face, in_frame)
            )
            taken.add(column)
            # No appearance is learnt while others may stand in it, nor while there are no others.
            is_due = not ambiguous and len(waiting) > 1 and self._index >= track.appearance_due
            if describe is not None and is_due:
                track.learn_appearance(
                    describe(face.detection), due_index=self._index + _APPEARANCE_EVERY
                )
        return [face for column, face in enumerate(faces) if column not in taken]

    def _start_tracks(self, new: list[PosedDetection], known: list[PosedDetection]) -> None:
        """Begin tracks with the detections that are no second ones of a known face.

        A weak one, too, may be the first of a person, where the next frames go on to strong ones.
        """
        for face in sorted(new, key=lambda each: -each.score):
            strong = self._is_strong(face)
            is_new = not any(is_duplicate(face, other, strong=strong) for other in known)
            if is_new and face.side_px >= self._min_face_px:
                self._tracks.append(
                    Track(
                        self._index,
                        self._time_s,
                        face.face,
                        face.score,
                        shot=self._shot_start,
                        kf_noise=self._config.kf_noise,
                        ema_coef=self._config.ema_coef,
                    )
                )
            known.append(face)

    def _confirm_tracks(self, index: int) -> None:
        """Number the tracks that are confirmed: as who was lost where they begin, or anew."""
        new = [track for track in self._tracks if track.person is None]
        confirmed = [track for track in new if self._is_confirmed(track)]
        if not confirmed:
            return
        begun = [track for track in new if track.best_score >= self._threshold]
        lost = [each for each in self._tracks if each.person is not None or each in confirmed]
        found = predecessors(lost, begun, bridge_s=self._config.bridge_s)
        earlier_of = {id(each): earlier for each, earlier in zip(begun, found, strict=True)}
        # In the order in which they began, so that who was lost has a number to pass on.
        for track in confirmed:
            earlier = earlier_of.get(id(track))
            if earlier is not None:
                # A gap is filled as a whole or not at all.
                earlier.continue_as(track, fill_gap=index <= earlier.last_seen_index + 1)
            else:
                track.person = self._n_persons
                self._n_persons += 1

    def _is_confirmed(self, track: Track) -> bool:
        if track.mean_score() < self._threshold:
            return False
        lasted_s = track.last_seen_s - track.first_seen_s + self._step_s
        if lasted_s < self._config.min_track_s - 1e-9 and not self._outlasts_look_ahead(track):
            return track.spans_shot
        # A pattern that looks like a face does so half-way; a face is one for certain now and then.
        return track.best_score >= (1 + self._threshold) / 2

    def _outlasts_look_ahead(self, track: Track) -> bool:
        """Tell whether a face is still there after all frames that can be waited for.

        At high frame rates they are over before ``min_track_s`` is, and waiting on would leave its
        first frames as they are.
        """
        frames = self._config.look_ahead
        there = not track.ended and 2 * (track.last_seen_index - track.first_index) >= frames
        return there and 0 < frames <= self._index - track.first_index

    def _may_be_continued(self, track: Track) -> bool:
        """Tell whether a track that is not confirmed yet may prove to be this person."""
        return track.person is not None and any(
            each.person is None and can_continue(track, each, bridge_s=self._config.bridge_s)
            for each in self._tracks
        )
