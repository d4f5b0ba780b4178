"""A file whose ranges are painted by several workers, as the batch sees it."""

from dataclasses import dataclass, field

from facemask_video.batch.ledger import Row
from facemask_video.batch.plan import Job
from facemask_video.pipeline.ranges import PaintRange

FOLLOW_SHARE, PAINT_SHARE = 0.45, 0.45
"""Parts of the work on a file that are following its faces and painting; the rest is joining."""


@dataclass(slots=True)
class Piece:
    """A range of a file, to be given to a worker, or the joining of all ranges.

    Attributes:
        job: The file.
        span: The range; None joins all.
        tries: How often it was begun in vain.
    """

    job: Job
    span: PaintRange | None
    tries: int = 0


@dataclass(slots=True)
class SplitFile:
    """How far the ranges of a file are.

    Attributes:
        row: The ledger's, as it was claimed.
        began: When, by the monotonic clock.
        frames: Of all ranges that were to be painted.
        left: Ranges that have not ended.
        painted: Frames of those that have.
        notes: What is to be said in the file's report.
    """

    row: Row
    began: float
    frames: int
    left: int
    painted: int = 0
    notes: list[str] = field(default_factory=list)

    def frames_done(self, *, at_work: int, joined: int | None) -> int:
        """Return how many frames the work done is worth.

        Args:
            at_work: Frames painted of ranges that have not ended.
            joined: Frames joined; None before that begins.
        """
        done = FOLLOW_SHARE * self.frames + PAINT_SHARE * (self.painted + at_work)
        if joined is not None:
            done += (1 - FOLLOW_SHARE - PAINT_SHARE) * min(joined, self.frames)
        return round(done)
