"""Convert one video: the composition root. Reading `convert` is reading the pipeline."""

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TypeVar

from facemask_video import __version__, provenance
from facemask_video.config import ConvertConfig
from facemask_video.detect.stage import DetectFaces
from facemask_video.faces import BlendedFrame, TrackedFace
from facemask_video.geometry import Box
from facemask_video.pipeline.clock import StageClock
from facemask_video.pipeline.gate import GateFaces
from facemask_video.pipeline.layout import COLUMNS, lay_out
from facemask_video.pipeline.networks import Networks, load_networks
from facemask_video.pipeline.plan import expected_frames
from facemask_video.pipeline.prefetch import prefetch
from facemask_video.pipeline.report import (
    ConversionReport,
    Tally,
    describe_input,
    peak_rss_mb,
)
from facemask_video.pipeline.stages import (
    AlignFaces,
    BlendFaces,
    MatchColours,
    SteadyFaces,
    TranslateFaces,
)
from facemask_video.pipeline.targets import check_targets
from facemask_video.settings import as_plain
from facemask_video.track import Tracker, TrackFaces
from facemask_video.track.sidecar import SidecarFace, SidecarWriter, digest
from facemask_video.video import VideoReader, VideoWriter

OnProgress = Callable[[int, int | None], None]
"""Called with frames done, and frames in all where that is known."""

STEPS = (
    "load",
    "decode",
    "wait",
    "detect",
    "track",
    "align",
    "gate",
    "translate",
    "match_colours",
    "steady",
    "blend",
    "encode",
)
"""Names in a report's ``seconds``, in the order of the pipeline.

``wait`` is the time for which finding faces had to wait for decoded frames.
"""

Item = TypeVar("Item")

# Frames decoded ahead, and frames finished ahead of the encoder. A frame of 4K 4:2:0 is 12 MB.
_DECODED_AHEAD = 4
_BLENDED_AHEAD = 4


def convert(
    source: Path,
    target: Path,
    config: ConvertConfig,
    *,
    on_progress: OnProgress | None = None,
    networks: Networks | None = None,
) -> ConversionReport:
    """Translate every face of a video and change nothing else.

    Args:
        source: Video to read.
        target: Video to write; it appears under this name when it is complete, or not at all.
        config: Everything else.
        on_progress: Called after each frame written.
        networks: Used in place of those that the configuration names.

    Raises:
        FacemaskVideoError: The conversion cannot be done; no file is left behind.
    """
    started = time.perf_counter()
    video, clock, tally = config.video, StageClock(), Tally()

    with ExitStack() as stack:

        def step(name: str, items: Iterable[Item]) -> Generator[Item, None, None]:
            """Time a stage; what is entered last is closed first, so downstream before upstream."""
            return stack.enter_context(closing(clock.timed(name, items)))

        with clock.span("load"):
            reader = stack.enter_context(
                VideoReader(source, start_s=video.start_s, end_s=video.end_s)
            )
            check_targets(source, target, config)
            networks = networks or load_networks(config, reader.info)
            sidecar = _open_sidecar(reader, config)
            if sidecar is not None:
                stack.enter_context(sidecar)
            writer = stack.enter_context(_open_writer(target, reader, config, networks))

        detect = DetectFaces(
            networks.detector,
            max_side_px=networks.detect_size_px,
            detect_every=config.detect.every,
        )
        track = TrackFaces(
            Tracker(
                smoothing=config.track.smoothing,
                kf_noise=config.track.kf_noise,
                ema_coef=config.track.ema_coef,
                min_face_px=config.detect.min_face_px,
                threshold=config.detect.threshold,
                look_ahead=config.track.look_ahead,
                bridge_s=config.track.bridge_s,
                min_track_s=config.track.min_track_s,
            )
        )
        align = AlignFaces(crop_size_px=networks.translator.crop_size_px)
        translate = TranslateFaces(networks.translator, batch_size=config.translate.batch_size)
        match = MatchColours(mode=config.composite.color)
        steady = SteadyFaces(temporal=config.composite.temporal)
        blend = BlendFaces(coverage=config.composite.coverage)

        decoded = step("decode", reader)
        frames = step("wait", prefetch(decoded, depth=_DECODED_AHEAD, name="decode"))
        detected = step("detect", detect(frames))
        tracked = step("track", track(detected))
        cropped = step("align", align(tracked))
        if networks.gate is not None:
            cropped = step("gate", GateFaces(networks.gate, direction=config.direction)(cropped))
        translated = step("translate", translate(cropped))
        matched = step("match_colours", match(translated))
        steadied = step("steady", steady(matched))
        blended = step("blend", blend(steadied))
        finished = prefetch(blended, depth=_BLENDED_AHEAD, name="faces")
        stack.enter_context(closing(finished))

        frames_total = expected_frames(reader.info, config)
        for result in finished:
            with clock.span("encode"):
                writer.write(lay_out(result, config.output.layout))
                if sidecar is not None:
                    sidecar.write(result.source, _sidecar_faces(result))
            tally.add(result)
            if on_progress is not None:
                on_progress(tally.frames, frames_total)
        with clock.span("encode"):
            writer.finish()
            if sidecar is not None:
                sidecar.finish()

    total_s = time.perf_counter() - started
    return ConversionReport(
        input=describe_input(reader.info),
        output=_describe_output(target, config),
        frames=tally.frames,
        faces=tally.faces,
        tracks=len(tally.track_ids),
        frames_with_faces=tally.frames_with_faces,
        faces_changed=tally.faces_changed,
        tracks_refused=len(tally.refused_ids),
        corrupt_packets=reader.corrupt_packets,
        seconds={"total": round(total_s, 4), **_in_order(clock.seconds)},
        peak_rss_mb=peak_rss_mb(),
        device=networks.device,
        weights=networks.weights,
        options=as_plain(config),
        notes=(*reader.notes, *writer.notes),
    )


def _in_order(seconds: Mapping[str, float]) -> dict[str, float]:
    return {name: round(seconds[name], 4) for name in STEPS if name in seconds}


def _describe_output(target: Path, config: ConvertConfig) -> dict[str, object]:
    return {
        "path": str(target),
        "encoder": config.video.encoder,
        "layout": config.output.layout,
        "bytes": target.stat().st_size,
    }


def _open_writer(
    target: Path, reader: VideoReader, config: ConvertConfig, networks: Networks
) -> VideoWriter:
    video = config.video
    return VideoWriter(
        target,
        reader,
        encoder=video.encoder,
        crf=video.crf,
        preset=video.preset,
        pixel_format=video.pixel_format,
        encoder_options=video.encoder_options,
        audio=video.audio,
        strict_streams=video.strict_streams,
        overwrite=config.output.overwrite,
        metadata=provenance.describe(
            config.direction, __version__, str(networks.weights.get("sha256", ""))
        ),
        columns=COLUMNS[config.output.layout],
    )


def _open_sidecar(reader: VideoReader, config: ConvertConfig) -> SidecarWriter | None:
    if config.output.tracks_out is None:
        return None
    info = reader.info
    header = {
        "name": info.path.name,
        "sha256": digest(info.path),
        "width_px": info.width_px,
        "height_px": info.height_px,
        "time_base": str(info.time_base),
    }
    return SidecarWriter(config.output.tracks_out, source=header)


def _sidecar_faces(result: BlendedFrame) -> tuple[SidecarFace, ...]:
    changed = (_sidecar_face(pasted.face, pasted.patch.box) for pasted in result.pasted)
    unchanged = (_sidecar_face(face, None) for face in result.unchanged)
    return (*changed, *unchanged)


def _sidecar_face(face: TrackedFace, region: Box | None) -> SidecarFace:
    if face.verdict is None:
        return SidecarFace(face, region, translated=True)
    return SidecarFace(
        face,
        region,
        domain=face.verdict.domain,
        domain_score=face.verdict.score,
        translated=face.verdict.translate,
    )
