"""The whole row of stages of one video stream: from its reader to the frames to encode."""

from collections.abc import Generator, Iterator

from facemask_video.composite.stage import LabelFrames
from facemask_video.config import ConvertConfig
from facemask_video.core.faces import BlendedFrame
from facemask_video.pipeline.followed import read_followed, replayed, untouched
from facemask_video.pipeline.load_networks import Networks
from facemask_video.pipeline.painting import paint_faces
from facemask_video.pipeline.prefetch import prefetch
from facemask_video.pipeline.resume import Resumption
from facemask_video.pipeline.timing import StageStack
from facemask_video.pipeline.track_source import decoded, replay_faces, track_faces
from facemask_video.pipeline.tracks_file import TracksWithVerdicts
from facemask_video.video import VideoReader

# Frames finished ahead of the encoder.
_BLENDED_AHEAD = 4


def finished_frames(
    reader: VideoReader,
    config: ConvertConfig,
    networks: Networks,
    stages: StageStack,
    *,
    tracks: TracksWithVerdicts | None = None,
    resumption: Resumption | None = None,
    label: LabelFrames | None = None,
) -> Generator[BlendedFrame, None, None]:
    """Find, follow and translate the faces of a stream; to be closed before the stages are.

    Args:
        reader: The frames, in its range.
        config: Everything else.
        networks: With a finder, unless there are tracks.
        stages: Takes the stages.
        tracks: Say where faces are; nothing is looked for.
        resumption: Knows what an earlier run did.
        label: Labels frames.
    """
    blended: Iterator[BlendedFrame]
    if resumption is not None and resumption.followed is not None:
        # All is painted, by others, and where everybody is was written down for them.
        known = read_followed(resumption.followed)
        painted = replayed(reader.path, decoded(reader, stages), known, 0)
        blended = stages.run("track", untouched(painted))
    else:
        if tracks is not None:
            partial = not tracks.is_range(reader.start_s, reader.end_s)
            tracked = replay_faces(reader, config, stages, tracks, partial=partial)
        else:
            assert networks.finder is not None, "loaded where there are no tracks"
            tracked = track_faces(reader, config, stages, networks.finder)
        blended = paint_faces(tracked, config, networks, stages, keeper=resumption)
    if resumption is not None:
        blended = stages.run("blend", resumption.recall(blended))
    if label is not None:
        blended = stages.run("label", label(blended))
    return prefetch(blended, depth=_BLENDED_AHEAD, name="pictures")
