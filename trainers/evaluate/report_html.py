"""The report as one page that needs nothing besides itself: tables, plots, pictures."""

import base64
from collections.abc import Sequence
from html import escape

import numpy as np

from facemask_video.core.frame import ImageU8
from facemask_video.core.pictures import encode_picture
from trainers.evaluate.compare import Difference, comparison_table
from trainers.evaluate.measurement import Measurement
from trainers.evaluate.report import Grid, Report, by_group, context_lines, format_value, table

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
  color: #1c2430; background: #fff; }
table { border-collapse: collapse; margin: .5rem 0 1rem; }
th, td { padding: .2rem .8rem; border-bottom: 1px solid #d8dee6; text-align: right;
  font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
.source, figcaption { color: #55606e; font-size: 13px; }
.better { color: #0a6b2d; font-weight: 600; } .worse { color: #a5231c; font-weight: 600; }
.scroll { overflow-x: auto; } .plots { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0 0 1.5rem; } img { max-width: 100%; height: auto; image-rendering: auto; }
@media (prefers-color-scheme: dark) { body { color: #e4e8ee; background: #14181d; }
  th, td { border-color: #333c47; } .source, figcaption { color: #9aa5b3; } text { fill: #e4e8ee; }
  .better { color: #5fd08a; } .worse { color: #ff8a80; } }
"""

_COLORS = ("#2563ab", "#9aa7b5", "#b9c2cc", "#cfd5dc", "#e0e4e9")
_JPEG_QUALITY = 88
_FACES_A_LINE = 8


def report_page(report: Report) -> str:
    """Return the page of one evaluation."""
    parts = []
    for group, figures in by_group(report.measurements).items():
        header, rows = table(figures)
        parts.append(f"<h2>{escape(group)}</h2>{_table(header, rows)}")
        plots = "".join(_bars(each) for each in _by_name(figures) if len(each) > 1)
        parts.append(f'<div class="plots">{plots}</div>')
        parts += [f'<p class="source">{escape(line)}</p>' for line in context_lines(figures)]
        parts += [_grid(grid) for grid in report.grids if grid.title.startswith(f"{group}:")]
    if report.notes:
        notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
        parts.append(f"<h2>Left out</h2><ul>{notes}</ul>")
    files = [[role, sha256] for role, sha256 in report.files.items()]
    if files:
        parts.append("<h2>Networks</h2>" + _table(["role", "SHA-256"], files))
    return _page("Evaluation", parts)


def comparison_page(differences: Sequence[Difference], names: tuple[str, str]) -> str:
    """Return the page of two evaluations side by side."""
    header, rows = comparison_table(differences, names)
    return _page("Comparison", [_table(header, rows)])


def _page(title: str, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body><h1>{title}</h1>"
        "<p>± is the standard error; ↑ and ↓ point to the better side.</p>\n"
        f"{body}\n</body></html>\n"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _cell(text: str) -> str:
    marked = f' class="{text}"' if text in ("better", "worse") else ""
    return f"<td{marked}>{escape(text)}</td>"


def _by_name(figures: Sequence[Measurement]) -> list[list[Measurement]]:
    by_name: dict[str, list[Measurement]] = {}
    for figure in figures:
        by_name.setdefault(figure.name, []).append(figure)
    return list(by_name.values())


def _bars(figures: Sequence[Measurement]) -> str:
    """Draw one figure of every method as bars from 0, with a line of two standard errors."""
    left, width, row = 100, 330, 20
    reach = [abs(figure.value) + 2 * (figure.standard_error or 0) for figure in figures]
    scale = (width - left - 70) / max(*reach, 1e-12)
    bars = []
    for place, figure in enumerate(figures):
        y, length = 24 + place * row, max(0.0, figure.value) * scale
        error = 2 * (figure.standard_error or 0) * scale
        end = left + length
        bars.append(
            f'<text x="{left - 6}" y="{y + 11}" text-anchor="end">{escape(figure.method)}</text>'
            f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{row - 6}" '
            f'fill="{_COLORS[min(place, len(_COLORS) - 1)]}"/>'
            f'<path d="M{end - error:.1f} {y + 7}H{end + error:.1f}" stroke="#d97706" '
            'stroke-width="2"/>'
            f'<text x="{end + error + 4:.1f}" y="{y + 11}">'
            f"{escape(format_value(figure).partition(' ')[0])}</text>"
        )
    height = 28 + row * len(figures)
    return (
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-size="11" font-family="system-ui, sans-serif" role="img">'
        f'<text x="0" y="12" font-weight="600">{escape(figures[0].name)}</text>'
        f"{''.join(bars)}</svg>"
    )


def _grid(grid: Grid) -> str:
    # Faces run from left to right, so that methods stand one below the other and are compared.
    strips = []
    for start in range(0, len(grid.rows), _FACES_A_LINE):
        faces = [np.vstack(list(row)) for row in grid.rows[start : start + _FACES_A_LINE]]
        blank = np.full_like(faces[0], 255)
        strips.append(
            np.hstack(faces + [blank] * (min(len(grid.rows), _FACES_A_LINE) - len(faces)))
        )
    image = np.vstack(strips)
    caption = f"{grid.title}. From top to bottom: {', '.join(grid.columns)}."
    return (
        f'<figure><div class="scroll"><img alt="{escape(caption)}" src="{data_uri(image)}"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def data_uri(image: ImageU8) -> str:
    """Return a picture (h, w, 3), RGB, as a JPEG in a URI."""
    encoded = encode_picture(image, ".jpg", quality=_JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(encoded).decode()
