"""How steady a converted video is: flicker and warping error against the source's own, jitter.

Frames are compared after alignment by the track, so that a face's way through the picture does not
count. Everything is measured where the conversion changed the crop, and over the same pixels in the
source.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.align.crop import cut_crop
from facemask_video.core.errors import ConfigError
from facemask_video.core.faces import TrackedFace, TrackId
from facemask_video.core.frame import ImageU8
from facemask_video.track.sidecar import Sidecar, SidecarFrame
from facemask_video.video import NativeFrame, VideoReader
from trainers.evaluate.figures import About, Figure, averaged

CROP_SIZE_PX = 128

# Levels of a byte. An encoder at its usual quality moves samples by 2 to 4 of them.
_CHANGED = 8
# Smallest share of the crop that counts as changed at all.
_LEAST_CHANGED = 0.01
# Px that a flow and its reverse may disagree by before a pixel counts as hidden in one frame
# (Sundaram et al., ECCV 2010, use about this for small motion).
_FLOW_DISAGREES_PX = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One face in one frame: cut from the source and from the output by the same landmarks."""

    index: int
    face: TrackedFace
    source: ImageU8
    output: ImageU8


@dataclass(slots=True)
class ClipFaces:
    """What a clip shows of its faces.

    Attributes:
        tracks: Moments of each track in order of time.
        n_frames: Frames of the source that were looked at.
        n_missing: Those that the output has no frame for.
    """

    tracks: dict[TrackId, list[Moment]] = field(default_factory=dict)
    n_frames: int = 0
    n_missing: int = 0


def read_clip(source: Path, output: Path, tracks: Path, *, max_frames: int = 0) -> ClipFaces:
    """Cut every face of a clip out of the source and the output.

    A frame of the output belongs to a frame of the source where the two stand at one time, as
    nearly as the clocks of both files can tell.

    Raises:
        VideoReadError: A file cannot be read.
        TracksError: The sidecar is damaged.
        ConfigError: The pictures differ in size, or the output has no frame at any time of the
            source.
    """
    found = ClipFaces()
    lines: dict[int, SidecarFrame] = {line.frame: line for line in Sidecar(tracks)}
    with VideoReader(source) as first, VideoReader(output) as second:
        tolerance = (first.info.time_base + second.info.time_base) / 2
        pending = _Pending(iter(second))
        for frame in first:
            if max_frames and found.n_frames >= max_frames:
                break
            found.n_frames += 1
            partner = pending.at(frame, tolerance)
            if partner is None:
                found.n_missing += 1
                continue
            sizes = (frame.width_px, frame.height_px), (partner.width_px, partner.height_px)
            if sizes[0] != sizes[1]:
                raise ConfigError(
                    f"{output}: pictures are {sizes[1][0]}x{sizes[1][1]} px, those of {source} "
                    f"{sizes[0][0]}x{sizes[0][1]}; expected the plain layout."
                )
            line = lines.get(frame.index)
            for entry in line.faces if line is not None else ():
                cuts = [cut_crop(each, entry.face, CROP_SIZE_PX).image for each in (frame, partner)]
                moment = Moment(frame.index, entry.face, cuts[0], cuts[1])
                found.tracks.setdefault(entry.face.track_id, []).append(moment)
    if found.n_frames == found.n_missing:
        raise ConfigError(
            f"{output}: no frame stands at any time of {source}; is it made from that file?"
        )
    return found


class _Pending:
    """The frames of the output, taken in step with the source's."""

    def __init__(self, frames: Iterator[NativeFrame]) -> None:
        self._frames = frames
        self._next = next(frames, None)

    def at(self, frame: NativeFrame, tolerance: Fraction) -> NativeFrame | None:
        """Return the frame at the time of ``frame``, or None where there is none."""
        wanted = frame.pts * frame.time_base
        while self._next is not None:
            stands = self._next.pts * self._next.time_base
            if stands > wanted + tolerance:
                return None
            partner, self._next = self._next, next(self._frames, None)
            if stands >= wanted - tolerance:
                return partner
        return None


def time_figures(clip: str, faces: ClipFaces, about: About) -> list[Figure]:
    """Return the figures of one clip; the samples of most are its tracks.

    ``flicker_ratio`` is the output's mean absolute difference of neighbouring frames over the
    source's; ``warping_error`` is the mean squared difference, in [0, 1] squared, after the flow of
    the source has carried one frame onto the other, where nothing is hidden in either.
    """
    missing = {clip: float(faces.n_missing)}
    figures = [averaged("frames_missing", missing, about, better="lower")]
    per_track: dict[str, dict[str, float]] = {}
    for track, moments in sorted(faces.tracks.items()):
        for name, value in _track_values(moments).items():
            per_track.setdefault(name, {})[f"{clip}/track {track}"] = value
    for name, samples in per_track.items():
        better = "" if name.endswith("_source") else "lower"
        figures.append(averaged(name, samples, about, better=better))
    return figures


def _track_values(moments: Sequence[Moment]) -> dict[str, float]:
    values: dict[str, float] = {}
    jitter = box_jitter_px([moment.face for moment in moments], [m.index for m in moments])
    if jitter is not None:
        values["box_jitter_px"] = jitter
    errors = [
        error
        for before, after, region in _neighbours(moments)
        if (error := _warping_errors(before, after, region)) is not None
    ]
    if flickers := flickers_of(moments):
        source, output = np.mean(flickers, axis=0)
        values["flicker_source"], values["flicker"] = float(source), float(output)
        values["flicker_ratio"] = float(output / max(source, 1e-6))
    if errors:
        source, output = np.mean(errors, axis=0)
        values["warping_error_source"], values["warping_error"] = float(source), float(output)
    return values


def flickers_of(moments: Sequence[Moment]) -> list[tuple[float, float]]:
    """Return the mean absolute differences of each two neighbouring frames of a track.

    They are taken where the output is not the source, in levels of a byte: of the source, and of
    the output.
    """
    return [
        (
            _flicker(before.source, after.source, region),
            _flicker(before.output, after.output, region),
        )
        for before, after, region in _neighbours(moments)
    ]


def _neighbours(
    moments: Sequence[Moment],
) -> Iterator[tuple[Moment, Moment, NDArray[np.bool_]]]:
    """Yield neighbouring frames, and where the output is not the source in either of them."""
    for before, after in pairwise(moments):
        region = _changed(before) | _changed(after)
        if after.index == before.index + 1 and region.mean() >= _LEAST_CHANGED:
            yield before, after, region


def box_jitter_px(faces: Sequence[TrackedFace], indices: Sequence[int]) -> float | None:
    """Return the noise of a track's box centre in px; None for fewer than three frames on end.

    A box that moves steadily has second differences of 0. Independent noise of deviation s gives
    them the variance 6 s².
    """
    centers = np.array([face.box.center for face in faces], dtype=np.float64)
    steps = np.diff(np.asarray(indices))
    bends = [
        centers[i] - 2 * centers[i + 1] + centers[i + 2]
        for i in range(len(centers) - 2)
        if steps[i] == 1 and steps[i + 1] == 1
    ]
    if not bends:
        return None
    return float(np.sqrt(np.mean(np.square(bends)) / 6))


def _changed(moment: Moment) -> NDArray[np.bool_]:
    apart = cv2.absdiff(moment.source, moment.output).max(axis=2)
    return np.asarray(apart > _CHANGED)


def _flicker(before: ImageU8, after: ImageU8, region: NDArray[np.bool_]) -> float:
    return float(cv2.absdiff(before, after)[region].mean())


def _warping_errors(
    before: Moment, after: Moment, region: NDArray[np.bool_]
) -> tuple[float, float] | None:
    """Return the errors of the source and of the output; None where all is hidden."""
    flow, seen = _flow(before.source, after.source)
    kept = region & seen
    if not kept.any():
        return None
    source, output = (
        float(np.square((_carried(later, flow) - earlier.astype(np.float32))[kept] / 255).mean())
        for earlier, later in ((before.source, after.source), (before.output, after.output))
    )
    return source, output


def _flow(before: ImageU8, after: ImageU8) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the flow (S, S, 2) in px from ``before`` on, and where it holds both ways."""
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    first, second = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (before, after))
    forth = np.asarray(finder.calc(first, second, None), np.float32)  # type: ignore[call-overload]
    back = np.asarray(finder.calc(second, first, None), np.float32)  # type: ignore[call-overload]
    disagreement = np.linalg.norm(forth + _carried(back, forth), axis=2)
    return forth, np.asarray(disagreement < _FLOW_DISAGREES_PX)


def _carried(
    image: NDArray[np.uint8] | NDArray[np.float32], flow: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return ``image`` as it would be seen from where the flow starts."""
    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    moved = cv2.remap(
        image.astype(np.float32),
        columns + flow[..., 0],
        rows + flow[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, np.float32)
