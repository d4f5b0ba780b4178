"""Which files a conversion may write, and what they are called."""

from pathlib import Path

from facemask_video.config import ConvertConfig
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.core.pictures import WRITTEN_SUFFIXES
from facemask_video.core.standard_streams import is_standard, shown_source, shown_target
from facemask_video.pipeline.signing import credentials_beside
from facemask_video.video.target import MUXERS, check_outputs, muxer_of

# Containers that cannot hold H.264, which the default encoder writes.
_NOT_FOR_H264 = {".gif", ".webm"}

SUFFIX_OF = {Direction.MASK: "_masked", Direction.UNMASK: "_unmasked"}
"""What a result's name has more than its source's."""


def default_target(source: Path, config: ConvertConfig) -> Path:
    """Return where the result goes when nobody says: beside the source, in its container.

    Raises:
        ConfigError: The source is standard input.

    Where that cannot be written, or cannot hold H.264, Matroska holds whatever a file carries.

    >>> default_target(Path("a/b.mov"), ConvertConfig(Direction.MASK)).as_posix()
    'a/b_masked.mov'
    """
    if is_standard(source):
        raise ConfigError("standard input: name the file to write, or - for standard output.")
    extension = source.suffix
    is_h264 = config.video.encoder == "libx264"
    if extension.lower() not in MUXERS or (is_h264 and extension.lower() in _NOT_FOR_H264):
        extension = ".mkv"
    return source.with_name(f"{source.stem}{SUFFIX_OF[config.direction]}{extension}")


def default_picture_target(source: Path, config: ConvertConfig) -> Path:
    """Return where a picture goes when nobody says: beside the source, in its format.

    >>> default_picture_target(Path("a/b.JPG"), ConvertConfig(Direction.MASK)).as_posix()
    'a/b_masked.JPG'
    """
    extension = source.suffix if source.suffix.lower() in WRITTEN_SUFFIXES else ".png"
    return source.with_name(f"{source.stem}{SUFFIX_OF[config.direction]}{extension}")


def check_standard_streams(source: Path, target: Path, config: ConvertConfig) -> None:
    """Refuse what cannot be done with standard input, or with standard output.

    Raises:
        ConfigError: Such a thing was asked for.
    """
    output = config.output
    if output.format is not None and not is_standard(target):
        raise ConfigError(
            f"output.format: got {output.format}, which is for standard output, beside {target}; "
            "a file's suffix names its container."
        )
    seeking = {
        "--resume": output.resume,
        "--smart-copy": config.video.smart_copy,
        "--sign": config.output.sign is not None,
        "--all-video": config.video.all_video,
    }
    whole = {
        "--tracks": config.replay.tracks is not None,
        "--tracks-out": output.tracks_out is not None,
    }
    if is_standard(source):
        asked = [name for name, given in {**seeking, **whole}.items() if given]
    elif is_standard(target):
        asked = [name for name, given in seeking.items() if given]
    else:
        return
    if asked:
        raise ConfigError(
            f"{asked[0]} needs a file, as it reads it again, from any place; got "
            f"{shown_source(source)} and {shown_target(target)}."
        )


def check_files(source: Path, target: Path, config: ConvertConfig) -> None:
    """Refuse, before anything is written, files that must not or cannot be.

    Args:
        source: An existing file.
        target: The video to write.
        config: Names the further files to write.

    Raises:
        VideoWriteError: A file to write is read as well, exists, or has no directory.
    """
    beside = credentials_beside(target, config)
    named = [target, config.output.report, config.output.tracks_out, beside]
    check_outputs(
        [path for path in named if path is not None],
        inputs=[path for path in (source, config.replay.tracks) if path is not None],
        overwrite=config.output.overwrite,
    )


def check_targets(source: Path, target: Path, config: ConvertConfig) -> None:
    """Refuse what `check_files` refuses, and a video whose suffix names no container.

    Raises:
        VideoWriteError: There is such a file.
    """
    check_standard_streams(source, target, config)
    check_files(source, target, config)
    muxer_of(target, config.output.format)
