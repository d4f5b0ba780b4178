"""Bring the files of a set in line with what is decided about its crops."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from facemask_video.config import CurateConfig
from facemask_video.config.extract import SPLITS, SplitConfig
from facemask_video.core.wording import counted
from facemask_video.extract.curate import REASONS, curate
from facemask_video.extract.folder_layouts import lay_out
from facemask_video.extract.manifest import ManifestRow, read_manifest, write_manifest
from facemask_video.extract.pictures import find_picture, move_pictures, remove_empty_folders
from facemask_video.extract.sheet import write_sheet


@dataclass(frozen=True, slots=True)
class SetReport:
    """What a set holds, and what became of the files it was made from.

    Attributes:
        folder: Of the set.
        rows: Its manifest's.
        splitting: How it is divided.
        sources: Files worked through by this run, or finished by one before.
        copies: Files left out because another one has the same bytes.
        failed: Files that could not be read, each as the one line that says why.
        passed_over: How many files of folders were passed over as no picture or video, by suffix.
    """

    folder: Path
    rows: tuple[ManifestRow, ...]
    splitting: SplitConfig
    sources: int = 0
    copies: int = 0
    failed: tuple[str, ...] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """Say in a few lines what there is."""
        kept = [row for row in self.rows if row.kept]
        domains = Counter(row.domain for row in kept)
        splits = Counter(row.split for row in kept)
        counts = ", ".join(f"{domains[domain]:,} {domain}" for domain in sorted(domains, key=str))
        divided = ", ".join(f"{splits[split]:,} {split}" for split in SPLITS)
        found = f"{len(kept):,} of {len(self.rows):,} crops kept"
        yield f"{self.folder}: {found}" + (f" ({counts}; {divided})" if kept else "")
        yield from self._empty_splits(kept)
        reasons = Counter(row.rejected[0] for row in self.rows if row.rejected)
        for reason in REASONS:
            if reasons[reason]:
                yield f"  rejected {reasons[reason]:,}: {reason} ({REASONS[reason]})"
        if self.copies:
            yield f"  {self.copies:,} files are copies of others and were left out"
        if self.passed_over:
            suffixes = ", ".join(sorted(suffix or "no suffix" for suffix in self.passed_over))
            number = counted(sum(self.passed_over.values()), "file")
            yield f"  {number} of other kinds passed over ({suffixes})"
        if self.failed:
            yield f"  {len(self.failed):,} files could not be read"

    def _empty_splits(self, kept: Sequence[ManifestRow]) -> Iterator[str]:
        """Say which splits got nothing of what the set holds, and what helps."""
        shares = zip(SPLITS, self.splitting.shares, strict=True)
        wanted = [split for split, share in shares if share > 0]
        for domain in sorted({row.domain or "" for row in kept}):
            reached = {row.split for row in kept if (row.domain or "") == domain}
            empty = [split for split in wanted if split not in reached]
            if empty:
                crop = f"{domain} crop" if domain else "crop"
                yield f"  no {crop} falls into {', '.join(empty)}: {self._way_out()}"

    def _way_out(self) -> str:
        match self.splitting.split_by:
            case "source":
                return (
                    "a source is never divided; add sources, or take another --seed, --split-by "
                    "track (several people in a video) or --split-by time (one long video)"
                )
            case "track":
                return (
                    "a person's track is never divided; add sources, or take another --seed or "
                    "--split-by time"
                )
            case "time":
                return "take more crops (--every, --best), a smaller --split-gap, or add sources"


def curate_set(folder: Path, config: CurateConfig) -> SetReport:
    """Decide anew what a set keeps, from what is measured already; nothing is decoded or removed.

    Args:
        folder: Of a set that `extract` made.
        config: What is kept, and how it is split.

    Raises:
        CropsError: It is no set, or cannot be written.
    """
    rows = curate(locate_pictures(folder, read_manifest(folder)), config.filter, config.split)
    rows = finalize(folder, rows, config.split, keep_rejected=True)
    return SetReport(folder, tuple(rows), config.split)


def locate_pictures(folder: Path, rows: Iterable[ManifestRow]) -> list[ManifestRow]:
    """Return rows with the file where each crop lies now, None where it is missing."""
    return [replace(row, file=find_picture(folder, row.crop)) for row in rows]


def finalize(
    folder: Path, rows: Iterable[ManifestRow], splitting: SplitConfig, *, keep_rejected: bool
) -> list[ManifestRow]:
    """Bring a set's files in line with what was decided; returns the rows as written."""
    finalized = [
        replace(row, file=move_pictures(folder, row, keep_rejected=keep_rejected)) for row in rows
    ]
    remove_empty_folders(folder)
    lay_out(folder, finalized, splitting.layout)
    write_sheet(folder, finalized)
    # Last: who reads it finds everything in place.
    write_manifest(folder, finalized)
    return finalized
