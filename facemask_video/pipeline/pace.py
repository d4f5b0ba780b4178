"""How many frames the stages of a pipeline hold: as many as pay, or as few as a live run bears."""

from dataclasses import dataclass

from facemask_video.detect.stage import BATCH_FRAMES

_MOST_VOTED_ON = 12
# Frames on the way through the threads of a run that keeps up: one decoded, one found, one painted
# and one encoded.
_ON_THE_WAY = 4
_LONGEST_INTERVAL = 16
_VOTES_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Pace:
    """How far ahead the stages are.

    Attributes:
        group: Frames in which faces are looked for together.
        longest_interval: Most frames from one full detection to the next; None for a group.
        decoded: Frames decoded ahead.
        followed: Frames with faces found, ahead of the stages that paint. A frame of 4K 4:2:0 is
            12 MB.
        voted: Frames held back for the mask classifier's vote.
        translated: Frames held for a full batch of the generator; None for two batches.
        smoothed_s: Longest time that the frames that faces are smoothed over may span; None sets
            no bound.
        voted_s: The same of those that are voted on.
    """

    group: int = BATCH_FRAMES
    longest_interval: int | None = None
    decoded: int = 4
    # A group of `DetectFaces`, which come at once: the next is looked at while these are painted.
    followed: int = 16
    voted: int = _MOST_VOTED_ON
    translated: int | None = None
    smoothed_s: float | None = None
    voted_s: float | None = None


WHOLE_FILES = Pace()
"""Of conversions, where nobody waits for a frame."""


@dataclass(frozen=True, slots=True)
class LivePace:
    """A pace that a latency allows.

    Attributes:
        pace: Of the stages.
        look_ahead: Frames over which faces may be smoothed from both sides; 0 smooths by the past
            alone.
    """

    pace: Pace
    look_ahead: int

    @property
    def held(self) -> int:
        """Frames that are held back on purpose."""
        return 1 + self.pace.voted + self.look_ahead


def live_pace(latency_s: float, frames_per_s: float, *, classifies: bool) -> LivePace:
    """Divide the frames of a latency among the stages.

    A frame waits for one more to be detected, for those that are voted on, and for those that it is
    smoothed over.

    >>> live_pace(0.5, 25.0, classifies=True).held, live_pace(0, 25.0, classifies=True).look_ahead
    (8, 0)
    """
    frames = max(0, int(latency_s * frames_per_s) - _ON_THE_WAY)
    voted = min(_MOST_VOTED_ON, int(_VOTES_SHARE * frames)) if classifies else 0
    pace = Pace(
        group=1,
        longest_interval=_LONGEST_INTERVAL,
        decoded=1,
        followed=1,
        voted=voted,
        translated=1,
        # Where frames are dropped fewer are held, as it is the time that counts.
        smoothed_s=(1 - _VOTES_SHARE) * latency_s,
        voted_s=_VOTES_SHARE * latency_s,
    )
    return LivePace(pace, max(0, frames - 1 - voted))
