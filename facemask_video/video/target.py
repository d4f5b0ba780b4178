"""The file that is written: its container, its checks, and its hidden part beside it."""

import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from facemask_video.core.errors import VideoWriteError
from facemask_video.core.files import Part
from facemask_video.core.standard_streams import is_standard
from facemask_video.video.probe import describe_error

MUXERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    ".gif": "gif",
    ".ts": "mpegts",
}
"""FFmpeg's name of the container that each suffix stands for."""

Seal = Callable[[Path], None]
"""Does the last thing to a complete file before it gets its name, under its hidden one."""

# Containers that a player shows from 0 on, whatever begins later.
_BEGINS_AT_ZERO = {"mp4", "mov", "avi", "gif"}
# Where such a file shows nothing for so long, a late start is no intention.
_LATE_S = 10
_MUXERS_OWN_PROVIDER = "FFmpeg"

# Containers that number frames instead of timing them.
FIXED_RATE = {"avi", "yuv4mpegpipe"}
UNTIMED = {"yuv4mpegpipe"}
"""Containers that hold neither times nor numbers: a frame lasts as long as any other."""

STREAM_MUXERS = {"matroska": "matroska", "mpegts": "mpegts", "y4m": "yuv4mpegpipe"}
"""FFmpeg's name of each container that is written to standard output."""


def begin_of_clock_s(
    format_name: str, source_zero_s: Fraction, *, clock_may_jump: bool
) -> Fraction:
    """Return the time of a source's clock at which that of an output begins: 0, or where it must.

    Args:
        format_name: The output's muxer.
        source_zero_s: Where the source begins.
        clock_may_jump: Whether the source's container begins at any time, which means nothing.
    """
    late = clock_may_jump or source_zero_s >= _LATE_S
    if source_zero_s < 0 or (late and format_name in _BEGINS_AT_ZERO):
        return source_zero_s
    return Fraction(0)


def begins_at_zero(shift_s: Fraction) -> str:
    """Say that an output's times begin at 0, and where the source's do."""
    return f"times begin at 0, where the source's clock begins at {float(shift_s):.3f} s"


def container_options(
    format_name: str, time_base: Fraction, *, cover_art: bool, loops: int | None = 0
) -> dict[str, str]:
    """Return the muxer's options that keep times and tags as they are.

    Args:
        format_name: The muxer.
        time_base: The video's seconds a tick.
        cover_art: Whether a cover picture is carried.
        loops: How often a GIF plays after the first time; 0 for ever, None for never.
    """
    if format_name == "gif":
        return {"loop": "-1" if loops is None else str(loops)}
    if format_name == "yuv4mpegpipe":
        # More than 8 bits are an extension that all who read the format know.
        return {"strict": "-1"}
    if format_name in ("matroska", "webm", "mpegts", "avi"):
        # Left to itself the muxer moves every stream so that audio priming and decoding times,
        # which lie before 0, begin at 0; these containers hold times before 0 well enough, and one
        # that numbers its packets would begin with a picture too many.
        return {"avoid_negative_ts": "disabled"}
    if format_name not in ("mp4", "mov"):
        return {}
    clock = str(time_base.denominator)
    # Edit lists, which hold a late start, are kept in the movie's unit.
    options = {"video_track_timescale": clock, "movie_timescale": clock}
    # The index goes to the front, so that a download plays before it is whole.
    options["movflags"] = "+faststart"
    if not (cover_art and format_name == "mp4"):
        # Tags of any name, in the one box for tags; a cover picture needs the other kind of box.
        options["movflags"] += "+use_metadata_tags"
    return options


def header_tags(format_name: str, tags: dict[str, str]) -> dict[str, str]:
    """Return container tags as a format can hold them.

    A transport stream holds the name of a service and of its provider, in which the comment goes.

    >>> header_tags("mpegts", {"comment": "mine", "service_provider": "FFmpeg"})["service_provider"]
    'mine'
    """
    comment = next((value for key, value in tags.items() if key.lower() == "comment"), None)
    if format_name != "mpegts" or comment is None:
        return tags
    provider = tags.get("service_provider", _MUXERS_OWN_PROVIDER)
    if provider != _MUXERS_OWN_PROVIDER and comment not in provider:
        comment = f"{provider} | {comment}"
    # Its length is a byte. What is ours is at the end.
    return {**tags, "service_provider": comment.encode()[-255:].decode(errors="ignore")}


def muxer_of(path: Path, stream_format: str | None = None) -> str:
    """Return FFmpeg's name of the container that a suffix stands for.

    Args:
        path: The file; ``-`` is standard output.
        stream_format: One of `STREAM_MUXERS`, for standard output; Matroska where None.

    Raises:
        VideoWriteError: It stands for none that is written here.
    """
    if is_standard(path):
        return STREAM_MUXERS[stream_format or "matroska"]
    try:
        return MUXERS[path.suffix.lower()]
    except KeyError:
        raise VideoWriteError(
            f"{path}: the suffix names no container that is written here; "
            f"use one of {', '.join(MUXERS)}."
        ) from None


def check_outputs(paths: Sequence[Path], *, inputs: Sequence[Path], overwrite: bool) -> None:
    """Refuse files to write that are read as well, exist, are no files, or have no directory.

    Args:
        paths: Files to write.
        inputs: Files that are read meanwhile.
        overwrite: Files that exist may be replaced.

    Raises:
        VideoWriteError: One of them is such a file, or two are the same.
    """
    paths = [path for path in paths if not is_standard(path)]
    if len({path.resolve() for path in paths}) < len(paths):
        raise VideoWriteError(f"{paths[0]}: two outputs have the same path; give each its own.")
    for path in paths:
        if path.exists() and any(path.samefile(other) for other in inputs if other.exists()):
            raise VideoWriteError(f"{path}: is the input; give the output another name.")
        if path.is_dir():
            raise VideoWriteError(f"{path}: is a directory; name a file to write.")
        if path.exists() and not path.is_file():
            # Renaming the finished file would put it in the place of a pipe, or of /dev/null.
            raise VideoWriteError(f"{path}: is no regular file; name a file to write.")
        if path.exists() and not overwrite:
            raise VideoWriteError(f"{path}: exists; pass --overwrite (-y) to replace it.")
        if not path.parent.is_dir():
            raise VideoWriteError(f"{path}: its directory is not there; make {path.parent} first.")


def make_part(path: Path) -> Part:
    """Create the hidden file that grows beside the target, in place of what killed runs left.

    Raises:
        VideoWriteError: Nothing can be written there.
    """
    try:
        return Part(path.absolute())
    except OSError as exc:
        raise VideoWriteError(
            f"{path}: cannot be written there ({describe_error(exc)}); choose another directory."
        ) from exc


def put_in_place(part: Path, path: Path, *, overwrite: bool) -> None:
    """Rename a complete part to its target.

    Raises:
        VideoWriteError: The target appeared meanwhile, or cannot be written.
    """
    if not overwrite and path.exists():
        raise VideoWriteError(f"{path}: appeared meanwhile; pass --overwrite to replace it.")
    try:
        os.replace(part, path)  # noqa: PTH105 - its name says that it replaces
    except OSError as exc:
        raise VideoWriteError(f"{path}: cannot be put in place ({describe_error(exc)}).") from exc
