"""Translate pictures by the stages of a video: one in memory, or those of a file."""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from facemask_video import __version__, provenance
from facemask_video.align.stage import AlignFaces
from facemask_video.classify.stage import ClassifyFaces
from facemask_video.composite.stage import DrawFaces
from facemask_video.config import ConvertConfig, FollowConfig, ImageConfig
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.errors import ConfigError, TracksError, VideoWriteError
from facemask_video.core.faces import BlendedFrame, TrackedFace, TrackedFrame, TrackId
from facemask_video.core.files import atomic_write
from facemask_video.core.frame import Frame, ImageU8
from facemask_video.core.pictures import kind_to_write
from facemask_video.detect.build import build_detector
from facemask_video.detect.detector import Detector
from facemask_video.detect.rotation import QUARTER_TURNS
from facemask_video.detect.single_image import choose_faces, find_in_frame
from facemask_video.detect.size import SMALLEST_FACE_PX
from facemask_video.pipeline.labelling import label_stage
from facemask_video.pipeline.load_networks import Networks, load_networks
from facemask_video.pipeline.no_face import Written
from facemask_video.pipeline.output_layout import lay_out
from facemask_video.pipeline.output_paths import check_files
from facemask_video.pipeline.painting import paint_crops
from facemask_video.pipeline.report import (
    ConversionReport,
    OnProgress,
    Tally,
    describe_input,
    finish_report,
)
from facemask_video.pipeline.signing import Signing, load_signer
from facemask_video.pipeline.timing import StageStack
from facemask_video.pipeline.tracks_file import (
    Ranged,
    TracksWithVerdicts,
    blended_faces,
    create_tracks,
    open_tracks,
)
from facemask_video.stills.jpeg import reached_region
from facemask_video.stills.probe import probe_picture
from facemask_video.stills.read import read_stills
from facemask_video.stills.still import Still
from facemask_video.stills.write import encode_stills
from facemask_video.track import SelectFaces
from facemask_video.translate.device import pick_device
from facemask_video.video import Seal
from facemask_video.video.native_frame import native


def convert_picture(
    source: Path,
    target: Path,
    config: ConvertConfig,
    *,
    on_progress: OnProgress | None = None,
    networks: Networks | None = None,
) -> ConversionReport:
    """Translate every face of a picture's file and change nothing else, as `convert` does a video.

    A file in which no face is changed is copied byte by byte, where the target is of its format.
    What the configuration says of video is passed over; see `check_options`.

    Args:
        source: Picture to read; of a TIFF every page.
        target: Picture to write, in the format of its suffix; it appears whole, or not at all.
        config: Everything else.
        on_progress: Called after each page.
        networks: Used in place of those that the configuration names.

    Raises:
        FacemaskVideoError: It cannot be done; no file is left behind.
    """
    started = time.perf_counter()
    tally = Tally()
    info = probe_picture(source, max_pixels=config.video.max_pixels)
    with StageStack() as stages:
        with stages.clock.span("load"):
            check_files(source, target, config)
            label = label_stage(config, info)
            kind = kind_to_write(target)
            signer = load_signer(config)
            check_faces(config)
            whole = Ranged(source, info, None, None)
            tracks = open_tracks(whole, config)
            networks = (networks or load_networks(config)).for_source(source.name)
            detector = None if tracks is not None else detector_of(config, networks)
            sidecar = None
            if config.output.tracks_out is not None:
                sidecar = stages.enter_context(
                    create_tracks(config.output.tracks_out, whole, direction=config.direction)
                )
        with stages.clock.span("decode"):
            as_rgb = kind != info.codec or config.output.layout != "result"
            stills = read_stills(source, as_rgb=as_rgb, max_pixels=config.video.max_pixels)
        results: list[BlendedFrame] = []
        tracked = faces_of_pages(stills, config, detector, tracks)
        blended = stages.run("translate", paint_pages(tracked, config, networks))
        if label is not None:
            blended = stages.run("label", label(blended))
        for result in blended:
            still = stills[len(results)]
            if sidecar is not None:
                reached = region_widened(result, still)
                sidecar.write(result.source, blended_faces(reached), label=reached.label)
            results.append(result)
            tally.add_blended(result)
            if on_progress is not None:
                on_progress(len(results), len(stills))
        notes = [note for still in stills for note in still.notes]
        with stages.clock.span("encode"):
            signing = None
            if signer is not None:
                signing = Signing(signer, source, target, config, networks)
            changed = tally.faces_changed > 0
            drawn = config.output.layout != "result" or (
                config.output.debug_overlay and tally.faces > 0
            )
            same = not changed and not drawn and kind == info.codec
            written: Written = "encoded"
            if not changed and config.output.no_face == "skip":
                written, notes = "nothing", []
            elif same and config.output.no_face == "copy":
                written, notes = "copied", []
                _copy(source, target, None if signing is None else signing.seal("repackaged"))
            else:
                made = provenance.describe(
                    config.direction, __version__, str(networks.weights.get("sha256", ""))
                )
                seal = None
                if signing is not None:
                    seal = signing.seal("edited" if changed else "transcoded")
                notes += _write(target, stills, results, config, made if changed else None, seal)
            if signing is not None:
                notes += signing.finish()
            if sidecar is not None:
                sidecar.finish()
    total_s = time.perf_counter() - started
    if config.output.debug_overlay and written == "encoded":
        notes.append("the debug overlay is drawn into the pictures, also outside the faces")
    notes += networks.translator.notes
    return finish_report(
        tally,
        config,
        networks,
        input=describe_input(info),
        output={
            "path": None if written == "nothing" else str(target),
            "pictures": written,
            "encoder": kind if written == "encoded" else None,
            "layout": config.output.layout,
            "bytes": 0 if written == "nothing" else target.stat().st_size,
        },
        seconds={"total": total_s, **stages.clock.seconds},
        notes=tuple(dict.fromkeys(notes)),
    )


def check_faces(config: FollowConfig | ImageConfig) -> None:
    """Refuse faces that are chosen by the number of a track, where none are read from a file.

    Raises:
        ConfigError: They are.
    """
    replayed = isinstance(config, ConvertConfig) and config.replay.tracks is not None
    if config.select.faces not in ("all", "largest") and not replayed:
        raise ConfigError(f"select.faces: got {config.select.faces!r}; a picture has no tracks.")


def detector_of(config: ConvertConfig | ImageConfig, networks: Networks) -> Detector:
    """Return the networks' own detector, or load one for pictures of any size."""
    if networks.finder is not None:
        return networks.finder.detector
    return picture_detector(config, pick_device(networks.device["device"]))


def picture_detector(config: FollowConfig | ImageConfig, device: torch.device) -> Detector:
    """Load what looks for faces in pictures of any size."""
    return build_detector(
        device=device,
        threshold=config.detect.threshold,
        min_face_px=SMALLEST_FACE_PX,
        quarter_turns=QUARTER_TURNS[config.detect.turned],
        detector=config.detect.detector,
    )


def faces_of_pages(
    stills: list[Still],
    config: ConvertConfig,
    detector: Detector | None,
    tracks: TracksWithVerdicts | None,
) -> Iterator[TrackedFrame]:
    """Yield each page with its faces: found in it, or those of its line in a tracks file."""
    if tracks is not None:
        yield from SelectFaces(config.select)(_replayed(stills, tracks))
        return
    assert detector is not None, "one where there are no tracks"
    yield from find_on_pages(stills, config, detector)


def find_on_pages(
    stills: Sequence[Still], config: FollowConfig | ImageConfig, detector: Detector
) -> Iterator[TrackedFrame]:
    """Yield each page of a picture with the faces found on it, chosen as was asked for.

    Args:
        stills: The pages.
        config: Which faces are found and chosen.
        detector: Finds faces of `SMALLEST_FACE_PX` and more.
    """
    persons = 0
    for still in stills:
        frame = still.frame()
        found = _find(frame, config, detector)
        # Who is on two pages is not known: each face is a person of its own.
        faces = tuple(
            replace(face, track_id=TrackId(persons + place)) for place, face in enumerate(found)
        )
        persons += len(faces)
        yield TrackedFrame(frame, faces)


def _replayed(stills: list[Still], tracks: TracksWithVerdicts) -> Iterator[TrackedFrame]:
    lines = list(tracks)
    if [line.frame for line in lines] != [still.page for still in stills]:
        raise TracksError(
            f"{tracks.path}: has {len(lines)} lines, the picture {len(stills)} pages."
        )
    for still, line in zip(stills, lines, strict=True):
        yield TrackedFrame(still.frame(), tuple(entry.face for entry in line.faces))


def _find(
    frame: Frame, config: FollowConfig | ImageConfig, detector: Detector
) -> list[TrackedFace]:
    found = find_in_frame(frame, detector, min_face_px=config.detect.min_face_px)
    return choose_faces(
        [face for face in found if face.score >= config.detect.threshold],
        largest=config.select.faces == "largest",
        max_faces=config.select.max_faces,
    )


def paint_pages(
    tracked: Iterator[TrackedFrame], config: ConvertConfig | ImageConfig, networks: Networks
) -> Iterator[BlendedFrame]:
    """Translate the faces of pages and blend them in, each page by itself.

    Args:
        tracked: The pages, each with the faces that are to be worked on.
        config: How faces are translated and blended.
        networks: What translates and judges them.
    """
    # A page has no past to be steadied with.
    config = replace(config, composite=replace(config.composite, temporal=0.0))
    cropped = AlignFaces(crop_size_px=networks.translator.crop_size_px)(tracked)
    for item in cropped:
        # One by one: nothing is known of a page from the next.
        judged = iter([item])
        if networks.classifier is not None:
            judged = ClassifyFaces(networks.classifier, direction=config.direction)(judged)
        with StageStack() as stages:
            yield from paint_crops(judged, config, networks, stages)


def region_widened(result: BlendedFrame, still: Still) -> BlendedFrame:
    """Return a result whose regions are what decoders may show otherwise: of a JPEG, whole blocks.

    Args:
        result: Of a picture.
        still: The picture.
    """
    if still.block_px is None:
        return result
    pasted = []
    for face in result.pasted:
        region = reached_region(still, face.patch.box)
        shape = (int(region.height_px), int(region.width_px))
        patch = replace(
            face.patch,
            box=region,
            image=np.zeros((*shape, 3), np.uint8),
            alpha=np.zeros(shape, np.float32),
        )
        pasted.append(replace(face, patch=patch))
    label = None if result.label is None else reached_region(still, result.label)
    return replace(result, pasted=tuple(pasted), label=label)


def _write(
    target: Path,
    stills: list[Still],
    results: list[BlendedFrame],
    config: ConvertConfig,
    made: Mapping[str, str] | None,
    seal: Seal | None,
) -> list[str]:
    if config.output.debug_overlay:
        results = list(DrawFaces()(results))
    frames = [native(lay_out(result, config.output.layout)) for result in results]
    encoded, notes = encode_stills(target, stills, [frame.samples() for frame in frames], made)
    try:
        with atomic_write(target) as part:
            part.write_bytes(encoded)
            if seal is not None:
                seal(part)
    except OSError as exc:
        raise VideoWriteError(
            f"{target}: cannot be written ({exc.strerror}); check rights and the space left."
        ) from exc
    return notes


def _copy(source: Path, target: Path, seal: Seal | None) -> None:
    try:
        with atomic_write(target) as part:
            shutil.copyfile(source, part)
            if seal is not None:
                seal(part)
    except OSError as exc:
        raise VideoWriteError(
            f"{target}: cannot be written ({exc.strerror}); check rights and the space left."
        ) from exc


def translate_picture(image: ImageU8, config: ImageConfig, networks: Networks) -> ImageU8:
    """Translate every face of a picture.

    Args:
        image: RGB, uint8, shape (height, width, 3).
        config: Which faces are found, and how they are translated and blended.
        networks: For the configuration's direction. Their finder, which depends on a size, is used
            where it is not None.

    Returns:
        A new array; pixels outside the faces are those of ``image``.

    Raises:
        ValueError: ``image`` is no such array.
        ConfigError: Faces are chosen by the number of a track.
    """
    is_rgb = image.ndim == 3 and image.shape[2] == 3 and image.size > 0
    if image.dtype != np.uint8 or not is_rgb:
        raise ValueError(
            f"image: got {image.dtype} of shape {image.shape}, expected uint8 (height, width, 3)."
        )
    check_faces(config)
    frame = ArrayFrame(image)
    faces = _find(frame, config, detector_of(config, networks))
    (blended,) = paint_pages(iter([TrackedFrame(frame, tuple(faces))]), config, networks)
    # An array of its own also where nothing was pasted.
    whole = blended.frame.with_patches(())
    assert isinstance(whole, ArrayFrame)
    return whole.image
