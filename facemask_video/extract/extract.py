"""Make a set of crops: reading this file is reading an extraction.

A source is worked through, its pictures are written, and only then a line of the journal says that
it is finished. What is kept is decided at the end, over all rows.
"""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

from facemask_video.config import ExtractConfig
from facemask_video.config.settings import as_plain
from facemask_video.core.errors import CropsError, VideoReadError
from facemask_video.extract.crops import CropCandidate
from facemask_video.extract.curate import curate, rejection_reasons
from facemask_video.extract.finalize import SetReport, finalize, locate_pictures
from facemask_video.extract.journal import Journal
from facemask_video.extract.load import Networks, load_networks
from facemask_video.extract.manifest import ManifestRow, source_id
from facemask_video.extract.measure import make_row
from facemask_video.extract.pictures import remove_source, write_pictures
from facemask_video.extract.sheet import write_thumbnail
from facemask_video.extract.sources import Source, find_sources
from facemask_video.extract.stills import crop_picture
from facemask_video.extract.videos import crop_video
from facemask_video.pipeline.report import OnProgress

# Crops assessed at once; that many are held in memory.
_BATCH = 16

# Sections of the settings that decide pixels and numbers; a set's crops have them in common.
_FIXED_SECTIONS = ("sample", "crop", "video", "detect", "track", "select")


def extract(
    inputs: Sequence[Path],
    folder: Path,
    config: ExtractConfig,
    *,
    on_progress: OnProgress | None = None,
    networks: Networks | None = None,
) -> SetReport:
    """Cut crops out of videos and pictures into a set; go on where an earlier run stopped.

    Args:
        inputs: Files and folders.
        folder: Of the set; a new one, or one that this function made with the same settings.
        config: Everything else.
        on_progress: Called after each frame of a video, and after each picture.
        networks: Used in place of the shipped ones.

    Raises:
        CropsError: The set cannot be written, or is not one; no picture or video is named.
    """
    sources, passed_over = find_sources(inputs, leave_out=folder)
    if not sources:
        raise CropsError(f"{inputs[0]}: holds no picture or video; name files or folders.")
    plain = as_plain(config)
    with Journal(folder, {section: plain[section] for section in _FIXED_SECTIONS}) as journal:
        networks = networks or load_networks(config)
        progress = _Progress(on_progress, sources)
        finished: set[str] = set()
        copies, failed = 0, []
        for source in sources:
            try:
                sha256 = source.digest()
                copies += sha256 in finished
                if sha256 not in journal.rows:
                    rows = _extract_source(source, sha256, folder, config, networks, progress)
                    journal.finish(sha256, rows)
                finished.add(sha256)
            except VideoReadError as exc:
                failed.append(" ".join(str(exc).split()))
            progress.finish_source()
        rows = locate_pictures(folder, (row for rows in journal.rows.values() for row in rows))
        rows = curate(rows, config.filter, config.split)
        rows = finalize(folder, rows, config.split, keep_rejected=config.keep.keep_rejected)
    return SetReport(
        folder, tuple(rows), config.split, len(finished), copies, tuple(failed), passed_over
    )


def _extract_source(
    source: Source,
    sha256: str,
    folder: Path,
    config: ExtractConfig,
    networks: Networks,
    progress: "_Progress",
) -> list[ManifestRow]:
    """Crop, assess and write the faces of one source."""
    # What an interrupted run left of it.
    remove_source(folder, source_id(source.name, sha256))
    rows: list[ManifestRow] = []
    with closing(_candidates(source, config, networks, progress)) as candidates:
        while batch := list(islice(candidates, _BATCH)):
            assessments = networks.assessor.assess(batch)
            for candidate, assessment in zip(batch, assessments, strict=True):
                row = make_row(candidate, assessment, name=source.name, sha256=sha256)
                write_thumbnail(folder, row.crop, candidate.crop.image)
                # What is rejected for itself need not be written to be thrown away.
                if config.keep.keep_rejected or not any(rejection_reasons(row, config.filter)):
                    row = replace(
                        row, file=write_pictures(folder, row.crop, candidate, config.crop)
                    )
                rows.append(row)
    return rows


def _candidates(
    source: Source, config: ExtractConfig, networks: Networks, progress: "_Progress"
) -> Generator[CropCandidate, None, None]:
    if source.is_picture:
        yield from crop_picture(source.path, config, networks.detector)
        progress(1, 1)
    else:
        yield from crop_video(source.path, config, networks.load_finder, on_progress=progress)


class _Progress:
    """Adds up frames and pictures over the sources; the total is reported where it is known."""

    def __init__(self, on_progress: OnProgress | None, sources: Sequence[Source]) -> None:
        self._on_progress = on_progress
        self._n_sources = len(sources)
        self._only_pictures = all(source.is_picture for source in sources)
        self._before = 0
        self._done = 0

    def __call__(self, done: int, total: int | None) -> None:
        self._done = done
        if self._on_progress is not None:
            if self._only_pictures:
                total = self._n_sources
            elif self._n_sources > 1:
                total = None
            self._on_progress(self._before + done, total)

    def finish_source(self) -> None:
        """Add what was done of one source to what lies before the next."""
        self._before += self._done
        self._done = 0
