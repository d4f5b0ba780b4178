"""Whole tracks: is every face that is followed, in every frame, what the conversion should make?

A conversion that leaves a face for a few frames shows that person after all, however good its mean
is. So each face of each followed track is judged in each frame, by `DomainJudge`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from facemask_video.config import (
    ConvertConfig,
    OutputConfig,
    TranslateConfig,
    VideoConfig,
)
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.core.kinds import VIDEO_SUFFIXES
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.load_networks import Networks
from facemask_video.track.sidecar import Sidecar, SidecarFace
from facemask_video.video import VideoReader
from trainers.evaluate.domain_judge import DomainJudge
from trainers.evaluate.temporal import ClipFaces, frame_differences, read_clip


@dataclass(frozen=True, slots=True)
class TracksOfClip:
    """How whole the tracks of one conversion, or of several together, are.

    Attributes:
        clip: Name of the file; ``all`` of several.
        direction: Of the conversion.
        n_frames: Frames converted.
        n_faces: Faces of followed tracks, counted once a frame.
        n_in_domain: Those that the judge finds in the target domain.
        n_tracks: Followed tracks.
        n_whole: Those that are in the target domain in every frame.
        n_dropouts: Times that a track falls out of the target domain after it was in it.
        left_alone: Faces whose pixels were not changed, by reason.
        n_alone_in_domain: Faces left alone that the judge finds in the target domain.
        n_source_in_domain: Faces that were changed whose source the judge finds in the target
            domain already: its own errors, for the most part.
        n_changed: Faces that were changed.
        flicker_source: Sum of the mean absolute differences of neighbouring frames, where a face
            was changed, of the source, in levels.
        flicker: The same of the output.
        setup: Tells conversions by other weights, styles or judges apart.
    """

    clip: str
    direction: str
    n_frames: int
    n_faces: int
    n_in_domain: int
    n_tracks: int
    n_whole: int
    n_dropouts: int
    left_alone: dict[str, int]
    n_alone_in_domain: int
    n_source_in_domain: int
    n_changed: int
    flicker_source: float
    flicker: float
    setup: str = ""

    @property
    def in_domain(self) -> float | None:
        """Share of the faces; None where there are none."""
        return self.n_in_domain / self.n_faces if self.n_faces else None

    @property
    def dropouts_per_100(self) -> float | None:
        """Dropouts for a hundred faces; None where there are none."""
        return 100 * self.n_dropouts / self.n_faces if self.n_faces else None

    @property
    def flicker_ratio(self) -> float | None:
        """Flicker of the output over that of the source; None where nothing was changed."""
        return self.flicker / self.flicker_source if self.flicker_source > 0 else None


def list_clips(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """Return the videos of a folder, or those of them that are named.

    Raises:
        ConfigError: There is none, or one of the names is not there.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; name a folder of videos.")
    clips = sorted(p for p in folder.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
    missing = set(names) - {clip.name for clip in clips}
    if missing or not clips:
        what = f"no video called {min(missing)}" if missing else "no video"
        raise ConfigError(f"{folder}: holds {what}.")
    return [clip for clip in clips if not names or clip.name in names]


def convert_clip(
    source: Path,
    folder: Path,
    direction: Direction,
    translate: TranslateConfig,
    *,
    networks: Networks | None = None,
    max_frames: int = 0,
) -> tuple[Path, Path]:
    """Convert the beginning of a clip without loss; returns the output and its tracks.

    Args:
        source: The clip.
        folder: Where both are written.
        direction: Of the conversion.
        translate: Generator and styles.
        networks: Used in place of those that ``translate`` names.
        max_frames: Frames from the beginning; 0 is all.
    """
    output = folder / f"{source.stem}_{direction}.mkv"
    tracks = output.with_suffix(".jsonl")
    video = VideoConfig(encoder="ffv1", audio=False, end_s=_end_s(source, max_frames))
    written = OutputConfig(overwrite=True, tracks_out=tracks)
    config = ConvertConfig(direction, translate, video=video, output=written)
    convert(source, output, config, networks=networks)
    return output, tracks


def _end_s(source: Path, max_frames: int) -> float | None:
    """Return the time of the first frame that is too many; None where there is none."""
    if not max_frames:
        return None
    with VideoReader(source) as reader:
        for frame in reader:
            if frame.index == max_frames:
                return float(frame.pts * frame.time_base)
    return None


def judge_clip(
    clip: str,
    output: Path,
    tracks: Path,
    faces: ClipFaces,
    direction: Direction,
    judge: DomainJudge,
) -> TracksOfClip:
    """Judge every face of a conversion.

    Args:
        clip: What it is called.
        output: For messages.
        tracks: Its sidecar.
        faces: Source and output of each face.
        direction: Of the conversion.
        judge: Has the say.

    Raises:
        ConfigError: The sidecar lacks a face.
    """
    entries = {
        (line.frame, entry.face.track_id): entry for line in Sidecar(tracks) for entry in line.faces
    }
    wants_mask = direction is Direction.MASK
    counts: Counter[str] = Counter()
    left_alone: Counter[str] = Counter()
    differences: list[tuple[float, float]] = []
    for track, frames in faces.tracks.items():
        scores = judge.masked_scores([frame.output for frame in frames])
        before = judge.masked_scores([frame.source for frame in frames])
        inside = [(score > 0.5) == wants_mask for score in scores]
        was_inside = [(score > 0.5) == wants_mask for score in before]
        differences += frame_differences(frames)
        counts["whole"] += all(inside)
        counts["in domain"] += sum(inside)
        counts["dropouts"] += sum(was and not now for was, now in pairwise(inside))
        for frame, is_in, was_in in zip(frames, inside, was_inside, strict=True):
            entry = entries.get((frame.index, track))
            if entry is None:
                raise ConfigError(f"{tracks}: lacks a face of {output}; convert it again.")
            reason = why_left_alone(entry)
            if reason:
                left_alone[reason] += 1
                counts["alone in domain"] += is_in
            else:
                counts["changed"] += 1
                counts["source in domain"] += was_in
    source, made = np.sum(differences, axis=0) if differences else (0.0, 0.0)
    return TracksOfClip(
        clip,
        str(direction),
        faces.n_frames,
        sum(map(len, faces.tracks.values())),
        counts["in domain"],
        len(faces.tracks),
        counts["whole"],
        counts["dropouts"],
        dict(sorted(left_alone.items())),
        counts["alone in domain"],
        counts["source in domain"],
        counts["changed"],
        float(source),
        float(made),
    )


def why_left_alone(entry: SidecarFace) -> str:
    """Return why a face's pixels were not changed; empty where they were."""
    if entry.region is not None:
        return ""
    if entry.translated is False:
        return f"{entry.domain} already" if entry.domain else "not chosen"
    return "nothing to paint"


def measure_tracks(
    clip: Path,
    folder: Path,
    direction: Direction,
    translate: TranslateConfig,
    judge: DomainJudge,
    *,
    networks: Networks | None = None,
    max_frames: int = 0,
) -> TracksOfClip:
    """Convert a clip into a folder, as `convert_clip` does, and judge every face of it."""
    output, tracks = convert_clip(
        clip, folder, direction, translate, networks=networks, max_frames=max_frames
    )
    faces = read_clip(clip, output, tracks, max_frames=max_frames, begin_together=bool(max_frames))
    return judge_clip(clip.name, output, tracks, faces, direction, judge)


def together(rows: Sequence[TracksOfClip]) -> TracksOfClip:
    """Return the sums over several clips of one direction."""
    left_alone: Counter[str] = Counter()
    for row in rows:
        left_alone.update(row.left_alone)
    total = {
        name: sum(getattr(row, name) for row in rows)
        for name in TracksOfClip.__dataclass_fields__
        if name.startswith(("n_", "flicker"))
    }
    return TracksOfClip(
        clip="all", direction=rows[0].direction, left_alone=dict(left_alone), **total
    )


HEADER = (
    "| clip | direction | frames | faces | in the domain | tracks whole | dropouts per 100 | "
    "flicker | left alone | judge on the sources |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: |"
)
"""Of a table of `row_of`."""


def row_of(found: TracksOfClip) -> str:
    """Return a clip's row of the table."""

    def shown(value: float | None, how: str) -> str:
        return "" if value is None else format(value, how)

    alone = ", ".join(f"{count} {reason}" for reason, count in found.left_alone.items())
    source = found.n_source_in_domain / found.n_changed if found.n_changed else None
    cells = (
        found.clip,
        found.direction,
        str(found.n_frames),
        str(found.n_faces),
        shown(found.in_domain, ".1%"),
        f"{found.n_whole} of {found.n_tracks}",
        shown(found.dropouts_per_100, ".2f"),
        shown(found.flicker_ratio, ".2f"),
        alone,
        shown(source, ".1%"),
    )
    return "| " + " | ".join(cells) + " |"
