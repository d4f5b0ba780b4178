"""The head that every pipeline shares: from the decoder to the persons in each frame."""

from collections.abc import Iterator

from facemask_video.config import FollowConfig
from facemask_video.core.faces import TrackedFrame
from facemask_video.detect.stage import DetectFaces
from facemask_video.pipeline.load import Finder
from facemask_video.pipeline.prefetch import prefetch
from facemask_video.pipeline.timing import Steps
from facemask_video.track import (
    ReplayTracks,
    SelectFaces,
    Sidecar,
    TrackFaces,
)
from facemask_video.video import VideoReader

# Frames decoded ahead.
_DECODED_AHEAD = 4

FRAMES_HELD = 40
"""Most frames alive besides those of the look-ahead: two groups of `DetectFaces` (16 each, unless
detections are rarer), those decoded ahead, and one in each hand they go through."""


def follow_faces(
    reader: VideoReader,
    config: FollowConfig,
    steps: Steps,
    *,
    by: Finder | Sidecar,
    partial: bool = False,
) -> Iterator[TrackedFrame]:
    """Yield each frame with the persons that are to be worked on.

    Holds at most `FRAMES_HELD` frames and ``look_ahead`` more: with 30, 70 of 3 MB at 1080p and
    4:2:0, of 12 MB at 4K.

    Args:
        reader: The frames, in its range.
        config: How faces are found, followed and chosen.
        steps: Takes the stages.
        by: What looks for faces, or the tracks that say where they are; then nothing is looked for.
        partial: Whether such tracks may go on beyond the frames; see `ReplayTracks`.
    """
    decoded = steps.step("decode", reader)
    frames = steps.step("wait", prefetch(decoded, depth=_DECODED_AHEAD, name="decode"))
    if isinstance(by, Sidecar):
        tracked = steps.step("track", ReplayTracks(by, partial=partial)(frames))
    else:
        detect = DetectFaces(by.detector, max_side_px=by.size_px, detect_every=config.detect.every)
        track = TrackFaces(config.track, config.detect)
        detected = steps.step("detect", detect(frames))
        tracked = steps.step("track", track(detected))
    return steps.step("track", SelectFaces(config.select)(tracked))
