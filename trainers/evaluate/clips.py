"""Metrics of converted clips: temporal stability, and fidelity outside the faces."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facemask_video.core.errors import ConfigError
from facemask_video.verify import verify
from trainers.evaluate.measurement import Context, Measurement, mean_measurement
from trainers.evaluate.temporal import measure_stability, read_clip


@dataclass(frozen=True, slots=True)
class Clip:
    """A source video, its conversion, and the tracks of its faces."""

    source: Path
    output: Path
    tracks: Path


def find_clips(sources: Path, outputs: Path) -> list[Clip]:
    """Pair the videos of two folders by their names without suffix.

    Raises:
        ConfigError: A folder is not there, no clip was converted, or tracks are missing.
    """
    for folder in (sources, outputs):
        if not folder.is_dir():
            raise ConfigError(f"{folder}: no such folder; check --sources and --outputs.")
    converted = {
        path.stem: path
        for path in sorted(outputs.iterdir())
        if path.is_file() and path.suffix not in (".jsonl", ".json", ".txt", ".md")
    }
    clips = []
    for source in sorted(path for path in sources.iterdir() if path.stem in converted):
        tracks = outputs / f"{source.stem}.jsonl"
        if not tracks.is_file():
            raise ConfigError(
                f"{tracks}: no tracks of {source.name}; convert it with --tracks-out {tracks}."
            )
        clips.append(Clip(source, converted[source.stem], tracks))
    if not clips:
        raise ConfigError(
            f"{outputs}: holds no conversion of a video in {sources}; give both one name."
        )
    return clips


def pool_clips(measurements: Sequence[Measurement], *, seed: int) -> list[Measurement]:
    """Pool the measurements of several clips over the tracks of all."""
    by_name: dict[str, list[Measurement]] = {}
    for measurement in measurements:
        by_name.setdefault(measurement.name, []).append(measurement)
    pooled = []
    for name, of_name in by_name.items():
        samples = {
            f"{measurement.context.group}: {key}": value
            for measurement in of_name
            for key, value in measurement.samples.items()
        }
        features = "as in each clip, mean over the tracks or checks of all"
        context = Context("clips/all", f"{len(of_name)} clips", features, seed)
        pooled.append(mean_measurement(name, samples, context, better=of_name[0].better))
    return pooled


def measure_clip(clip: Clip, *, max_frames: int, seed: int) -> list[Measurement]:
    """Return temporal stability and fidelity of one clip."""
    name = clip.source.stem
    group = f"clip/{name}"
    context = Context(group, clip.source.name, "aligned crops of 128 px, DIS flow", seed)
    faces = read_clip(clip.source, clip.output, clip.tracks, max_frames=max_frames)
    measurements = measure_stability(name, faces, context)
    rows = verify(clip.source, clip.output, tracks=clip.tracks).rows
    failed = [row.name for row in rows if not row.ok]
    features = f"facemask-video verify, failed: {', '.join(failed) or 'none'}"
    samples = {row.name: float(not row.ok) for row in rows}
    checks = mean_measurement(
        "file_checks_failed_share",
        samples,
        Context(group, clip.source.name, features, seed),
        better="lower",
    )
    return [*measurements, checks]
