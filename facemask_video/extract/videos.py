"""Crop the faces of a video, by the decode, detect, track and align code of a conversion."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from facemask_video.align.crop import align_face
from facemask_video.config import ExtractConfig
from facemask_video.config.extract import BEST
from facemask_video.core.faces import TrackedFace, TrackedFrame
from facemask_video.core.frame import Frame, ImageU8, VideoInfo, time_s
from facemask_video.core.geometry import Box
from facemask_video.extract.crops import CropCandidate, make_candidate, pixel_box
from facemask_video.extract.sampling import BestOfTracks, EveryNth
from facemask_video.pipeline.load_networks import Finder
from facemask_video.pipeline.plan import expected_frames
from facemask_video.pipeline.report import OnProgress
from facemask_video.pipeline.timing import StageStack
from facemask_video.pipeline.track_source import track_faces
from facemask_video.video import VideoReader

LoadFinder = Callable[[VideoInfo], Finder]

# Beyond the time that the tracker bridges, so that no track goes on after it was given out.
_ENDED_AFTER_S = 1.0


def crop_video(
    path: Path,
    config: ExtractConfig,
    load_finder: LoadFinder,
    *,
    on_progress: OnProgress | None = None,
) -> Generator[CropCandidate, None, None]:
    """Yield the chosen crops of a video; close the iterator to close the file.

    Only faces that a detection of their very frame stands behind give crops.

    Args:
        path: The video.
        config: What is cropped.
        load_finder: Makes what looks for faces, for the video's size.
        on_progress: Called after each frame.

    Raises:
        VideoReadError: It cannot be read to its end.
    """
    with StageStack() as stages:
        reader = stages.enter_context(
            VideoReader(
                path,
                start_s=config.video.start_s,
                end_s=config.video.end_s,
                max_pixels=config.video.max_pixels,
            )
        )
        tracked = track_faces(reader, config, stages, load_finder(reader.info))
        pixel_aspect = float(reader.info.sample_aspect or 1)
        frames_total = expected_frames(reader.info, config.video)

        def counted() -> Generator[TrackedFrame, None, None]:
            for done, item in enumerate(tracked, start=1):
                yield item
                if on_progress is not None:
                    on_progress(done, frames_total)

        with closing(_chosen(counted(), config, pixel_aspect)) as candidates:
            yield from candidates


def _chosen(
    tracked: Iterator[TrackedFrame], config: ExtractConfig, pixel_aspect: float
) -> Generator[CropCandidate, None, None]:
    sample = config.sample
    if sample.every is not None:
        nth = EveryNth(frames=sample.every_frames, seconds=sample.every_s)
        for item in tracked:
            if nth.takes(item.frame):
                yield from _candidates(item, config, pixel_aspect)
        return
    best: BestOfTracks[CropCandidate] = BestOfTracks(
        sample.best or BEST, ends_after_s=config.track.bridge_s + _ENDED_AFTER_S
    )
    for item in tracked:
        now_s = time_s(item.frame)
        for candidate in _candidates(item, config, pixel_aspect):
            best.offer(candidate.face.track_id.number, now_s, candidate)
        yield from best.ended(now_s)
    yield from best.finish()


def _candidates(
    item: TrackedFrame, config: ExtractConfig, pixel_aspect: float
) -> Iterator[CropCandidate]:
    for face in item.faces:
        if face.observed:
            candidate = _candidate(item, face, config, pixel_aspect)
            if candidate is not None:
                yield candidate


def _candidate(
    item: TrackedFrame, face: TrackedFace, config: ExtractConfig, pixel_aspect: float
) -> CropCandidate | None:
    frame = item.frame
    try:
        crop = align_face(frame, face, config.crop.size_px, pixel_aspect=pixel_aspect)
    except ValueError:
        # Landmarks that all but coincide give no scale; such a face is a false one.
        return None
    box = pixel_box(face.box, frame.width_px, frame.height_px)
    return make_candidate(
        crop,
        _raw(frame, box, pixel_aspect) if config.crop.raw and box.area_px2 > 0 else None,
        item.faces,
        frame=frame.index,
        pts=frame.pts,
        time_base=frame.time_base,
        width_px=frame.width_px,
        height_px=frame.height_px,
    )


def _raw(frame: Frame, box: Box, pixel_aspect: float) -> ImageU8:
    """Return a box as it lies in the frame, with square pixels."""
    pixels = frame.read_region(box)
    if pixel_aspect == 1:
        return pixels
    width_px = max(1, round(pixels.shape[1] * pixel_aspect))
    return np.asarray(cv2.resize(pixels, (width_px, pixels.shape[0])), np.uint8)
