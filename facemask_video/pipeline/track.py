"""Track one video and write its sidecar: the head of the pipeline without the generator."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from facemask_video.align.stage import AlignFaces
from facemask_video.classify.stage import ClassifyFaces, FaceClassifier
from facemask_video.config import TracksConfig
from facemask_video.core.faces import CroppedFrame, TrackedFrame
from facemask_video.core.pictures import is_picture
from facemask_video.pipeline.load_networks import Finder, load_finder, load_mask_classifier
from facemask_video.pipeline.picture import check_faces, find_on_pages, picture_detector
from facemask_video.pipeline.picture_options import check_options
from facemask_video.pipeline.plan import expected_frames
from facemask_video.pipeline.report import OnProgress, Tally, TrackingReport
from facemask_video.pipeline.timing import StageStack
from facemask_video.pipeline.track_source import track_faces
from facemask_video.pipeline.tracks_file import Ranged, create_tracks, described
from facemask_video.stills.probe import probe_picture
from facemask_video.stills.read import read_stills
from facemask_video.translate.device import pick_device
from facemask_video.video import VideoReader
from facemask_video.video.target import check_outputs


def track_video(
    source: Path,
    target: Path,
    config: TracksConfig,
    *,
    on_progress: OnProgress | None = None,
    finder: Finder | None = None,
    classifier: FaceClassifier | None = None,
) -> TrackingReport:
    """Find and follow the faces of a video and write where they are; or find those of a picture.

    Args:
        source: Video or picture to read.
        target: Sidecar to write; it appears under this name when it is complete, or not at all.
        config: Everything else.
        on_progress: Called after each frame.
        finder: Used in place of the one that the configuration asks for.
        classifier: Likewise.

    Raises:
        FacemaskVideoError: It cannot be done; no file is left behind.
    """
    started = time.perf_counter()
    video, tally = config.video, Tally()
    of_picture = is_picture(source)

    with StageStack() as stages:
        with stages.clock.span("load"):
            reader: VideoReader | Ranged
            if of_picture:
                check_options(config)
                check_faces(config)
                reader = Ranged(
                    source, probe_picture(source, max_pixels=video.max_pixels), None, None
                )
            else:
                reader = stages.enter_context(
                    VideoReader(
                        source,
                        start_s=video.start_s,
                        end_s=video.end_s,
                        max_pixels=video.max_pixels,
                    )
                )
            check_outputs([target], inputs=[source], overwrite=config.output.overwrite)
            device = pick_device(config.networks.device)
            classifier = classifier or load_mask_classifier(config.networks.classifier, device)
            sidecar = stages.enter_context(create_tracks(target, reader))

        tracked: Iterator[TrackedFrame]
        if isinstance(reader, Ranged):
            detector = picture_detector(config, device) if finder is None else finder.detector
            tracked = stages.run(
                "detect",
                find_on_pages(read_stills(source, max_pixels=video.max_pixels), config, detector),
            )
        else:
            finder = finder or load_finder(config.detect, reader.info, device)
            tracked = track_faces(reader, config, stages, finder)
        if classifier is not None:
            cropped = stages.run("align", AlignFaces(crop_size_px=classifier.crop_size_px)(tracked))
            classify = ClassifyFaces(classifier, direction=None)
            classified = stages.run("classify", classify(cropped))
            tracked = _faces_of(classified)

        frames_total = expected_frames(reader.info, video)
        for item in tracked:
            sidecar.write(item.frame, tuple(described(face) for face in item.faces))
            tally.add(item.faces)
            if on_progress is not None:
                on_progress(tally.frames, frames_total)
        sidecar.finish()

    return TrackingReport(
        target,
        frames=tally.frames,
        faces=tally.faces,
        tracks=len(tally.track_ids),
        frames_with_faces=tally.frames_with_faces,
        domains=dict(Counter(tally.domains.values())),
        seconds={"total": time.perf_counter() - started, **stages.clock.seconds},
        min_face_px=config.detect.min_face_px,
        notes=() if isinstance(reader, Ranged) else tuple(reader.notes),
    )


def _faces_of(items: Iterable[CroppedFrame]) -> Iterator[TrackedFrame]:
    for item in items:
        yield TrackedFrame(item.frame, tuple(crop.face for crop in item.crops))
