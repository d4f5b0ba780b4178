"""The report as one HTML page without external files: summary, tables, plots, images, glossary."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facemask_video.core.frame import ImageU8
from facemask_video.core.pages import render_page
from facemask_video.core.pictures import encode_picture
from trainers.evaluate.compare import Difference, comparison_table
from trainers.evaluate.curve_plot import CurvePlot, lay_out
from trainers.evaluate.glossary import METHODS, METRICS, entries, heading, plain_name
from trainers.evaluate.measurement import Measurement
from trainers.evaluate.report import (
    Grid,
    Report,
    Row,
    by_group,
    context_lines,
    format_value,
    table,
    unfinished_line,
)
from trainers.evaluate.summary import summarise

_COLORS = ("#2563ab", "#9aa7b5", "#b9c2cc", "#cfd5dc", "#e0e4e9")
_JPEG_QUALITY = 88
_BY = ", by "
_FACES_A_LINE = 8
# Of a plot, in px: where bars begin, how long the longest may be, and from one to the next.
_LEFT, _LONGEST, _ROW = 100, 160, 20


@dataclass(frozen=True, slots=True)
class _Bar:
    """One method of a plot; positions in px, ``low`` and ``high`` two standard errors off."""

    method: str
    y: int
    length: float
    low: float
    high: float
    value: str
    color: str


@dataclass(frozen=True, slots=True)
class _Plot:
    title: str
    height: int
    bars: tuple[_Bar, ...]
    left: int = _LEFT


@dataclass(frozen=True, slots=True)
class _Image:
    caption: str
    uri: str


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a table: a name in plain words and in short, where it is explained, and cells."""

    plain: str
    cells: Sequence[str]
    short: str = ""
    arrow: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class _Section:
    """A table with what stands below it."""

    title: str
    header: Sequence[str]
    rows: Sequence[_Row]
    group: str = ""
    link: str = ""
    plots: tuple[_Plot, ...] = ()
    context: Sequence[str] = ()
    images: tuple[_Image, ...] = ()
    curves: tuple[CurvePlot, ...] = ()

    @property
    def level(self) -> int:
        """Rank of its heading: measurements by an attribute stand below those of all faces."""
        return 3 if _BY in self.group else 2


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the contents."""

    title: str
    link: str
    parts: tuple["_Entry", ...] = ()


@dataclass(frozen=True, slots=True)
class _SummaryRow:
    """A row of the summary; see `SummaryRow`."""

    part: str
    link: str
    what: str
    arrow: str
    figure: str


@dataclass(frozen=True, slots=True)
class _Word:
    """An entry of the glossary."""

    plain: str
    meaning: str
    short: str = ""
    link: str = ""


def report_page(report: Report) -> str:
    """Return the page of one evaluation."""
    groups = by_group(report.measurements)
    links = {group: f"section-{number}" for number, group in enumerate(groups, 1)}
    sections = []
    for group, measurements in groups.items():
        by_name: dict[str, list[Measurement]] = {}
        for measurement in measurements:
            by_name.setdefault(measurement.name, []).append(measurement)
        header, rows = table(measurements)
        sections.append(
            _Section(
                heading(group),
                header,
                [_row(row) for row in rows],
                group=group,
                link=links[group],
                plots=tuple(_plot(each) for each in by_name.values() if len(each) > 1),
                context=context_lines(measurements),
                images=tuple(
                    _image(grid) for grid in report.grids if grid.title.startswith(f"{group}:")
                ),
                curves=tuple(lay_out(each) for each in report.curves if each.group == group),
            )
        )
    summary = [
        _SummaryRow(row.part, links[row.group], row.what, row.arrow, row.figure)
        for row in summarise(report)
    ]
    return _render(
        "Evaluation",
        sections,
        summary=summary,
        notes=report.notes,
        glossary=_glossary(report.measurements),
        files=report.files,
        warning=unfinished_line(report) if report.unfinished else "",
    )


def comparison_page(differences: Sequence[Difference], names: tuple[str, str]) -> str:
    """Return the page of two evaluations side by side."""
    header, lines = comparison_table(differences, names)
    rows = [
        _Row(
            f"{heading(each.first.context.group)}: {plain_name(each.first.name)}",
            cells,
            short=name,
            link=_link(each.first.name),
        )
        for each, (name, *cells) in zip(differences, lines, strict=True)
    ]
    compared = [difference.first for difference in differences]
    return _render("Comparison", [_Section("", header[1:], rows)], glossary=_glossary(compared))


def _render(
    title: str,
    sections: Sequence[_Section],
    *,
    glossary: Sequence[_Word],
    summary: Sequence[_SummaryRow] = (),
    notes: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    warning: str = "",
) -> str:
    return render_page(
        "trainers.evaluate",
        "report.html",
        title=title,
        sections=sections,
        summary=summary,
        contents=_contents(sections, has_notes=bool(notes), has_files=bool(files)),
        notes=notes,
        glossary=glossary,
        files=[_Row(role, [sha256]) for role, sha256 in (files or {}).items()],
        warning=warning,
        has_images=any(section.images for section in sections),
    )


def _contents(sections: Sequence[_Section], *, has_notes: bool, has_files: bool) -> list[_Entry]:
    """List the sections, attributes beside the group that they are of; none of a single table."""
    if len(sections) == 1 and not sections[0].title:
        return []
    of_group: dict[str, list[_Entry]] = {}
    for section in sections:
        group, _, attribute = section.group.partition(_BY)
        title = f"by {attribute}" if attribute else section.title
        of_group.setdefault(group, []).append(_Entry(title, section.link))
    entries = [replace(first, parts=tuple(parts)) for first, *parts in of_group.values()]
    if has_notes:
        entries.append(_Entry("Left out", "left-out"))
    entries.append(_Entry("Glossary", "glossary"))
    if has_files:
        entries.append(_Entry("Networks", "networks"))
    return entries


def _row(row: Row) -> _Row:
    arrow = row.name.removeprefix(row.short).strip()
    return _Row(plain_name(row.short), row.cells, row.short, arrow, _link(row.short))


def _link(name: str) -> str:
    """Return where the glossary explains a metric; nothing where it does not."""
    return f"metric-{name}" if name in METRICS else ""


def _glossary(measurements: Sequence[Measurement]) -> list[_Word]:
    words = [
        _Word(entry.plain, entry.meaning, short=name, link=_link(name))
        for name, entry in entries(each.name for each in measurements).items()
    ]
    methods = {each.method for each in measurements}
    return words + [
        _Word(f"column “{method}”", f"{meaning[:1].upper()}{meaning[1:]}.")
        for method, meaning in METHODS.items()
        if method in methods
    ]


def _plot(measurements: Sequence[Measurement]) -> _Plot:
    """Lay out one metric of every method as bars from 0."""
    reach = [abs(each.value) + 2 * (each.standard_error or 0) for each in measurements]
    scale = _LONGEST / max(*reach, 1e-12)
    bars = []
    for place, measurement in enumerate(measurements):
        length = max(0.0, measurement.value) * scale
        error = 2 * (measurement.standard_error or 0) * scale
        bars.append(
            _Bar(
                measurement.method,
                24 + place * _ROW,
                round(length, 1),
                round(_LEFT + length - error, 1),
                round(_LEFT + length + error, 1),
                format_value(measurement).partition(" ")[0],
                _COLORS[min(place, len(_COLORS) - 1)],
            )
        )
    return _Plot(plain_name(measurements[0].name), 28 + _ROW * len(measurements), tuple(bars))


def _image(grid: Grid) -> _Image:
    # Faces run from left to right, so that methods stand one below the other and are compared.
    strips = []
    for start in range(0, len(grid.rows), _FACES_A_LINE):
        faces = [np.vstack(list(row)) for row in grid.rows[start : start + _FACES_A_LINE]]
        blank = np.full_like(faces[0], 255)
        strips.append(
            np.hstack(faces + [blank] * (min(len(grid.rows), _FACES_A_LINE) - len(faces)))
        )
    caption = f"{grid.title}. From top to bottom: {', '.join(grid.columns)}."
    return _Image(caption, _data_uri(np.vstack(strips)))


def _data_uri(image: ImageU8) -> str:
    encoded = encode_picture(image, ".jpg", quality=_JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(encoded).decode()
