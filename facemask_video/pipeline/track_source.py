"""The head that every pipeline shares: from the decoder to the persons in each frame."""

from collections.abc import Iterable, Iterator

from facemask_video.config import FollowConfig
from facemask_video.core.faces import TrackedFrame
from facemask_video.core.frame import Frame
from facemask_video.detect.stage import DetectFaces
from facemask_video.pipeline.load_networks import Finder
from facemask_video.pipeline.pace import WHOLE_FILES, Pace
from facemask_video.pipeline.prefetch import prefetch
from facemask_video.pipeline.timing import StageStack
from facemask_video.track import (
    ReplayTracks,
    SelectFaces,
    Sidecar,
    TrackFaces,
)

FRAMES_HELD = 40
"""Most frames alive besides those of the look-ahead: two groups of `DetectFaces` (16 each, unless
detections are rarer), those decoded ahead, and one in each hand they go through."""


def track_faces(
    reader: Iterable[Frame],
    config: FollowConfig,
    stages: StageStack,
    finder: Finder,
    *,
    pace: Pace = WHOLE_FILES,
) -> Iterator[TrackedFrame]:
    """Find and follow faces, and yield each frame with those that are to be worked on.

    Holds at most `FRAMES_HELD` frames and ``look_ahead`` more: with 30, 70 of 3 MB at 1080p and
    4:2:0, of 12 MB at 4K.

    Args:
        reader: The frames, in its range.
        config: How faces are found, followed and chosen.
        stages: Takes the stages.
        finder: Looks for faces.
        pace: How far ahead the stages are.
    """
    detect = DetectFaces(
        finder.detector,
        max_side_px=finder.size_px,
        detect_every=config.detect.every,
        batch_frames=pace.group,
        longest_interval=pace.longest_interval,
    )
    track = TrackFaces(config.track, config.detect, longest_s=pace.smoothed_s)
    detected = stages.run("detect", detect(decoded(reader, stages, pace=pace)))
    tracked = stages.run("track", track(detected))
    return stages.run("track", SelectFaces(config.select)(tracked))


def replay_faces(
    reader: Iterable[Frame],
    config: FollowConfig,
    stages: StageStack,
    tracks: Sidecar,
    *,
    partial: bool,
) -> Iterator[TrackedFrame]:
    """Yield each frame with those faces of a tracks file that are to be worked on.

    Args:
        reader: The frames, in its range.
        config: How faces are chosen.
        stages: Takes the stages.
        tracks: Says where faces are; nothing is looked for.
        partial: Whether the tracks may go on beyond the frames; see `ReplayTracks`.
    """
    replay = ReplayTracks(tracks, partial=partial)
    tracked = stages.run("track", replay(decoded(reader, stages)))
    return stages.run("track", SelectFaces(config.select)(tracked))


def decoded(
    reader: Iterable[Frame], stages: StageStack, *, pace: Pace = WHOLE_FILES
) -> Iterator[Frame]:
    """Yield the frames, decoded a few ahead."""
    frames = stages.run("decode", reader)
    return stages.run("wait", prefetch(frames, depth=pace.decoded, name="decode"))
