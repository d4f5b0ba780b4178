"""What a file is taken for by its name."""

from pathlib import Path
from typing import Literal

from facemask_video.core.pictures import PICTURE_SUFFIXES

Kind = Literal["video", "picture", "frames"]
"""What is converted as one: ``frames`` are a folder of numbered pictures."""

VIDEO_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("264", "265", "3g2", "3gp", "asf", "avi", "dav", "dv", "f4v", "flv", "gif", "h264"),
        *("h265", "hevc", "m2ts", "m2v", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf"),
        *("ogv", "ts", "vob", "webm", "wmv"),
    )
)
"""What a folder's files are taken for videos by; a file that is named itself may be called
anything."""


def kind_of(path: Path) -> Kind | None:
    """Return what a file is by its name's suffix; None where that is neither.

    >>> kind_of(Path("cam01.MP4")), kind_of(Path("face.jpg")), kind_of(Path("notes.txt"))
    ('video', 'picture', None)
    """
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return "video"
    return "picture" if suffix in PICTURE_SUFFIXES else None


def is_frame_folder(folder: Path) -> bool:
    """Return whether a folder's pictures could be the frames of a clip: several, all numbered.

    Raises:
        OSError: It cannot be read.
    """
    kinds = [(path, kind_of(path)) for path in folder.iterdir() if not path.name.startswith(".")]
    pictures = [path for path, kind in kinds if kind == "picture"]
    has_videos = any(kind == "video" for _, kind in kinds)
    numbered = all(any(map(str.isdigit, path.stem)) for path in pictures)
    return len(pictures) > 1 and numbered and not has_videos
