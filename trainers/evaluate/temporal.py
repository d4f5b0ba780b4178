"""Temporal stability of a converted video: flicker, warping error, and jitter of boxes.

Crops are aligned by the track, so that a face's motion does not count, and compared where the
conversion changed them; the source is measured over the same pixels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.align.crop import align_face
from facemask_video.core.errors import ConfigError
from facemask_video.core.faces import TrackedFace, TrackId
from facemask_video.core.frame import ImageU8
from facemask_video.track.sidecar import Sidecar, SidecarFrame
from facemask_video.video import NativeFrame, VideoReader
from trainers.evaluate.measurement import Better, Context, Measurement, mean_measurement

CROP_SIZE_PX = 128

# Levels of a byte. An encoder at its usual quality moves samples by 2 to 4 of them.
_CHANGED = 8
# Smallest share of the crop that counts as changed at all.
_LEAST_CHANGED = 0.01
# Px that a flow and its reverse may disagree by before a pixel counts as hidden in one frame
# (Sundaram et al., ECCV 2010, use about this for small motion).
_FLOW_DISAGREES_PX = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class FramePair:
    """Crops of one face in one frame, of the source and of the output, by the same landmarks."""

    index: int
    face: TrackedFace
    source: ImageU8
    output: ImageU8


@dataclass(slots=True)
class ClipFaces:
    """The faces of a clip.

    Attributes:
        tracks: Frames of each track in order of time.
        n_frames: Frames of the source that were read.
        n_missing: Those without a frame in the output.
    """

    tracks: dict[TrackId, list[FramePair]] = field(default_factory=dict)
    n_frames: int = 0
    n_missing: int = 0


def read_clip(
    source: Path, output: Path, tracks: Path, *, max_frames: int = 0, begin_together: bool = False
) -> ClipFaces:
    """Cut every face of a clip out of the source and the output.

    A frame of the output belongs to a frame of the source where the two stand at one time, as
    nearly as the clocks of both files can tell.

    Args:
        source: The clip.
        output: Its conversion.
        tracks: The sidecar of the conversion.
        max_frames: Frames of the source, at most; 0 is all.
        begin_together: Count times from each file's first frame: a conversion of a part of a clip
            begins at 0.

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
        pending = _FrameMatcher(iter(second), begin_together=begin_together)
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
                crops = [
                    align_face(each, entry.face, CROP_SIZE_PX).image for each in (frame, partner)
                ]
                frame_pair = FramePair(frame.index, entry.face, crops[0], crops[1])
                found.tracks.setdefault(entry.face.track_id, []).append(frame_pair)
    if found.n_frames == found.n_missing:
        raise ConfigError(
            f"{output}: no frame stands at any time of {source}; is it made from that file?"
        )
    return found


class _FrameMatcher:
    """Finds the frame of the output at the time of each frame of the source."""

    def __init__(self, frames: Iterator[NativeFrame], *, begin_together: bool) -> None:
        self._frames = frames
        self._next = next(frames, None)
        self._shift_s = None if begin_together else Fraction(0)

    def at(self, frame: NativeFrame, tolerance: Fraction) -> NativeFrame | None:
        """Return the frame at the time of ``frame``, or None where there is none."""
        wanted = frame.pts * frame.time_base
        if self._shift_s is None and self._next is not None:
            self._shift_s = self._next.pts * self._next.time_base - wanted
        wanted += self._shift_s or 0
        while self._next is not None:
            time_s = self._next.pts * self._next.time_base
            if time_s > wanted + tolerance:
                return None
            partner, self._next = self._next, next(self._frames, None)
            if time_s >= wanted - tolerance:
                return partner
        return None


def measure_stability(clip: str, faces: ClipFaces, context: Context) -> list[Measurement]:
    """Return the measurements of one clip; the samples of most are its tracks.

    ``flicker_ratio`` is the output's mean absolute difference of neighbouring frames over the
    source's; ``warping_error`` is the mean squared difference, in [0, 1] squared, after the flow of
    the source has carried one frame onto the other, where nothing is hidden in either.
    """
    missing = {clip: float(faces.n_missing)}
    measurements = [mean_measurement("frames_missing", missing, context, better="lower")]
    per_track: dict[str, dict[str, float]] = {}
    for track, frames in sorted(faces.tracks.items()):
        for name, value in _track_values(frames).items():
            per_track.setdefault(name, {})[f"{clip}/track {track}"] = value
    for name, samples in per_track.items():
        better: Better = "" if name.endswith("_source") else "lower"
        measurements.append(mean_measurement(name, samples, context, better=better))
    return measurements


def _track_values(frames: Sequence[FramePair]) -> dict[str, float]:
    values: dict[str, float] = {}
    jitter = box_jitter_px([frame_pair.face for frame_pair in frames], [m.index for m in frames])
    if jitter is not None:
        values["box_jitter_px"] = jitter
    errors = [
        error
        for before, after, region in _neighbours(frames)
        if (error := _warping_errors(before, after, region)) is not None
    ]
    if flickers := frame_differences(frames):
        source, output = np.mean(flickers, axis=0)
        values["flicker_source"], values["flicker"] = float(source), float(output)
        values["flicker_ratio"] = float(output / max(source, 1e-6))
    if errors:
        source, output = np.mean(errors, axis=0)
        values["warping_error_source"], values["warping_error"] = float(source), float(output)
    return values


def frame_differences(frames: Sequence[FramePair]) -> list[tuple[float, float]]:
    """Return the mean absolute differences of each two neighbouring frames of a track.

    They are taken where the output is not the source, in levels of a byte: of the source, and of
    the output.
    """
    return [
        (
            _flicker(before.source, after.source, region),
            _flicker(before.output, after.output, region),
        )
        for before, after, region in _neighbours(frames)
    ]


def _neighbours(
    frames: Sequence[FramePair],
) -> Iterator[tuple[FramePair, FramePair, NDArray[np.bool_]]]:
    """Yield neighbouring frames, and where the output is not the source in either of them."""
    for before, after in pairwise(frames):
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


def _changed(frame_pair: FramePair) -> NDArray[np.bool_]:
    difference = cv2.absdiff(frame_pair.source, frame_pair.output).max(axis=2)
    return np.asarray(difference > _CHANGED)


def _flicker(before: ImageU8, after: ImageU8, region: NDArray[np.bool_]) -> float:
    return float(cv2.absdiff(before, after)[region].mean())


def _warping_errors(
    before: FramePair, after: FramePair, region: NDArray[np.bool_]
) -> tuple[float, float] | None:
    """Return the errors of the source and of the output; None where all is hidden."""
    flow, visible = _flow(before.source, after.source)
    kept = region & visible
    if not kept.any():
        return None
    source, output = (
        float(np.square((_warped(later, flow) - earlier.astype(np.float32))[kept] / 255).mean())
        for earlier, later in ((before.source, after.source), (before.output, after.output))
    )
    return source, output


def _flow(before: ImageU8, after: ImageU8) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the flow (S, S, 2) in px from ``before`` on, and where it holds both ways."""
    estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    first, second = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (before, after))
    forward = np.asarray(estimator.calc(first, second, None), np.float32)  # type: ignore[call-overload]
    backward = np.asarray(estimator.calc(second, first, None), np.float32)  # type: ignore[call-overload]
    disagreement = np.linalg.norm(forward + _warped(backward, forward), axis=2)
    return forward, np.asarray(disagreement < _FLOW_DISAGREES_PX)


def _warped(
    image: NDArray[np.uint8] | NDArray[np.float32], flow: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return ``image`` as it would be visible from where the flow starts."""
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
