"""The contact sheet: one page with every crop, kept and rejected, and why.

One HTML file without scripts that fetches nothing: the pictures are in it.
"""

import base64
import html
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path

import cv2
import numpy as np

from facemask_video.core.errors import CropsError
from facemask_video.core.files import atomic_write
from facemask_video.core.frame import ImageU8
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


def write_sheet(folder: Path, rows: Sequence[ManifestRow], *, most: int = MOST_SHOWN) -> Path:
    """Write the contact sheet of a set.

    Args:
        folder: Of the set, with the thumbnails that extraction left.
        rows: Its rows, curated.
        most: Crops shown in all, at most; each section shows its share, and says so.

    Raises:
        CropsError: It cannot be written.
    """
    sections = _sections(rows)
    share = min(1.0, most / max(1, len(rows)))
    body = [_summary(rows, sections)]
    for name, (title, members) in sections.items():
        shown = members[: max(1, round(share * len(members)))]
        more = f", {len(shown):,} shown" if len(shown) < len(members) else ""
        heading = f"{html.escape(title)} <small>{len(members):,}{more}</small>"
        figures = "".join(_figure(folder, row) for row in shown)
        body.append(f'<section id="{name}"><h2>{heading}</h2><div>{figures}</div></section>')
    template = resources.files("facemask_video.extract").joinpath("sheet.html")
    page = template.read_text("utf-8").replace("<!-- body -->", "\n".join(body))
    path = folder / SHEET
    try:
        with atomic_write(path) as part:
            part.write_text(page, encoding="utf-8")
    except OSError as exc:
        raise CropsError(f"{path}: cannot be written ({exc.strerror}).") from exc
    return path


def _sections(rows: Iterable[ManifestRow]) -> Mapping[str, tuple[str, list[ManifestRow]]]:
    """Sort rows under headings: kept by domain, rejected by the weightiest reason."""
    titles = {
        "bare": "Kept: bare",
        "masked": "Kept: masked",
        **{reason: f"Rejected: {why}" for reason, why in REASONS.items()},
    }
    members: dict[str, list[ManifestRow]] = defaultdict(list)
    for row in rows:
        members[row.rejected[0] if row.rejected else (row.domain or "bare")].append(row)
    return {name: (title, members[name]) for name, title in titles.items() if name in members}


def _summary(
    rows: Sequence[ManifestRow], sections: Mapping[str, tuple[str, list[ManifestRow]]]
) -> str:
    kept = [row for row in rows if row.kept]
    sources = len({row.source_sha256 for row in rows})
    splits = ", ".join(
        f"{sum(row.split == split for row in kept):,} {split}" for split in ("train", "val", "test")
    )
    links = "".join(
        f'<li><a href="#{name}">{html.escape(title)}</a> {len(members):,}</li>'
        for name, (title, members) in sections.items()
    )
    return (
        f"<p>{len(kept):,} of {len(rows):,} crops of {sources:,} files with faces are kept: "
        f"{splits}.</p><ul>{links}</ul>"
    )


def _figure(folder: Path, row: ManifestRow) -> str:
    facts = [
        row.source,
        f"frame {row.frame}, track {row.track}" if row.pts is not None else f"face {row.track}",
        f"{row.face_px:.0f} px, sharpness {row.sharpness:.2f}, brightness {row.brightness:.2f}",
        f"score {row.score:.2f}, in the crop {row.second_score:.2f}, inside {row.inside:.2f}",
        f"yaw {row.yaw_deg:.0f}, pitch {row.pitch_deg:.0f}, roll {row.roll_deg:.0f}",
    ]
    if row.domain is not None:
        facts.append(f"{row.domain} {row.domain_score:.2f}")
    if row.nose_covered is not None and row.chin_covered is not None:
        facts.append(f"nose covered {row.nose_covered:.2f}, chin {row.chin_covered:.2f}")
    facts.append(f"rejected: {', '.join(row.rejected)}" if row.rejected else row.split)
    title = html.escape("\n".join(facts), quote=True)
    label = ", ".join(row.rejected) if row.rejected else f"{row.face_px:.0f} px"
    picture = '<span class="gone">no picture</span>'
    try:
        encoded = base64.b64encode((folder / _thumbnail(row.crop)).read_bytes()).decode()
        picture = f'<img alt="" src="data:image/jpeg;base64,{encoded}">'
    except OSError:
        pass
    name = html.escape(f"{row.source} {row.frame}" if row.pts is not None else row.source)
    return (
        f'<figure title="{title}">{picture}<figcaption>{html.escape(label)}<br>{name}'
        "</figcaption></figure>"
    )
