"""``facemask-tracks/1``: the faces of a video as JSON lines.

The first line describes the file that the tracks belong to:
``{"format": "facemask-tracks/1", "source": {...}}``, with ``"direction"`` (``mask`` or ``unmask``)
where a conversion wrote it. Then comes a line a frame:
``{"frame": i, "pts": p, "faces": [...]}``; a face is
``{"track": id, "box": [x0, y0, x1, y1], "region": [x0, y0, x1, y1] or null,
"landmarks": [[x, y] x 5], "score": s, "observed": bool}``.

Convention: px of the displayed frame, origin at the outer corner of the top-left pixel, half-open.
``region`` is the rectangle outside which this face changed nothing; null where it changed nothing
at all. A line may have ``"label": [x0, y0, x1, y1]``, where a label was written. Three keys may be
missing: ``"domain"`` (``masked`` or ``bare``, the mask classifier's vote over the track),
``"domain_score"`` in [0, 1], and ``"translated"``, whether it was decided, by that classifier or by
hand, that the face is worked on. What was decided for one direction says nothing of the other. Keys
that a reader does not know are ignored.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facemask_video.core.errors import TracksError, VideoWriteError
from facemask_video.core.faces import TrackedFace, TrackId
from facemask_video.core.files import sha256_file
from facemask_video.core.frame import Frame
from facemask_video.core.geometry import Box
from facemask_video.core.json_lines import LinesWriter, Moment

FORMAT = "facemask-tracks/1"

_DIGITS = 3
# A thousandth of a px is far below what a detector or an eye resolves, and halves the file.


@dataclass(frozen=True, slots=True, eq=False)
class SidecarFace:
    """One face of one line, the rectangle it changed, and what the mask classifier said."""

    face: TrackedFace
    region: Box | None = None
    domain: str | None = None
    domain_score: float | None = None
    translated: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SidecarFrame:
    """One line: position, time in ticks of the video's time base, faces, and a label's place."""

    frame: int
    pts: int
    faces: tuple[SidecarFace, ...]
    label: Box | None = None

    @property
    def regions(self) -> tuple[Box, ...]:
        """The rectangles outside which nothing was changed in the frame."""
        changed = tuple(face.region for face in self.faces if face.region is not None)
        return changed if self.label is None else (*changed, self.label)


class SidecarWriter(LinesWriter):
    """Write a sidecar beside its target and rename it at the end.

    Use it as a context manager and call `finish`; leaving without, or by an exception, leaves no
    file behind.

    Args:
        path: File to write.
        source: What the header says of the video, as plain data.
        direction: That the faces were translated in, if any.
    """

    def __init__(
        self, path: Path, *, source: Mapping[str, Any], direction: str | None = None
    ) -> None:
        super().__init__(path)
        header: dict[str, Any] = {"format": FORMAT, "source": dict(source)}
        self._put(header if direction is None else {**header, "direction": direction})

    def refusal(self, moment: Moment, exc: OSError) -> VideoWriteError:
        """Return what is raised where the sidecar cannot be written."""
        what = "completed" if moment == "completed" else "written"
        remedy = "choose another place" if moment == "begun" else "check the space left"
        return VideoWriteError(
            f"{self.path}: the tracks file cannot be {what} ({exc.strerror}); {remedy}."
        )

    def write(
        self, frame: Frame, faces: Iterable[SidecarFace], *, label: Box | None = None
    ) -> None:
        """Write one frame's line, with the place of its label if it has one."""
        plain = [_plain(face) for face in faces]
        line = {"frame": frame.index, "pts": frame.pts, "faces": plain}
        self._put(line if label is None else {**line, "label": _edges(label)})

    def _put(self, line: Mapping[str, Any]) -> None:
        self.put(json.dumps(line, separators=(", ", ": ")))


def _plain(entry: SidecarFace) -> dict[str, Any]:
    face = entry.face
    plain: dict[str, Any] = {
        "track": face.track_id.number,
        "box": _edges(face.box),
        "region": None if entry.region is None else _edges(entry.region),
        "landmarks": [
            [round(float(x), _DIGITS), round(float(y), _DIGITS)] for x, y in face.landmarks
        ],
        "score": round(face.score, 4),
        "observed": face.observed,
    }
    if entry.domain is not None:
        plain["domain"] = entry.domain
    if entry.domain_score is not None:
        plain["domain_score"] = round(entry.domain_score, 4)
    if entry.translated is not None:
        plain["translated"] = entry.translated
    return plain


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(float(value), _DIGITS) for value in values]


def _edges(box: Box) -> list[float]:
    return _rounded((box.x0, box.y0, box.x1, box.y1))


class Sidecar:
    """A sidecar file opened for reading; iterate over it for its frames, as often as needed.

    Attributes:
        path: The file.
        source: What the header says of the video.
        direction: The one that its decisions are for; None where it names none.

    Raises:
        TracksError: It cannot be read, or is not of this format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        for _, header in _lines(path):
            if header.get("format") != FORMAT:
                raise TracksError(
                    f"{path}: line 1: got format {header.get('format')!r}, expected {FORMAT!r}; "
                    "write the file with --tracks-out."
                )
            self.source: dict[str, Any] = dict(header.get("source", {}))
            self.direction: str | None = header.get("direction")
            return
        raise TracksError(f"{path}: the file is empty; write one with --tracks-out.")

    def __iter__(self) -> Iterator[SidecarFrame]:
        """Yield the frames in the file's order.

        Raises:
            TracksError: A line is damaged; the message names it.
        """
        for number, line in _lines(self.path):
            if number > 1:
                yield _frame(self.path, number, line)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, start=1):
                if not text.strip():
                    continue
                line = json.loads(text)
                if not isinstance(line, dict):
                    raise TracksError(f"{path}: line {number}: expected a JSON object.")
                yield number, line
    except OSError as exc:
        raise TracksError(f"{path}: cannot be read ({exc.strerror}); check --tracks.") from exc
    except ValueError as exc:
        raise TracksError(
            f"{path}: is not JSON lines ({exc}); write it with --tracks-out."
        ) from exc


def _frame(path: Path, number: int, line: Mapping[str, Any]) -> SidecarFrame:
    try:
        faces = tuple(_face(entry) for entry in line["faces"])
        return SidecarFrame(
            int(line["frame"]), int(line["pts"]), faces, _box_or_none(line.get("label"))
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise TracksError(
            f"{path}: line {number}: {type(exc).__name__}: {exc}; the format is described in "
            "facemask_video.track.sidecar."
        ) from exc


def _face(entry: Mapping[str, Any]) -> SidecarFace:
    region, score, translated = (entry.get(key) for key in ("region", "domain_score", "translated"))
    domain = entry.get("domain")
    face = TrackedFace(
        track_id=TrackId.from_number(int(entry["track"])),
        box=Box(*(float(edge) for edge in entry["box"])),
        landmarks=np.asarray(entry["landmarks"], dtype=np.float32),
        score=float(entry["score"]),
        observed=bool(entry["observed"]),
    )
    return SidecarFace(
        face,
        _box_or_none(region),
        domain=None if domain is None else str(domain),
        domain_score=None if score is None else float(score),
        translated=None if translated is None else bool(translated),
    )


def _box_or_none(edges: Iterable[Any] | None) -> Box | None:
    return None if edges is None else Box(*(float(edge) for edge in edges))


def describe_source(path: Path) -> dict[str, Any]:
    """Return what a sidecar's header says of its video or folder of frames: name, size and hash."""
    files = _files_of(path)
    return {
        "name": path.name,
        "bytes": sum(file.stat().st_size for file in files),
        "sha256": _sha256(files),
    }


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if not file.name.startswith("."))


def _sha256(files: list[Path]) -> str:
    """Return a file's hash, or that of the hashes of several."""
    if len(files) == 1:
        return sha256_file(files[0])
    return hashlib.sha256("".join(sha256_file(file) for file in files).encode()).hexdigest()


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
    found = _sha256(_files_of(path))
    if found != expected:
        raise TracksError(
            f"{sidecar.path}: the tracks belong to {sidecar.source.get('name', 'another file')} "
            f"(sha256 {str(expected)[:12]}…), not to {path} (sha256 {found[:12]}…); "
            "track this file with --tracks-out."
        )
