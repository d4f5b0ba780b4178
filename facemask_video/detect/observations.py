"""Faces in single pictures, and how those of neighbouring frames belong together."""

from dataclasses import dataclass

from facemask_video.core.faces import Detection
from facemask_video.core.geometry import Box, iou

CREDIBLE = 0.85
"""Only faces of this score make the automatic rest shorter by coming and going: patterns that look
like a face now and then do so all the time."""

SAME = 0.4
"""Overlap (intersection over union) of two boxes of one face."""


def same_face(a: Detection, b: Detection) -> bool:
    """Tell whether two detections of one picture lie on one face."""
    return iou(a.box, b.box) > SAME


@dataclass(slots=True, eq=False)
class Sight:
    """A face in one picture.

    Attributes:
        found: In px of the thumbnail.
        step: How far (x, y) its box moved since the frame before, in px; of one found afresh, 0.
        doubt: Of the full looks in a row that did not see it; see `DOUBT`.
        fresh: Found by a full look, or followed back from such a find.
        credible: It, or the face it was followed from or back from, once had a score of `CREDIBLE`.
    """

    found: Detection
    step: tuple[float, float] = (0.0, 0.0)
    doubt: float = 0.0
    fresh: bool = False
    credible: bool = False

    def __post_init__(self) -> None:
        """Judge by its own score to begin with."""
        self.credible |= self.found.score >= CREDIBLE

    def follows(self, last: "Sight") -> None:
        """Take it for the same face as one in the frame before."""
        self.step = step_between(last, self)
        self.credible |= last.credible

    def foretold(self, n_frames: int) -> Box:
        """Return where it will be so many frames on, or was where they are below 0."""
        box, dx_px, dy_px = self.found.box, n_frames * self.step[0], n_frames * self.step[1]
        return Box(box.x0 + dx_px, box.y0 + dy_px, box.x1 + dx_px, box.y1 + dy_px)


@dataclass(slots=True, eq=False)
class Lost:
    """A credible face that is searched for.

    Attributes:
        sight: Where it was seen last.
        n_frames: How many frames ago.
    """

    sight: Sight
    n_frames: int = 0


def match(sight: Sight, others: list[Sight], *, n_frames: int = 1) -> Sight | None:
    """Return the sight, so many frames on, that lies on the same face, if any."""
    box = sight.foretold(n_frames)
    best = max(others, key=lambda other: iou(box, other.found.box), default=None)
    return best if best is not None and iou(box, best.found.box) > SAME else None


def step_between(last: Sight, now: Sight) -> tuple[float, float]:
    """Return how far (x, y) a face's box moved, in px."""
    (x0, y0), (x1, y1) = last.found.box.center, now.found.box.center
    return x1 - x0, y1 - y0
