"""Take the tracks of a video from a sidecar instead of looking for faces."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from facemask_video.errors import TracksError
from facemask_video.faces import TrackedFrame
from facemask_video.frames import Frame
from facemask_video.track.sidecar import Sidecar, SidecarFrame, digest


def describe_source(path: Path) -> dict[str, Any]:
    """Return what a sidecar's header says of its video: name, size and hash."""
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": digest(path)}


def check_source(sidecar: Sidecar, path: Path) -> None:
    """Refuse a sidecar that was made from another file.

    Raises:
        TracksError: The hash in the header is not the file's, or there is none.
    """
    expected = sidecar.source.get("sha256")
    if expected is None:
        raise TracksError(
            f"{sidecar.path}: line 1 names no sha256 of the video; make it with --tracks-out."
        )
    found = digest(path)
    if found != expected:
        raise TracksError(
            f"{sidecar.path}: the tracks belong to {sidecar.source.get('name', 'another file')} "
            f"(sha256 {str(expected)[:12]}…), not to {path} (sha256 {found[:12]}…); "
            "track this file with --tracks-out."
        )


class ReplayTracks:
    """Give each frame the faces that a sidecar has for it; holds one line of the file.

    Args:
        sidecar: The tracks, perhaps edited: faces may be changed, added and taken out; the lines'
            ``pts`` may not.
        whole: Every line must have its frame. False where a part of the video is read; lines
            before and after it are then passed over.
    """

    def __init__(self, sidecar: Sidecar, *, whole: bool = True) -> None:
        """See the class."""
        self._sidecar = sidecar
        self._whole = whole

    def __call__(self, items: Iterable[Frame], /) -> Iterator[TrackedFrame]:
        """Yield each frame with its faces.

        Raises:
            TracksError: The lines and the frames are not the same ones.
        """
        lines = iter(self._sidecar)
        for frame in items:
            line = next(lines, None)
            while line is not None and not self._whole and line.pts < frame.pts:
                line = next(lines, None)
            if line is None or line.pts != frame.pts:
                raise self._mismatch(frame, line)
            yield TrackedFrame(frame, tuple(entry.face for entry in line.faces))
        left_over = next(lines, None) if self._whole else None
        if left_over is not None:
            raise TracksError(
                f"{self._sidecar.path}: the video ends before frame {left_over.frame} of the "
                "tracks; they belong to another file or range."
            )

    def _mismatch(self, frame: Frame, line: SidecarFrame | None) -> TracksError:
        there = "ends" if line is None else f"has pts {line.pts}"
        return TracksError(
            f"{self._sidecar.path}: at frame {frame.index} the video has pts {frame.pts} and the "
            f"tracks file {there}; the tracks belong to another file or range."
        )
