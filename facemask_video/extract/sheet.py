"""The contact sheet: one page with every crop, kept and rejected, and why.

One HTML file without scripts that fetches nothing: small pictures are in it, and each opens the
crop's own file where the set holds it.
"""

import base64
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facemask_video.config.extract import SPLITS
from facemask_video.core.errors import CropsError
from facemask_video.core.files import atomic_write
from facemask_video.core.frame import ImageU8
from facemask_video.core.pages import render_page
from facemask_video.core.pictures import write_picture
from facemask_video.extract.curate import REASONS
from facemask_video.extract.manifest import THUMBS, ManifestRow, picture_path

SHEET = "contact.html"
_THUMB_PX = 112
_THUMB_QUALITY = 80
# A thumbnail takes about 5 kB of the page.
MOST_SHOWN = 2000


def write_thumbnail(folder: Path, crop_id: str, crop: ImageU8) -> None:
    """Write the small picture of a crop, which stays where the crop itself is thrown away.

    Raises:
        VideoWriteError: It cannot be written.
    """
    size = (_THUMB_PX, _THUMB_PX)
    small = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
    write_picture(folder / _thumbnail(crop_id), small, quality=_THUMB_QUALITY)


def _thumbnail(crop_id: str) -> str:
    return picture_path(THUMBS, crop_id, ".jpg")


@dataclass(frozen=True, slots=True)
class _Figure:
    """A crop as the page shows it: text is as it is, the page escapes it.

    Attributes:
        name: The source, and in a video the frame.
        label: What became of the crop, or how large its face is.
        facts: All that is measured, a line each.
        file: The crop's own file from the set's folder; None where it is missing.
        thumbnail: JPEG in base64; None where it is missing.
    """

    name: str
    label: str
    facts: str
    file: str | None
    thumbnail: str | None


@dataclass(frozen=True, slots=True)
class _Section:
    """Crops under one heading: its id, its text, how many crops there are, and those shown."""

    name: str
    title: str
    n_rows: int
    figures: tuple[_Figure, ...]


def write_sheet(folder: Path, rows: Sequence[ManifestRow], *, most: int = MOST_SHOWN) -> Path:
    """Write the contact sheet of a set.

    Args:
        folder: Of the set, with the thumbnails that extraction left.
        rows: Its rows, curated.
        most: Crops shown in all, at most; each section shows its share, and says so.

    Raises:
        CropsError: It cannot be written.
    """
    share = min(1.0, most / max(1, len(rows)))
    sections = [
        _Section(
            name,
            title,
            len(members),
            tuple(_figure(folder, row) for row in members[: max(1, round(share * len(members)))]),
        )
        for name, title, members in _under_headings(rows)
    ]
    kept = [row for row in rows if row.kept]
    text = render_page(
        "facemask_video.extract",
        "sheet.html",
        n_kept=len(kept),
        n_rows=len(rows),
        n_sources=len({row.source_sha256 for row in rows}),
        splits=", ".join(
            f"{sum(row.split == split for row in kept):,} {split}" for split in SPLITS
        ),
        sections=sections,
    )
    path = folder / SHEET
    try:
        with atomic_write(path) as part:
            # A file's name may hold bytes that are no UTF-8.
            part.write_text(text, encoding="utf-8", errors="replace")
    except OSError as exc:
        raise CropsError(f"{path}: cannot be written ({exc.strerror}).") from exc
    return path


def _under_headings(rows: Iterable[ManifestRow]) -> list[tuple[str, str, list[ManifestRow]]]:
    """Sort rows under headings: kept by domain, rejected by the weightiest reason."""
    titles = {
        "bare": "Kept: bare",
        "masked": "Kept: masked",
        **{reason: f"Rejected: {why}" for reason, why in REASONS.items()},
    }
    members: dict[str, list[ManifestRow]] = defaultdict(list)
    for row in rows:
        members[row.rejected[0] if row.rejected else (row.domain or "bare")].append(row)
    return [(name, title, members[name]) for name, title in titles.items() if name in members]


def _figure(folder: Path, row: ManifestRow) -> _Figure:
    in_video = row.pts is not None
    facts = [
        row.source,
        f"frame {row.frame}, track {row.track}" if in_video else f"face {row.track}",
        f"{row.face_px:.0f} px, sharpness {row.sharpness:.2f}, brightness {row.brightness:.2f}",
        f"score {row.score:.2f}, in the crop {row.second_score:.2f}, inside {row.inside:.2f}",
        f"yaw {row.yaw_deg:.0f}, pitch {row.pitch_deg:.0f}, roll {row.roll_deg:.0f}",
    ]
    if row.domain is not None:
        facts.append(f"{row.domain} {row.domain_score:.2f}")
    if row.nose_covered is not None and row.chin_covered is not None:
        facts.append(f"nose covered {row.nose_covered:.2f}, chin {row.chin_covered:.2f}")
    facts.append(f"rejected: {', '.join(row.rejected)}" if row.rejected else row.split)
    try:
        thumbnail = base64.b64encode((folder / _thumbnail(row.crop)).read_bytes()).decode()
    except OSError:
        thumbnail = None
    return _Figure(
        name=f"{row.source}, frame {row.frame}" if in_video else row.source,
        label=", ".join(row.rejected) if row.rejected else f"{row.face_px:.0f} px",
        facts="\n".join(facts),
        file=row.file,
        thumbnail=thumbnail,
    )
