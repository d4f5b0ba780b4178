"""Convert a folder of numbered pictures, which is a clip."""

import dataclasses
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from facemask_video import __version__, provenance
from facemask_video.config import ConvertConfig
from facemask_video.core.errors import VideoReadError, VideoWriteError
from facemask_video.core.faces import BlendedFrame
from facemask_video.core.files import Part
from facemask_video.core.pictures import WRITTEN_SUFFIXES
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.frame_options import rate_of
from facemask_video.pipeline.labelling import label_stage, labels_all
from facemask_video.pipeline.load_networks import Networks, load_finder, load_networks
from facemask_video.pipeline.output_layout import lay_out
from facemask_video.pipeline.painting import paint_faces
from facemask_video.pipeline.picture import region_widened
from facemask_video.pipeline.report import (
    ConversionReport,
    OnProgress,
    Tally,
    describe_input,
    finish_report,
)
from facemask_video.pipeline.timing import StageStack
from facemask_video.pipeline.track_source import replay_faces, track_faces
from facemask_video.pipeline.tracks_file import (
    Ranged,
    blended_faces,
    create_tracks,
    open_tracks,
)
from facemask_video.stills.frames import FrameFolder
from facemask_video.stills.write import encode_stills
from facemask_video.translate.device import pick_device
from facemask_video.video.native_frame import native
from facemask_video.video.picture_clip import join_pictures
from facemask_video.video.target import MUXERS, check_outputs, make_part


def convert_frames(
    source: Path,
    target: Path,
    config: ConvertConfig,
    *,
    on_progress: OnProgress | None = None,
    networks: Networks | None = None,
) -> ConversionReport:
    """Translate every face of a folder's numbered pictures, followed through them as in a video.

    Args:
        source: The folder.
        target: A video to write, by its suffix; or a folder, which gets a picture of the same name
            and format for each, exact as `convert_picture` makes them. Pictures without a changed
            face are copied. It appears when it is complete, or not at all.
        config: Everything else; ``source.frames`` is the rate.
        on_progress: Called after each frame.
        networks: Used in place of those that the configuration names.

    Raises:
        FacemaskVideoError: It cannot be done; nothing is left behind.
    """
    if target.suffix.lower() in MUXERS:
        return _to_video(source, target, config, on_progress, networks)
    return _to_folder(source, target, config, on_progress, networks)


def _to_video(
    source: Path,
    target: Path,
    config: ConvertConfig,
    on_progress: OnProgress | None,
    networks: Networks | None,
) -> ConversionReport:
    folder = FrameFolder(source, rate_of(config), max_pixels=config.video.max_pixels)
    kinds = {file.suffix.lower() for file in folder.files}
    if len(kinds) > 1 or folder.info.codec not in ("jpeg", "png", "tiff"):
        raise VideoReadError(
            f"{source}: a video is made of JPEG, PNG or TIFF files of one kind, found "
            f"{', '.join(sorted(kinds))}; write a folder, or convert them first."
        )
    # Beside the target, where there is room for it.
    part = make_part(target.with_name(f"{target.name}.mov"))
    clip = part.path
    try:
        join_pictures(folder.files, clip, folder.rate, kind=folder.info.codec)
        # What an earlier run kept goes by it, and fits as long as no picture is changed.
        changed_ns = max(file.stat().st_mtime_ns for file in folder.files)
        os.utime(clip, ns=(changed_ns, changed_ns))
        report = convert(
            clip, target, config, on_progress=on_progress, networks=networks, name=source.name
        )
    finally:
        part.close()
    return dataclasses.replace(
        report,
        input={**report.input, "path": str(source), "container": folder.info.container},
        notes=(*folder.notes, *report.notes),
    )


def _to_folder(
    source: Path,
    target: Path,
    config: ConvertConfig,
    on_progress: OnProgress | None,
    networks: Networks | None,
) -> ConversionReport:
    started = time.perf_counter()
    video, tally = config.video, Tally()
    folder = FrameFolder(
        source,
        rate_of(config),
        start_s=video.start_s,
        end_s=video.end_s,
        max_pixels=video.max_pixels,
    )
    files = folder.in_range()
    for file in files:
        if file.suffix.lower() not in WRITTEN_SUFFIXES:
            raise VideoReadError(f"{file}: is of a format that is not written; convert it first.")
    further = (config.output.report, config.output.tracks_out)
    check_outputs(
        [path for path in further if path is not None],
        inputs=files,
        overwrite=config.output.overwrite,
    )
    with StageStack() as stages:
        with stages.clock.span("load"):
            whole = Ranged(source, folder.info, video.start_s, video.end_s)
            label = label_stage(config, folder.info)
            tracks = open_tracks(whole, config)
            networks = (networks or load_networks(config)).for_source(source.name)
            sidecar = None
            if config.output.tracks_out is not None:
                sidecar = stages.enter_context(
                    create_tracks(config.output.tracks_out, whole, direction=config.direction)
                )
            part = stages.enter_context(_grown_folder(target, overwrite=config.output.overwrite))
            made = provenance.describe(
                config.direction, __version__, str(networks.weights.get("sha256", ""))
            )
        if tracks is not None:
            partial = not tracks.is_range(video.start_s, video.end_s)
            tracked = replay_faces(folder, config, stages, tracks, partial=partial)
        else:
            finder = networks.finder
            if finder is None:
                device = pick_device(networks.device["device"])
                finder = load_finder(config.detect, folder.info, device)
            tracked = track_faces(folder, config, stages, finder)
        finished = paint_faces(tracked, config, networks, stages)
        if label is not None:
            finished = stages.run("label", label(finished))
        notes: list[str] = []
        for file, result in zip(files, finished, strict=True):
            with stages.clock.span("encode"):
                result, more = _write_frame(file, part / file.name, folder, result, config, made)
                notes += more
                if sidecar is not None:
                    sidecar.write(result.source, blended_faces(result), label=result.label)
            tally.add_blended(result)
            if on_progress is not None:
                on_progress(tally.frames, len(files))
        with stages.clock.span("encode"):
            written = tally.faces_changed > 0 or config.output.no_face != "skip"
            labelled_alone = tally.faces_changed == 0 and labels_all(config)
            if labelled_alone and config.output.no_face == "copy" and not _is_drawn(config, tally):
                _copy_all(files, part)
            if written:
                _place(part, target)
            if sidecar is not None:
                sidecar.finish()
    copied = tally.faces_changed == 0 and written
    if labelled_alone and (config.output.no_face == "encode" or _is_drawn(config, tally)):
        copied = False
    return finish_report(
        tally,
        config,
        networks,
        input=describe_input(folder.info),
        output={
            "path": str(target) if written else None,
            "pictures": "nothing" if not written else "copied" if copied else "encoded",
            "encoder": None if copied or not written else folder.info.codec,
            "layout": config.output.layout,
            "bytes": sum(file.stat().st_size for file in target.iterdir()) if written else 0,
        },
        seconds={"total": time.perf_counter() - started, **stages.clock.seconds},
        notes=tuple(dict.fromkeys((*folder.notes, *networks.translator.notes, *notes))),
    )


def _write_frame(
    file: Path,
    target: Path,
    folder: FrameFolder,
    result: BlendedFrame,
    config: ConvertConfig,
    made: dict[str, str],
) -> tuple[BlendedFrame, list[str]]:
    """Write one picture; returns the result with the regions that decoders may show otherwise."""
    notes: list[str] = []
    try:
        if result.frame is result.source and config.output.layout == "result":
            shutil.copyfile(file, target)
            return result, notes
        # Read anew rather than held: dozens of frames are on their way.
        still = folder.still(file)
        samples = native(lay_out(result, config.output.layout)).samples()
        if config.output.layout != "result":
            still = dataclasses.replace(still, block_px=None)
        encoded, more = encode_stills(target, [still], [samples], made)
        notes = [*still.notes, *more]
        target.write_bytes(encoded)
    except OSError as exc:
        raise VideoWriteError(
            f"{target.parent}: {target.name} cannot be written ({exc.strerror}); check rights and "
            "the space left."
        ) from exc
    return region_widened(result, still), notes


def _is_drawn(config: ConvertConfig, tally: Tally) -> bool:
    overlaid = config.output.debug_overlay and tally.faces > 0
    return overlaid or config.output.layout != "result"


def _copy_all(files: Sequence[Path], folder: Path) -> None:
    """Put the source's pictures in the place of those that turned out to need no label."""
    try:
        for file in files:
            shutil.copyfile(file, folder / file.name)
    except OSError as exc:
        raise VideoWriteError(
            f"{folder.parent}: {exc.filename} cannot be copied ({exc.strerror}); check rights and "
            "the space left."
        ) from exc


@contextmanager
def _grown_folder(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a hidden folder beside the target that grows; what is left of it is removed."""
    if target.exists() and not target.is_dir():
        raise VideoWriteError(f"{target}: is a file; name a folder for the frames, or a video.")
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise VideoWriteError(
            f"{target}: holds files; name a new folder, or pass --overwrite (-y) to replace those "
            "of the same names."
        )
    try:
        part = Part(target, folder=True)
    except OSError as exc:
        raise VideoWriteError(
            f"{target}: cannot be written there ({exc.strerror}); choose another directory."
        ) from exc
    try:
        yield part.path
    finally:
        part.close()


def _place(part: Path, target: Path) -> None:
    """Give a folder that is complete its name, or move its files to those that are there."""
    try:
        if not target.exists():
            part.rename(target)
            return
        for file in sorted(part.iterdir()):
            file.replace(target / file.name)
    except OSError as exc:
        raise VideoWriteError(f"{target}: cannot be put in place ({exc.strerror}).") from exc
