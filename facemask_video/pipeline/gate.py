"""The gate: which persons a conversion works on.

``unmask`` has nothing to do on a bare face, nor ``mask`` on a masked one. A classifier votes over a
person's first frames; what it decides holds for the whole track, so nothing ever flips on and off.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from facemask_video.direction import Direction
from facemask_video.faces import Crop, CroppedFrame, Verdict
from facemask_video.frames import ImageU8

SOURCE_DOMAIN = {Direction.MASK: "bare", Direction.UNMASK: "masked"}
"""What each direction works on."""


class FaceGate(Protocol):
    """What the classifier is to the pipeline."""

    def masked_scores(self, images: Sequence[ImageU8]) -> list[float]:
        """Return how surely each aligned crop is masked, in [0, 1]."""
        ...


class GateFaces:
    """Decide for each track whether its face is translated; holds ``look_ahead`` frames.

    A track is judged when its first frame leaves, by the mean score over all its frames held then.
    A face that has a verdict keeps it and casts no vote.

    Args:
        gate: The classifier.
        direction: Of the translation; None leaves open what is translated.
        look_ahead: Frames held back for the vote.
    """

    def __init__(
        self, gate: FaceGate, *, direction: Direction | None, look_ahead: int = 12
    ) -> None:
        """See the class."""
        self._gate = gate
        self._wanted = None if direction is None else SOURCE_DOMAIN[direction]
        self._look_ahead = look_ahead

    def __call__(self, items: Iterable[CroppedFrame], /) -> Iterator[CroppedFrame]:
        """Yield each frame with a verdict on each of its faces."""
        votes: dict[int, list[float]] = {}
        verdicts: dict[int, Verdict] = {}
        held: deque[CroppedFrame] = deque()
        for item in items:
            undecided = [
                crop
                for crop in item.crops
                if crop.face.verdict is None and crop.face.track_id not in verdicts
            ]
            scores = self._gate.masked_scores([crop.image for crop in undecided])
            for crop, score in zip(undecided, scores, strict=True):
                votes.setdefault(crop.face.track_id, []).append(score)
            held.append(item)
            if len(held) > self._look_ahead:
                yield self._judge(held.popleft(), votes, verdicts)
        while held:
            yield self._judge(held.popleft(), votes, verdicts)

    def _judge(
        self, item: CroppedFrame, votes: dict[int, list[float]], verdicts: dict[int, Verdict]
    ) -> CroppedFrame:
        judged: list[Crop] = []
        for crop in item.crops:
            if crop.face.verdict is not None:
                judged.append(crop)
                continue
            track_id = crop.face.track_id
            if track_id not in verdicts:
                cast = votes.pop(track_id)
                verdicts[track_id] = self._decide(sum(cast) / len(cast))
            judged.append(replace(crop, face=replace(crop.face, verdict=verdicts[track_id])))
        return CroppedFrame(item.frame, tuple(judged))

    def _decide(self, masked_score: float) -> Verdict:
        domain = "masked" if masked_score > 0.5 else "bare"
        score = max(masked_score, 1 - masked_score)
        translate = None if self._wanted is None else domain == self._wanted
        return Verdict(domain, score, translate)
