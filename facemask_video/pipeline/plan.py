"""Say what a conversion would do, without loading a network or writing a file."""

from dataclasses import dataclass
from pathlib import Path

from facemask_video.config import ConvertConfig, RangeConfig, to_json
from facemask_video.core.errors import ConfigError, VideoWriteError
from facemask_video.core.frame import VideoInfo
from facemask_video.core.pictures import KIND_OF_SUFFIX, is_picture, kind_to_write
from facemask_video.core.standard_streams import is_standard, shown_source, shown_target
from facemask_video.pipeline.labelling import label_stage
from facemask_video.pipeline.output_paths import (
    SUFFIX_OF,
    check_files,
    check_standard_streams,
    check_targets,
    default_picture_target,
    default_target,
)
from facemask_video.pipeline.signing import load_signer
from facemask_video.track import Sidecar
from facemask_video.video import probe
from facemask_video.video.target import MUXERS


@dataclass(frozen=True, slots=True)
class Plan:
    """A conversion that can be tried: its input opens and its outputs may be written."""

    info: VideoInfo
    target: Path
    config: ConvertConfig

    def text(self) -> str:
        """Describe the plan for a person, the resolved settings as JSON."""
        config, frames = self.config, expected_frames(self.info, self.config.video)
        is_picture = self.info.is_picture
        tracks, quality = config.replay.tracks, config.translate.quality or "standard"
        kind = KIND_OF_SUFFIX.get(self.target.suffix.lower())
        further = [p for p in (config.output.report, config.output.tracks_out) if p is not None]
        lines = [
            f"Would read       {shown_source(self.info.path)}: {picture_text(self.info)}",
            *([] if is_picture else [f"                 {_or_unknown(frames)} frames"]),
            *([f"                 faces from {tracks}"] if tracks is not None else []),
            f"Would translate  {config.direction}, with "
            f"{config.translate.weights or f'the shipped {quality} weights'}",
            f"Would write      {shown_target(self.target)}: {config.output.layout}, "
            f"{'as' if is_picture else 'by'} {kind if is_picture else config.video.encoder}",
            *(f"                 {path}" for path in further),
            "Settings:",
            to_json(config),
        ]
        return "\n".join(lines)


def _or_unknown(frames: int | None) -> str:
    return "an unknown number of" if frames is None else str(frames)


def make_plan(source: Path, target: Path | None, config: ConvertConfig) -> Plan:
    """Check what can be checked quickly.

    Args:
        source: Video or picture to read, or a folder of frames.
        target: What to write; beside the source where None.
        config: Everything else.

    Raises:
        VideoReadError: The source cannot be opened.
        VideoWriteError: An output must not be written.
        TracksError: The tracks to render from are no tracks file.
        ConfigError: A value is not accepted, or pictures have no room for the label.
    """
    if is_picture(source):
        _refuse_standard_output(target)
        # Knows formats that a video has no need of.
        from facemask_video.pipeline.picture_options import check_options
        from facemask_video.stills.probe import probe_picture

        info = probe_picture(source, max_pixels=config.video.max_pixels)
        check_options(config)
        target = target or default_picture_target(source, config)
        check_files(source, target, config)
        kind_to_write(target)
    elif source.is_dir() and config.source.frames is not None:
        from facemask_video.pipeline.frame_options import check_frames

        _refuse_standard_output(target)
        info = check_frames(source, target, config)
        target = target or source.with_name(f"{source.name}{SUFFIX_OF[config.direction]}")
        if target.suffix.lower() in MUXERS:
            check_targets(source, target, config)
        elif target.resolve() == source.resolve():
            raise VideoWriteError(f"{target}: is the input; give the output another name.")
    else:
        if config.source.frames is not None:
            raise ConfigError("source.frames: --frames is for a folder of numbered pictures.")
        target = target or default_target(source, config)
        # What standard input holds can be told only by reading it.
        check_standard_streams(source, target, config)
        info = probe(source, max_pixels=config.video.max_pixels)
        check_targets(source, target, config)
    label_stage(config, info)
    load_signer(config)
    if config.replay.tracks is not None:
        # Reads the header: another file is refused before anything is loaded.
        Sidecar(config.replay.tracks)
    return Plan(info, target, config)


def _refuse_standard_output(target: Path | None) -> None:
    if is_standard(target):
        raise ConfigError("standard output gets videos only; name a file for pictures.")


def picture_text(info: VideoInfo) -> str:
    """Describe the pictures of a file in a few words."""
    if info.is_picture:
        pages = info.frame_count_from_header or 1
        several = f", {pages} pages" if pages > 1 else ""
        return f"{info.width_px}x{info.height_px}, {info.codec}, {info.pixel_format}{several}"
    rate = (
        "variable or unknown rate" if info.frame_rate is None else f"{float(info.frame_rate):g} fps"
    )
    length = "" if info.duration_s is None else f", {float(info.duration_s):.2f} s"
    return f"{info.width_px}x{info.height_px}, {info.codec}, {info.pixel_format}, {rate}{length}"


def expected_frames(info: VideoInfo, video: RangeConfig) -> int | None:
    """Estimate how many frames will be read, from what the header says; None where it is silent."""
    start_s, end_s = video.start_s, video.end_s
    if start_s is None and end_s is None and info.frame_count_from_header:
        return info.frame_count_from_header
    if info.frame_rate is None or (info.duration_s is None and end_s is None):
        return None
    length_s = float("inf") if info.duration_s is None else float(info.duration_s)
    read_s = min(length_s, length_s if end_s is None else end_s) - (start_s or 0.0)
    return max(0, round(read_s * float(info.frame_rate)))
