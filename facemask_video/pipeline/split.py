"""Convert a long clip in ranges, by several workers, to the result of one that does it alone.

Finding and following faces goes through a clip in one piece, as where it looks depends on what it
saw: `follow` does that, keeps the networks' answers and everybody's place in each frame, and says
where the clip may be cut. `paint_range` paints and encodes one range, into segments. `convert` with
``resume`` then finds the segments and joins them, as if an earlier run had left them; what is not
there it does itself.
"""

from itertools import islice
from pathlib import Path

from facemask_video.config import ConvertConfig
from facemask_video.core.errors import VideoWriteError
from facemask_video.pipeline import resume
from facemask_video.pipeline.answers import StaleAnswers
from facemask_video.pipeline.convert import open_writer, with_finder
from facemask_video.pipeline.followed import FOLLOWED, FollowedWriter, read_followed, replayed
from facemask_video.pipeline.labelling import label_stage
from facemask_video.pipeline.load_networks import Networks, load_networks
from facemask_video.pipeline.output_layout import lay_out
from facemask_video.pipeline.output_paths import check_targets
from facemask_video.pipeline.painting import classify_faces, paint_faces
from facemask_video.pipeline.plan import expected_frames
from facemask_video.pipeline.prefetch import prefetch
from facemask_video.pipeline.ranges import (
    FRAMES,
    PaintRange,
    RangeFolder,
    RangePast,
    cut,
    is_left_alone,
    is_painted,
)
from facemask_video.pipeline.report import OnProgress
from facemask_video.pipeline.resume import Resumption, frame_record, identity
from facemask_video.pipeline.timing import StageStack
from facemask_video.pipeline.track_source import track_faces
from facemask_video.pipeline.work_folder import is_work_of, work_path
from facemask_video.video import SegmentStore, VideoReader

# Frames decoded ahead.
_DECODED_AHEAD = 4


def follow(
    source: Path,
    target: Path,
    config: ConvertConfig,
    *,
    longest_s: float,
    on_progress: OnProgress | None = None,
    networks: Networks | None = None,
) -> tuple[tuple[PaintRange, ...], str | None]:
    """Find and follow the faces of a clip that is longer than a range may be, and cut it.

    Args:
        source: Video to read.
        target: Video that is to be written; what is kept lies beside it.
        config: Of the conversion.
        longest_s: How long a range should be at most.
        on_progress: Called after each frame.
        networks: Used in place of those that the configuration names.

    Returns:
        The ranges that are still to be painted, and a note: why there are none although the clip
        is long.

    Raises:
        FacemaskVideoError: It cannot be read, or the work not be kept.
    """
    with StageStack() as stages:
        reader = stages.enter_context(_reader(source, config))
        frames, duration_s = expected_frames(reader.info, config.video), reader.info.duration_s
        if duration_s is None or duration_s <= longest_s or not frames:
            return (), None
        why = _why_whole(config)
        if why is not None:
            return (), f"not converted in ranges: {why}"
        check_targets(source, target, config)
        networks = networks or load_networks(config)
        networks = with_finder(networks.for_source(source.name), config, reader)
        work = stages.enter_context(
            Resumption(source, target, config, networks, None, to_the_end=False)
        )
        step = resume.SEGMENT_FRAMES
        first = work.frames_done
        if first % step:
            # What ends within a segment is complete.
            return (), None
        path = work.folder / FOLLOWED
        if not path.is_file():
            try:
                _follow(reader, config, work.wrap(networks), stages, path, frames, on_progress)
            except StaleAnswers:
                return (), "not converted in ranges: what an earlier run kept does not fit"
        work.keep_folder()
        known = list(read_followed(path))
        longest = max(step, int(longest_s * len(known) / float(duration_s)))
        if all(is_left_alone(face) for frame in known for face in frame.faces):
            return (), None
        if first >= len(known):
            return (), None
        ranges = cut(known, config, longest=longest, step=step, first=first)
        if len(ranges) == 1:
            return (), "not converted in ranges: there is always somebody in view for too long"
        return tuple(span for span in ranges if not is_painted(work.folder, span)), None


def paint_range(
    source: Path,
    target: Path,
    config: ConvertConfig,
    span: PaintRange,
    *,
    on_progress: OnProgress | None = None,
    networks: Networks | None = None,
) -> None:
    """Paint and encode a range of a clip that was followed.

    Args:
        source: Video to read.
        target: Video that is to be written in the end.
        config: As for `follow`.
        span: One of its ranges.
        on_progress: Called after each frame of the range.
        networks: Used in place of those that the configuration names.

    Raises:
        FacemaskVideoError: It cannot be done; `convert` does it then.
    """
    folder, step = work_path(target), resume.SEGMENT_FRAMES
    with StageStack() as stages:
        reader = stages.enter_context(_reader(source, config))
        networks = (networks or load_networks(config)).for_source(source.name)
        if not is_work_of(folder, identity(source, config, networks)):
            raise VideoWriteError(
                f"{target}: this worker would write something else than the one that followed the "
                "faces; give all machines the same devices and versions."
            )
        work = stages.enter_context(RangeFolder(folder, span))
        store = SegmentStore(work.path, frames=step)
        writer = stages.enter_context(open_writer(target, reader, config, networks, store, None))
        times = [frame.pts for frame in read_followed(folder / FOLLOWED)]
        writer.go_on_after(times[: span.first])
        label = label_stage(config, reader.info)
        again = stages.enter_context(
            VideoReader(
                source,
                start_s=_before(reader, times[span.begin]) if span.begin else None,
                on_change=config.video.on_change,
                max_pixels=config.video.max_pixels,
            )
        )
        frames = stages.run(
            "wait", prefetch(stages.run("decode", again), depth=_DECODED_AHEAD, name="decode")
        )
        known = islice(read_followed(folder / FOLLOWED), span.begin, None)
        tracked = stages.run("track", replayed(source, frames, known, span.begin))
        keeper = RangePast(work.path, span, step=step)
        blended = paint_faces(tracked, config, networks, stages, keeper=keeper)
        if label is not None:
            blended = stages.run("label", label(blended))
        with (work.path / FRAMES).open("wb") as records:
            for result in blended:
                index = result.source.index
                if index < span.first:
                    continue
                try:
                    records.write(frame_record(result))
                except OSError as exc:
                    raise VideoWriteError(
                        f"{records.name}: cannot be written ({exc.strerror}); check the space left."
                    ) from exc
                writer.write(lay_out(result, config.output.layout))
                if on_progress is not None:
                    on_progress(index + 1 - span.first, span.frames)
                if index + 1 == span.after:
                    break
        writer.end_segment()
        writer.discard()
        work.complete()


def _follow(
    reader: VideoReader,
    config: ConvertConfig,
    networks: Networks,
    stages: StageStack,
    path: Path,
    frames_total: int,
    on_progress: OnProgress | None,
) -> None:
    assert networks.finder is not None, "loaded"
    tracked = track_faces(reader, config, stages, networks.finder)
    judged = classify_faces(tracked, config, networks, stages)
    with FollowedWriter(path) as record:
        for index, item in enumerate(judged):
            record.write(item)
            if on_progress is not None:
                on_progress(index + 1, frames_total)
        record.finish()


def _reader(source: Path, config: ConvertConfig) -> VideoReader:
    video = config.video
    return VideoReader(source, on_change=video.on_change, max_pixels=video.max_pixels)


def _why_whole(config: ConvertConfig) -> str | None:
    """Return why a clip cannot be converted in ranges, a clause."""
    video = config.video
    if video.smart_copy:
        return "--smart-copy has segments of its own"
    if video.all_video:
        return "--all-video was asked for"
    if video.start_s is not None or video.end_s is not None:
        return "a part of it was asked for"
    return None


def _before(reader: VideoReader, pts: int) -> float | None:
    # From a little before: a time in seconds may not name a tick exactly.
    start_s = float(pts * reader.info.time_base - reader.zero_s) - 0.01
    return start_s if start_s > 0 else None
