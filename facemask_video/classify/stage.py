"""Which persons a conversion works on, by the mask classifier.

``unmask`` has nothing to do on a bare face, nor ``mask`` on a masked one; toss-ups are worked on. A
classifier votes over a person's first frames, and what it decides holds for the whole track, so
nothing flips on and off. Who puts a mask on or takes it off in view, and leaves it so, begins a new
track there.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from facemask_video.align.crop import align_face
from facemask_video.core.direction import Direction
from facemask_video.core.faces import Crop, CroppedFrame, TrackId, Verdict
from facemask_video.core.frame import Frame, ImageU8, time_s

SOURCE_DOMAIN = {Direction.MASK: "bare", Direction.UNMASK: "masked"}
"""What each direction works on."""

TOSS_UP = 0.6
"""A face whose domain is less sure than this is worked on by either direction: a generator leaves
alone what has nothing for it to do, and a face that was left out shows."""

RESCORE_EVERY = 3
STEADY_SCORES = 8
CERTAIN = 0.9
"""Of a classified track each third observation is scored. Eight in a row that say the other thing,
each this surely, are a change and no hand before the mouth: 24 frames. They decide toss-ups."""


def is_worked_on(domain: str, score: float | None, *, wanted: str | None) -> bool:
    """Decide whether a face is translated.

    Args:
        domain: What it was classified as.
        score: How surely, in [0.5, 1]; None is certain.
        wanted: Domain that is worked on; None works on both.
    """
    return wanted in (None, domain) or _is_toss_up(score)


class FaceClassifier(Protocol):
    """What the classifier is to the pipeline."""

    @property
    def crop_size_px(self) -> int:
        """Side of the crops that it is shown."""
        ...

    def masked_scores(self, images: Sequence[ImageU8]) -> list[float]:
        """Return how surely each aligned crop is masked, in [0, 1]."""
        ...


@dataclass(slots=True)
class _Person:
    """What is known of a track: scores not yet counted, and what was decided."""

    votes: list[float] = field(default_factory=list)
    verdict: Verdict | None = None
    part: int = 0
    since_scored: int = 0
    towards: str = ""
    in_a_row: int = 0

    def is_due(self) -> bool:
        """Count an observation; return whether it is to be scored."""
        if self.verdict is None:
            return True
        self.since_scored = (self.since_scored + 1) % RESCORE_EVERY
        return self.since_scored == 0

    def has_changed(self, masked_score: float) -> bool:
        """Count a score of a classified track; return whether it calls for a new verdict."""
        assert self.verdict is not None
        domain, score = _likelier_domain(masked_score)
        is_known = domain == self.verdict.domain and not _is_toss_up(self.verdict.score)
        if score < CERTAIN or is_known:
            self.in_a_row = 0
        else:
            self.in_a_row = self.in_a_row + 1 if domain == self.towards else 1
        self.towards = domain
        return self.in_a_row == STEADY_SCORES

    def set_verdict(self, verdict: Verdict) -> None:
        """Decide; where that leads to something else, the person goes on as another part."""
        was, self.verdict, self.in_a_row = self.verdict, verdict, 0
        if was is not None and _action(was) != _action(verdict):
            self.part += 1


class ClassifyFaces:
    """Decide for each track whether its face is translated; holds ``look_ahead`` frames.

    A track is classified when its first frame leaves, by the mean score over all its frames held
    then. Where it changes for good it goes on as the next part (see `TrackId`), from the earliest
    frame held then: so a change is acted upon half of `STEADY_SCORES` late. A face that has a
    verdict keeps it and casts no vote.

    Args:
        classifier: Tells masked faces from bare ones.
        direction: Of the translation; None leaves open what is translated.
        look_ahead: Frames held back for the vote.
        longest_s: Longest time that they may span; None sets no bound.
    """

    def __init__(
        self,
        classifier: FaceClassifier,
        *,
        direction: Direction | None,
        look_ahead: int = 12,
        longest_s: float | None = None,
    ) -> None:
        self._classifier = classifier
        self._wanted = None if direction is None else SOURCE_DOMAIN[direction]
        self._look_ahead = look_ahead
        self._longest_s = math.inf if longest_s is None else longest_s

    def __call__(self, items: Iterable[CroppedFrame], /) -> Iterator[CroppedFrame]:
        """Yield each frame with a verdict on each of its faces."""
        persons: dict[TrackId, _Person] = {}
        held: deque[CroppedFrame] = deque()
        for item in items:
            self._score(item, persons)
            held.append(item)
            now_s = time_s(item.frame)
            while held and (
                len(held) > self._look_ahead or now_s - time_s(held[0].frame) > self._longest_s
            ):
                yield self._with_verdicts(held.popleft(), persons)
        while held:
            yield self._with_verdicts(held.popleft(), persons)

    def _score(self, item: CroppedFrame, persons: dict[TrackId, _Person]) -> None:
        due = []
        for crop in item.crops:
            if crop.face.verdict is None:
                person = persons.setdefault(crop.face.track_id, _Person())
                if person.is_due():
                    due.append((person, crop))
        scores = self._classifier.masked_scores([self._shown(item.frame, crop) for _, crop in due])
        for (person, _), score in zip(due, scores, strict=True):
            if person.verdict is None:
                person.votes.append(score)
            elif person.has_changed(score):
                person.set_verdict(self._decide(score))

    def _shown(self, frame: Frame, crop: Crop) -> ImageU8:
        """Return the crop at the classifier's own size, whatever a generator works on."""
        if crop.size_px == self._classifier.crop_size_px:
            return crop.image
        return align_face(frame, crop.face, self._classifier.crop_size_px).image

    def _with_verdicts(self, item: CroppedFrame, persons: dict[TrackId, _Person]) -> CroppedFrame:
        return CroppedFrame(
            item.frame, tuple(self._with_verdict(crop, persons) for crop in item.crops)
        )

    def _with_verdict(self, crop: Crop, persons: dict[TrackId, _Person]) -> Crop:
        face = crop.face
        if face.verdict is not None:
            return crop
        person = persons[face.track_id]
        if person.verdict is None:
            person.set_verdict(self._decide(sum(person.votes) / len(person.votes)))
            person.votes.clear()
            assert person.verdict is not None
        track_id = TrackId(face.track_id.person, face.track_id.part + person.part)
        return replace(crop, face=replace(face, track_id=track_id, verdict=person.verdict))

    def _decide(self, masked_score: float) -> Verdict:
        domain, score = _likelier_domain(masked_score)
        translate = None
        if self._wanted is not None:
            translate = is_worked_on(domain, score, wanted=self._wanted)
        return Verdict(domain, score, translate)


def _likelier_domain(masked_score: float) -> tuple[str, float]:
    """Return the likelier domain, and how surely it is that."""
    return ("masked", masked_score) if masked_score > 0.5 else ("bare", 1 - masked_score)


def _is_toss_up(score: float | None) -> bool:
    return score is not None and score < TOSS_UP


def _action(verdict: Verdict) -> str | bool | None:
    """Return what a verdict leads to, as far as that is known."""
    return verdict.domain if verdict.translate is None else verdict.translate
