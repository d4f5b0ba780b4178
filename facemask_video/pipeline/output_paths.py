"""Which files a conversion may write, and what they are called."""

from pathlib import Path

from facemask_video.config import ConvertConfig
from facemask_video.core.direction import Direction
from facemask_video.video.target import MUXERS, check_outputs, muxer_of

# Containers that cannot hold H.264, which the default encoder writes.
_NOT_FOR_H264 = {".gif", ".webm"}

_SUFFIX = {Direction.MASK: "_masked", Direction.UNMASK: "_unmasked"}


def default_target(source: Path, config: ConvertConfig) -> Path:
    """Return where the result goes when nobody says: beside the source, in its container.

    Where that cannot be written, or cannot hold H.264, Matroska holds whatever a file carries.

    >>> default_target(Path("a/b.mov"), ConvertConfig(Direction.MASK)).as_posix()
    'a/b_masked.mov'
    """
    extension = source.suffix
    is_h264 = config.video.encoder == "libx264"
    if extension.lower() not in MUXERS or (is_h264 and extension.lower() in _NOT_FOR_H264):
        extension = ".mkv"
    return source.with_name(f"{source.stem}{_SUFFIX[config.direction]}{extension}")


def check_targets(source: Path, target: Path, config: ConvertConfig) -> None:
    """Refuse, before anything is written, files that must not or cannot be.

    Args:
        source: An existing file.
        target: The video to write.
        config: Names the further files to write.

    Raises:
        VideoWriteError: A file to write is read as well, exists, or has no directory, or the
            target's suffix names no container.
    """
    named = [target, config.output.report, config.output.tracks_out]
    check_outputs(
        [path for path in named if path is not None],
        inputs=[path for path in (source, config.replay.tracks) if path is not None],
        overwrite=config.output.overwrite,
    )
    muxer_of(target)
