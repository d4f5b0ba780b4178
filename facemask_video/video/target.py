"""The file that is written: its container, its checks, and its hidden part beside it."""

from fractions import Fraction
from pathlib import Path

from facemask_video.core.errors import VideoWriteError
from facemask_video.core.files import part_path
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

# Containers that number frames instead of timing them.
FIXED_RATE = {"avi"}


def container_options(format_name: str, time_base: Fraction, *, cover_art: bool) -> dict[str, str]:
    """Return the muxer's options that keep times and tags as they are.

    Args:
        format_name: The muxer.
        time_base: The video's seconds a tick.
        cover_art: Whether a cover picture is carried.
    """
    if format_name in ("matroska", "webm", "mpegts"):
        # Left to itself the muxer moves every stream so that audio priming and decoding times,
        # which lie before 0, begin at 0; these containers hold times before 0 well enough.
        return {"avoid_negative_ts": "disabled"}
    if format_name not in ("mp4", "mov"):
        return {}
    clock = str(time_base.denominator)
    # Edit lists, which hold a late start, are kept in the movie's unit.
    options = {"video_track_timescale": clock, "movie_timescale": clock}
    if not (cover_art and format_name == "mp4"):
        # Tags of any name, in the one box for tags; a cover picture needs the other kind of box.
        options["movflags"] = "use_metadata_tags"
    return options


def muxer_of(path: Path) -> str:
    """Return FFmpeg's name of the container that a suffix stands for.

    Raises:
        VideoWriteError: It stands for none that is written here.
    """
    try:
        return MUXERS[path.suffix.lower()]
    except KeyError:
        raise VideoWriteError(
            f"{path}: the suffix names no container that is written here; "
            f"use one of {', '.join(MUXERS)}."
        ) from None


def check_target(path: Path, source: Path, *, overwrite: bool) -> None:
    """Refuse a target that is the source, is there already, or has no directory.

    Raises:
        VideoWriteError: It is one of these.
    """
    if path.exists():
        if path.is_dir():
            raise VideoWriteError(f"{path}: is a directory; name a file in it.")
        if path.samefile(source):
            raise VideoWriteError(f"{path}: output and input are the same file; name another.")
        if not overwrite:
            raise VideoWriteError(f"{path}: exists; pass --overwrite to replace it.")
    elif path.resolve() == source.resolve():
        raise VideoWriteError(f"{path}: output and input are the same file; name another.")
    if not path.parent.is_dir():
        raise VideoWriteError(f"{path}: its directory does not exist; make it first.")


def make_part(path: Path) -> Path:
    """Create the hidden file that grows beside the target.

    Raises:
        VideoWriteError: Nothing can be written there.
    """
    part = part_path(path).absolute()
    try:
        part.unlink(missing_ok=True)
        part.touch(exist_ok=False)
    except OSError as exc:
        raise VideoWriteError(
            f"{path}: cannot be written there ({describe_error(exc)}); choose another directory."
        ) from exc
    return part
