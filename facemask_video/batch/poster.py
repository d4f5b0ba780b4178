"""Small pictures for the report: the same moment of a source and of its result."""

from pathlib import Path

from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.errors import FacemaskVideoError
from facemask_video.core.kinds import kind_of
from facemask_video.core.pictures import encode_picture, try_read_picture
from facemask_video.video import VideoReader

_MOST_PX = 240
_QUALITY = 75


def video_posters(source: Path, target: Path, moment_s: float) -> tuple[bytes | None, bytes | None]:
    """Return JPEGs of the frames of two videos at a moment; None where there is no such frame.

    Args:
        source: The video that was converted.
        target: The result.
        moment_s: In seconds of their common time.
    """
    return _poster(source, moment_s), _poster(target, moment_s)


def picture_posters(source: Path, target: Path) -> tuple[bytes | None, bytes | None]:
    """Return small JPEGs of two pictures; None where one cannot be shown."""
    return _small(source), _small(target)


def frame_posters(source: Path, target: Path) -> tuple[bytes | None, bytes | None]:
    """Return small JPEGs of the middle picture of a folder of frames and of its result."""
    pictures = sorted(path for path in source.iterdir() if kind_of(path) == "picture")
    middle = pictures[len(pictures) // 2]
    return _small(middle), _small(target / middle.name)


def _small(path: Path) -> bytes | None:
    image = try_read_picture(path)
    if image is None:
        return None
    return encode_picture(ArrayFrame(image).thumbnail(_MOST_PX)[0], ".jpg", quality=_QUALITY)


def _poster(path: Path, moment_s: float) -> bytes | None:
    try:
        with VideoReader(path, start_s=moment_s if moment_s > 0 else None) as reader:
            frame = next(iter(reader), None)
            image = None if frame is None else frame.thumbnail(_MOST_PX)[0]
    except FacemaskVideoError:
        # A poster is a courtesy: the conversion itself is done.
        return None
    return None if image is None else encode_picture(image, ".jpg", quality=_QUALITY)
