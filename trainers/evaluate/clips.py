"""Find the clips of an evaluation and measure each: its steadiness, and what else of it changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facemask_video.core.errors import ConfigError
from facemask_video.verify import verify
from trainers.evaluate.figures import About, Figure, averaged
from trainers.evaluate.time import read_clip, time_figures


@dataclass(frozen=True, slots=True)
class Clip:
    """A video, what was made of it, and the tracks of its faces."""

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


def pooled_figures(figures: Sequence[Figure], *, seed: int) -> list[Figure]:
    """Return the figures of several clips as one, over the tracks of all."""
    by_name: dict[str, list[Figure]] = {}
    for figure in figures:
        by_name.setdefault(figure.name, []).append(figure)
    pooled = []
    for name, of_name in by_name.items():
        samples = {
            f"{figure.about.group}: {key}": value
            for figure in of_name
            for key, value in figure.samples.items()
        }
        features = "as in each clip, mean over the tracks or checks of all"
        about = About("clips/all", f"{len(of_name)} clips", features, seed)
        pooled.append(averaged(name, samples, about, better=of_name[0].better))
    return pooled


def clip_figures(clip: Clip, *, max_frames: int, seed: int) -> list[Figure]:
    """Return steadiness and fidelity of one clip."""
    name = clip.source.stem
    group = f"clip/{name}"
    about = About(group, clip.source.name, "aligned crops of 128 px, DIS flow", seed)
    faces = read_clip(clip.source, clip.output, clip.tracks, max_frames=max_frames)
    figures = time_figures(name, faces, about)
    rows = verify(clip.source, clip.output, tracks=clip.tracks).rows
    failed = [row.name for row in rows if not row.ok]
    told = f"facemask-video verify, failed: {', '.join(failed) or 'none'}"
    samples = {row.name: float(not row.ok) for row in rows}
    checks = averaged(
        "file_checks_failed_share",
        samples,
        About(group, clip.source.name, told, seed),
        better="lower",
    )
    return [*figures, checks]
