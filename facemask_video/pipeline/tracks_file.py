"""The tracks sidecar in a pipeline: opened, checked against its video, and its verdicts obeyed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from facemask_video.classify.stage import SOURCE_DOMAIN, is_worked_on
from facemask_video.config import ConvertConfig
from facemask_video.core.direction import Direction
from facemask_video.core.errors import TracksError
from facemask_video.core.faces import BlendedFrame, TrackedFace, Verdict
from facemask_video.core.frame import VideoInfo
from facemask_video.core.geometry import Box
from facemask_video.track import (
    Sidecar,
    SidecarFace,
    SidecarFrame,
    SidecarWriter,
    check_source,
    describe_source,
)
from facemask_video.video import VideoReader


@dataclass(frozen=True, slots=True)
class Ranged:
    """What tracks are of: a file and the range of it that is read."""

    path: Path
    info: VideoInfo
    start_s: float | None
    end_s: float | None


class TracksWithVerdicts(Sidecar):
    """A sidecar whose faces carry what it says about translating them.

    ``translated`` decides, unless the file says that it was decided for the other direction; where
    it is missing, ``domain`` does, unless its ``domain_score`` calls it a toss-up, which is worked
    on. A face with neither has no verdict, and the mask classifier gives it one.

    Attributes:
        start_s, end_s: Range of the video that the tracks cover.
    """

    def __init__(self, path: Path, *, direction: Direction, wanted: str | None) -> None:
        """Read the header.

        Args:
            path: The file.
            direction: Of the translation.
            wanted: Domain that is worked on; None works on both.

        Raises:
            TracksError: It cannot be read, or is not of this format.
        """
        super().__init__(path)
        self._wanted = wanted
        self._obeyed = self.direction in (None, direction)
        self.start_s = self._seconds("start_s") or 0.0
        self.end_s = self._seconds("end_s")

    def __iter__(self) -> Iterator[SidecarFrame]:
        """Yield the frames in the file's order; see `Sidecar`."""
        for line in super().__iter__():
            yield replace(line, faces=tuple(self._with_verdict(entry) for entry in line.faces))

    def contains(self, start_s: float | None, end_s: float | None) -> bool:
        """Return whether there is a line for each frame of a range."""
        begins = self.start_s <= (start_s or 0.0)
        return begins and (self.end_s is None or (end_s is not None and end_s <= self.end_s))

    def is_range(self, start_s: float | None, end_s: float | None) -> bool:
        """Return whether the lines are those of a range and no more."""
        return (self.start_s, self.end_s) == (start_s or 0.0, end_s)

    def _with_verdict(self, entry: SidecarFace) -> SidecarFace:
        translate = entry.translated if self._obeyed else None
        if translate is None and entry.domain is not None:
            translate = is_worked_on(entry.domain, entry.domain_score, wanted=self._wanted)
        if translate is None:
            return entry
        verdict = Verdict(entry.domain, entry.domain_score, translate)
        return replace(entry, face=replace(entry.face, verdict=verdict))

    def _seconds(self, key: str) -> float | None:
        value = self.source.get(key)
        if value is None:
            return None
        try:
            return float(value)
        except (TypeError, ValueError):
            raise TracksError(
                f"{self.path}: line 1: {key}: got {value!r}, expected seconds."
            ) from None


def open_tracks(reader: VideoReader | Ranged, config: ConvertConfig) -> TracksWithVerdicts | None:
    """Open the tracks to render from, if any, and read them through once to find faults early.

    Raises:
        TracksError: They are damaged, or of another file or range.
    """
    if config.replay.tracks is None:
        return None
    wanted = None if config.translate.classifier == "off" else SOURCE_DOMAIN[config.direction]
    tracks = TracksWithVerdicts(config.replay.tracks, direction=config.direction, wanted=wanted)
    check_source(tracks, reader.path)
    if not tracks.contains(reader.start_s, reader.end_s):
        end = "" if tracks.end_s is None else f" --end {tracks.end_s:g}"
        raise TracksError(
            f"{tracks.path}: the tracks are of a part of the video only; "
            f"pass --start {tracks.start_s:g}{end} or a range within."
        )
    expected: int | None = None
    for line in tracks:
        if expected is not None and line.frame != expected:
            raise TracksError(
                f"{tracks.path}: frame {line.frame} stands where frame {expected} belongs; "
                "edit the faces of a line, and keep every line."
            )
        expected = line.frame + 1
    return tracks


def create_tracks(
    path: Path, reader: VideoReader | Ranged, *, direction: Direction | None = None
) -> SidecarWriter:
    """Open a tracks file for writing; its header names the video, the range and the direction."""
    info = reader.info
    header = {
        **describe_source(info.path),
        "width_px": info.width_px,
        "height_px": info.height_px,
        "time_base": str(info.time_base),
        "start_s": reader.start_s,
        "end_s": reader.end_s,
    }
    return SidecarWriter(path, source=header, direction=direction)


def blended_faces(result: BlendedFrame) -> tuple[SidecarFace, ...]:
    """Return a line's faces after a conversion."""
    changed = (described(pasted.face, pasted.patch.box) for pasted in result.pasted)
    return (*changed, *(described(face) for face in result.unchanged))


def described(face: TrackedFace, region: Box | None = None) -> SidecarFace:
    """Return a face for a line; without a verdict nothing is said of what was decided."""
    if face.verdict is None:
        return SidecarFace(face, region)
    return SidecarFace(
        face,
        region,
        domain=face.verdict.domain,
        domain_score=face.verdict.score,
        translated=face.verdict.translate,
    )
