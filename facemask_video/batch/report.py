"""The report of a batch: one HTML file without scripts that fetches nothing."""

import base64
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facemask_video.batch.ledger import Ledger, Row
from facemask_video.batch.run import BatchReport
from facemask_video.core.errors import BatchError
from facemask_video.core.files import atomic_write
from facemask_video.core.pages import render_page
from facemask_video.core.wording import clock, shown

REPORT = "report.html"
# A pair of posters takes about 15 kB of the page.
MOST_POSTERS = 500
_MARK = '<meta name="generator" content="facemask-video batch">'
# The mark stands in the page's first lines.
_HEAD_BYTES = 2000


@dataclass(frozen=True, slots=True)
class _Line:
    """An input as the page shows it: text is as it is, the page escapes it."""

    source: str
    target: str
    state: str
    before: str | None
    after: str | None
    frames: int | None
    faces: int | None
    tracks: int | None
    fps: float | None
    taken: str
    notes: tuple[str, ...]
    error: str


def write_report(report: BatchReport, ledger: Ledger, name: str = REPORT) -> Path | None:
    """Write the report into the folder of the results.

    Args:
        report: What became of the batch.
        ledger: With the posters.
        name: Of the file.

    Returns:
        The file; None where another file of that name is in the way.

    Raises:
        BatchError: It cannot be written.
    """
    path = report.folder / name
    if path.exists() and not _is_ours(path):
        return None
    lines, posters = [], 0
    for row in report.rows:
        before, after = ledger.posters(row.target) if posters < MOST_POSTERS else (None, None)
        posters += before is not None
        lines.append(_line(row, before, after))
    done = [row.report for row in report.rows if row.state == "done" and row.report is not None]
    text = render_page(
        "facemask_video.batch",
        "report.html",
        lines=lines,
        # What asks for attention comes first.
        order=("failed", "skipped", "planned", "running", "done"),
        folder=shown(report.folder),
        made=time.strftime("%Y-%m-%d %H:%M"),
        totals=_totals(report, done),
        posters_left_out=max(0, report.done - posters),
        passed_over=dict(sorted(report.passed_over.items())),
        notes=report.notes,
    )
    try:
        with atomic_write(path) as part:
            # A message may hold bytes that are no UTF-8.
            part.write_text(text, encoding="utf-8", errors="replace")
    except OSError as exc:
        raise BatchError(
            f"{shown(path)}: cannot be written ({exc.strerror}); the results are complete."
        ) from exc
    return path


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _MARK.encode() in file.read(_HEAD_BYTES)
    except OSError:
        return False


def _totals(report: BatchReport, done: list[dict[str, Any]]) -> list[tuple[str, str]]:
    frames = sum(each.get("frames", 0) for each in done)
    video_s = sum(each["input"].get("duration_s") or 0 for each in done if "input" in each)
    totals = [
        ("files", f"{len(report.rows):,}"),
        ("done", f"{report.done:,}"),
        ("of them before", f"{report.earlier:,}"),
        ("failed", f"{report.failed:,}"),
        ("skipped", f"{report.skipped:,}"),
        ("frames", f"{frames:,}"),
        ("faces", f"{sum(each.get('faces', 0) for each in done):,}"),
        ("video", clock(video_s)),
        ("this call took", clock(report.seconds)),
    ]
    return [(name, value) for name, value in totals if value != "0"]


def _line(row: Row, before: bytes | None, after: bytes | None) -> _Line:
    plain = row.report or {}
    seconds = plain.get("seconds", {}).get("total")
    frames = plain.get("frames")
    taken_s = (row.finished_at or 0.0) - (row.started_at or row.finished_at or 0.0)
    return _Line(
        source=shown(row.source),
        target=shown(row.target),
        state=row.state,
        before=_text(before),
        after=_text(after),
        frames=frames,
        faces=plain.get("faces"),
        tracks=plain.get("tracks"),
        fps=frames / seconds if frames and seconds and row.kind != "picture" else None,
        taken=clock(taken_s),
        notes=tuple(plain.get("notes", ())),
        # The line above it names the file.
        error=(row.error or "").removeprefix(f"{shown(row.source)}: "),
    )


def _text(jpeg: bytes | None) -> str | None:
    return None if jpeg is None else base64.b64encode(jpeg).decode()
