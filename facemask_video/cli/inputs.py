"""Which of the files named on the command line are read, and which is written."""

from collections.abc import Sequence
from pathlib import Path

import click

from facemask_video.core.wording import shown


def is_batch(words: Sequence[str]) -> bool:
    """Return whether words that begin with no command name a folder for the results.

    ``-o OUT.mp4`` names the one result, ``-o DIR`` a folder of them.
    """
    from facemask_video.core.kinds import kind_of  # loads what decodes pictures

    folder = _output_of(words)
    return folder is not None and (folder.is_dir() or kind_of(folder) is None)


def _output_of(words: Sequence[str]) -> Path | None:
    words = words[: words.index("--")] if "--" in words else words
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in ("-o", "--output"):
            return Path(following)
        if word.startswith("--output="):
            return Path(word.partition("=")[2])
        if word.startswith("-o") and len(word) > 2:
            return Path(word[2:])
    return None


def source_and_target(
    paths: Sequence[Path], output: Path | None, *, of_frames: bool
) -> tuple[Path, Path | None]:
    """Return the input and the output of one conversion.

    Args:
        paths: Named without an option: the input, and the output perhaps.
        output: Named as ``-o``.
        of_frames: Whether the input is a folder of pictures that are a clip.

    Raises:
        click.UsageError: There are more inputs than one.
    """
    several = "for the results of several files name a folder, as -o DIR."
    if output is not None and len(paths) > 1:
        raise click.UsageError(
            f"got {len(paths)} inputs and one output, {shown(output)}; {several}"
        )
    if len(paths) > 2:
        raise click.UsageError(f"got {len(paths)} files; {several}")
    source = paths[0]
    if source.is_dir() and not of_frames:
        raise click.UsageError(
            f"{shown(source)}: is a folder; facemask-video batch converts what lies in it (or name "
            "a folder for the results, as -o DIR); pictures that are a clip, --frames RATE."
        )
    return source, output or (paths[1] if len(paths) > 1 else None)


def refuse_second_input(source: Path, target: Path) -> None:
    """Refuse a file to write that may well be meant as an input, whatever ``-y`` says.

    A shell makes IN and OUT of a pattern that two files match. What this program made may be
    replaced, and what is no video; so may a video in another folder and of another suffix.

    Raises:
        click.UsageError: Its message names ways out.
    """
    is_of_one_pattern = (
        source.suffix.lower() == target.suffix.lower() or source.parent == target.parent
    )
    if not is_of_one_pattern or not target.is_file() or target.stat().st_size == 0:
        return
    if source.exists() and source.samefile(target):
        return
    from facemask_video.api import inspect_video
    from facemask_video.core.errors import VideoReadError

    try:
        is_ours = inspect_video(target).provenance is not None
    except VideoReadError:
        return
    if not is_ours:
        raise click.UsageError(
            f"{shown(target)}: is a video that this program did not make, so it may be an input "
            "too; for several inputs name a folder, as -o DIR, and to replace it pass --force."
        )
