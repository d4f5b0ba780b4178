"""The report as one HTML page without external files: tables, plots, images."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facemask_video.core.frame import ImageU8
from facemask_video.core.pages import render_page
from facemask_video.core.pictures import encode_picture
from trainers.evaluate.compare import Difference, comparison_table
from trainers.evaluate.curve_plot import CurvePlot, lay_out
from trainers.evaluate.measurement import Measurement
from trainers.evaluate.report import (
    Grid,
    Report,
    by_group,
    context_lines,
    format_value,
    table,
    unfinished_line,
)

_COLORS = ("#2563ab", "#9aa7b5", "#b9c2cc", "#cfd5dc", "#e0e4e9")
_JPEG_QUALITY = 88
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
class _Section:
    """A table with what stands below it."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    plots: tuple[_Plot, ...] = ()
    context: Sequence[str] = ()
    images: tuple[_Image, ...] = ()
    curves: tuple[CurvePlot, ...] = ()


def report_page(report: Report) -> str:
    """Return the page of one evaluation."""
    sections = []
    for group, measurements in by_group(report.measurements).items():
        by_name: dict[str, list[Measurement]] = {}
        for measurement in measurements:
            by_name.setdefault(measurement.name, []).append(measurement)
        sections.append(
            _Section(
                group,
                *table(measurements),
                plots=tuple(_plot(each) for each in by_name.values() if len(each) > 1),
                context=context_lines(measurements),
                images=tuple(
                    _image(grid) for grid in report.grids if grid.title.startswith(f"{group}:")
                ),
                curves=tuple(lay_out(each) for each in report.curves if each.group == group),
            )
        )
    return _render(
        "Evaluation",
        sections,
        notes=report.notes,
        files=report.files,
        warning=unfinished_line(report) if report.unfinished else "",
    )


def comparison_page(differences: Sequence[Difference], names: tuple[str, str]) -> str:
    """Return the page of two evaluations side by side."""
    return _render("Comparison", [_Section("", *comparison_table(differences, names))])


def _render(
    title: str,
    sections: Sequence[_Section],
    *,
    notes: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    warning: str = "",
) -> str:
    return render_page(
        "trainers.evaluate",
        "report.html",
        title=title,
        sections=sections,
        notes=notes,
        files=files or {},
        warning=warning,
    )


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
    return _Plot(measurements[0].name, 28 + _ROW * len(measurements), tuple(bars))


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
