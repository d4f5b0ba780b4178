"""Convert one video: the composition root. Reading `convert` is reading the pipeline."""

import dataclasses
import os
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from facemask_video import __version__, provenance
from facemask_video.config import ConvertConfig
from facemask_video.pipeline.answers import StaleAnswers
from facemask_video.pipeline.finished_frames import finished_frames
from facemask_video.pipeline.further_streams import (
    convert_further,
    expected_further_frames,
    not_looked_at,
)
from facemask_video.pipeline.labelling import label_stage
from facemask_video.pipeline.load_networks import Networks, load_finder, load_networks
from facemask_video.pipeline.no_face import DeferredOutput, Written
from facemask_video.pipeline.output_layout import COLUMNS
from facemask_video.pipeline.output_paths import check_targets
from facemask_video.pipeline.plan import expected_frames
from facemask_video.pipeline.report import (
    ConversionReport,
    OnProgress,
    Tally,
    describe_input,
    finish_report,
)
from facemask_video.pipeline.resume import Resumption
from facemask_video.pipeline.signing import Signing, load_signer
from facemask_video.pipeline.smart_copy import find_copyable, numbered
from facemask_video.pipeline.timing import StageStack
from facemask_video.pipeline.tracks_file import blended_faces, create_tracks, open_tracks
from facemask_video.pipeline.work_folder import WorkFolder
from facemask_video.translate.device import pick_device
from facemask_video.video import (
    Converted,
    Groups,
    NotCopied,
    SegmentStore,
    VideoReader,
    VideoWriter,
    interrupt_standard_input,
)

STAGES = (
    "load",
    "further",
    "decode",
    "wait",
    "detect",
    "track",
    "idle",
    "align",
    "classify",
    "translate",
    "match_colours",
    "recall",
    "steady",
    "limit",
    "blend",
    "draw",
    "label",
    "encode",
)
"""Names in a report's ``seconds``, in the order of the pipeline.

``further`` is the time for which the main video had to wait for the further video streams,
``wait`` that for which finding faces had to wait for decoded frames, ``idle`` that for which the
stages after it had to wait for faces.
"""


def convert(
    source: Path,
    target: Path,
    config: ConvertConfig,
    *,
    on_progress: OnProgress | None = None,
    networks: Networks | None = None,
    name: str | None = None,
) -> ConversionReport:
    """Translate every face of a video and change nothing else.

    Args:
        source: Video to read.
        target: Video to write; it appears under this name when it is complete, or not at all. It
            is not written where no face is translated and ``no_face`` is ``skip``.
        config: Everything else.
        on_progress: Called after each frame written.
        networks: Used in place of those that the configuration names.
        name: What random styles go by; None for the source's.

    Raises:
        FacemaskVideoError: The conversion cannot be done; no file is left behind.
    """
    try:
        return _convert(source, target, config, on_progress, networks, name)
    except StaleAnswers:
        # By now the work kept is gone.
        note = "the work of an earlier run is not used: its record does not fit the source"
        return _convert(source, target, config, on_progress, networks, name, notes=(note,))


def _convert(
    source: Path,
    target: Path,
    config: ConvertConfig,
    on_progress: OnProgress | None,
    networks: Networks | None,
    name: str | None,
    *,
    notes: tuple[str, ...] = (),
) -> ConversionReport:
    started = time.perf_counter()
    video, tally = config.video, Tally()
    resumption: Resumption | None = None
    frames_total: int | None = None
    frames_done = 0

    def count_frame() -> None:
        nonlocal frames_done
        frames_done += 1
        if on_progress is not None:
            on_progress(frames_done, frames_total)

    with StageStack() as stages:
        with stages.clock.span("load"):
            reader = stages.enter_context(
                VideoReader(
                    source,
                    start_s=video.start_s,
                    end_s=video.end_s,
                    on_change=video.on_change,
                    max_pixels=video.max_pixels,
                )
            )
            check_targets(source, target, config)
            signer = load_signer(config)
            frames_total = expected_frames(reader.info, video)
            label = label_stage(config, reader.info)
            tracks = open_tracks(reader, config)
            networks = (networks or load_networks(config)).for_source(name or source.name)
            further = None
            if video.all_video:
                more = expected_further_frames(reader, config)
                if frames_total is not None:
                    frames_total = None if more is None else frames_total + more
                with stages.clock.span("further"):
                    further = convert_further(reader, target, config, networks, stages, count_frame)
            if tracks is None:
                networks = with_finder(networks, config, reader)
            groups, segments = None, None
            if config.video.smart_copy:
                try:
                    groups = find_copyable(reader, config, target)
                except NotCopied as exc:
                    notes = (*notes, f"--smart-copy: no group of pictures was copied: {exc}")
            if config.output.resume:
                resumption = Resumption(source, target, config, networks, groups)
                networks = stages.enter_context(resumption).wrap(networks)
                segments = resumption.store
            elif groups is not None:
                folder = stages.enter_context(WorkFolder(target, {"process": os.getpid()}))
                segments = SegmentStore(folder.path, frames=None)
            converted = None if further is None else further.converted
            sidecar = None
            if config.output.tracks_out is not None:
                sidecar = stages.enter_context(
                    create_tracks(config.output.tracks_out, reader, direction=config.direction)
                )
            writer = stages.enter_context(
                open_writer(target, reader, config, networks, segments, groups, converted)
            )
            signing = None
            if signer is not None:
                signing = Signing(signer, source, target, config, networks)
            unchanged = provenance.describe_unchanged(config.direction, __version__)
            if further is not None and further.changed:
                unchanged = dict(writer.metadata)
            output = DeferredOutput(
                target,
                reader,
                writer,
                config,
                unchanged=unchanged,
                resumption=resumption,
                groups=groups,
                label=label,
                signing=signing,
                converted=converted,
                must_write=further is not None and further.changed,
            )

        finished = finished_frames(
            reader, config, networks, stages, tracks=tracks, resumption=resumption, label=label
        )
        stages.enter_context(closing(finished))
        # First of all when the run ends early: no stage can be closed that waits for input.
        stages.callback(interrupt_standard_input)

        for result in finished:
            with stages.clock.span("encode"):
                output.write(result)
                if sidecar is not None:
                    sidecar.write(result.source, blended_faces(result), label=result.label)
            tally.add_blended(result)
            count_frame()
        with stages.clock.span("encode"):
            output.finish(changed=tally.faces_changed > 0)
            if signing is not None:
                notes = (*notes, *signing.finish())
            if sidecar is not None:
                sidecar.finish()
            if resumption is not None:
                notes = (*notes, *resumption.notes)

    if output.written == "nothing":
        if further is None:
            notes = (*notes, *not_looked_at(reader))
        else:
            further.say_nothing_written()
    total_s = time.perf_counter() - started
    return finish_report(
        tally,
        config,
        networks,
        input=describe_input(reader.info),
        output=_describe_output(target, config, output.written, writer),
        corrupt_packets=reader.corrupt_packets,
        seconds={"total": total_s, **_in_order(stages.clock.seconds)},
        notes=(
            *reader.notes,
            *output.notes,
            *networks.translator.notes,
            *_own_notes(config),
            *notes,
            *(further.notes if further is not None else ()),
        ),
        further=tuple(further.about) if further is not None else (),
        most_changed_s=tally.most_changed_s,
    )


def _own_notes(config: ConvertConfig) -> tuple[str, ...]:
    if not config.output.debug_overlay:
        return ()
    return ("the debug overlay is drawn into the pictures, also outside the faces",)


def _in_order(seconds: Mapping[str, float]) -> dict[str, float]:
    order = {name: place for place, name in enumerate(STAGES)}
    names = sorted(seconds, key=lambda name: order.get(name, len(order)))
    return {name: seconds[name] for name in names}


def _describe_output(
    target: Path, config: ConvertConfig, written: Written, writer: VideoWriter
) -> dict[str, object]:
    return {
        "path": None if written == "nothing" else str(target),
        "pictures": written,
        "encoder": config.video.encoder if written == "encoded" else None,
        "layout": config.output.layout,
        "bytes": 0 if written == "nothing" else writer.bytes_written,
    }


def with_finder(networks: Networks, config: ConvertConfig, reader: VideoReader) -> Networks:
    """Return networks with what finds the faces of a video, loaded where it is not there."""
    if networks.finder is not None:
        return networks
    device = pick_device(networks.device["device"])
    return dataclasses.replace(networks, finder=load_finder(config.detect, reader.info, device))


def open_writer(
    target: Path,
    reader: VideoReader,
    config: ConvertConfig,
    networks: Networks,
    segments: SegmentStore | None,
    groups: Groups | None,
    converted: Mapping[int, Converted] | None = None,
) -> VideoWriter:
    """Begin the output of a conversion.

    Args:
        target: The video to write.
        reader: The source.
        config: How it is written.
        networks: What its provenance names.
        segments: Where encoded pictures are kept until they are joined, if anywhere.
        groups: Those of the source that may be copied, if any.
        converted: What replaces further video streams; see `VideoWriter`.

    Raises:
        VideoWriteError: It cannot be written so.
    """
    return VideoWriter(
        target,
        reader,
        config.video if groups is None else numbered(config.video, groups),
        overwrite=config.output.overwrite,
        metadata=provenance.describe(
            config.direction, __version__, str(networks.weights.get("sha256", ""))
        ),
        columns=COLUMNS[config.output.layout],
        segments=segments,
        groups=groups,
        stream_format=config.output.format,
        converted=converted,
    )
