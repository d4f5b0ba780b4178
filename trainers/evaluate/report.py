"""What an evaluation found: figures, where they come from, and pictures to look at."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facemask_video import __version__
from facemask_video.core.errors import ConfigError
from facemask_video.core.frame import ImageU8
from trainers.evaluate.figures import OURS, Figure

FORMAT = "facemask-evaluation/1"


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Pictures side by side: a row a face, a column a method.

    Attributes:
        title: Above it.
        columns: What each column shows.
        rows: Pictures of one size.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[ImageU8, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """All figures of one evaluation.

    Attributes:
        figures: In the order in which they are shown.
        config: The resolved configuration.
        files: SHA-256 of each network's file, by its role.
        notes: What was left out, and why.
        grids: For the page alone; they are not in the JSON.
    """

    figures: tuple[Figure, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()

    def to_json(self) -> str:
        """Return the report without its pictures; equal evaluations give equal text."""
        plain = {
            "format": FORMAT,
            "version": __version__,
            "config": self.config,
            "files": self.files,
            "notes": self.notes,
            "figures": [figure.as_plain() for figure in self.figures],
        }
        return json.dumps(plain, indent=1) + "\n"

    @classmethod
    def load(cls, path: Path) -> "Report":
        """Read what `to_json` gave.

        Raises:
            ConfigError: It cannot be read, or is no such report.
        """
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            if plain["format"] != FORMAT:
                raise ConfigError(f"{path}: format is {plain['format']!r}, expected {FORMAT!r}.")
            return cls(
                figures=tuple(Figure.from_plain(each) for each in plain["figures"]),
                config=plain["config"],
                files=plain["files"],
                notes=tuple(plain["notes"]),
            )
        except OSError as exc:
            raise ConfigError(f"{path}: cannot be read ({exc.strerror}).") from exc
        except (ValueError, KeyError, TypeError) as exc:
            raise ConfigError(
                f"{path}: not a report of facemask-train evaluate ({type(exc).__name__}: {exc})."
            ) from exc


def groups(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """Return the figures by group, in their order."""
    by_group: dict[str, list[Figure]] = {}
    for figure in figures:
        by_group.setdefault(figure.about.group, []).append(figure)
    return by_group


def table(figures: Sequence[Figure]) -> tuple[list[str], list[list[str]]]:
    """Lay out the figures of one group: a row a figure, a column a method.

    Returns:
        The header, and the rows' cells.
    """
    methods = list(dict.fromkeys([OURS, *(figure.method for figure in figures)]))
    names = list(dict.fromkeys(figure.name for figure in figures))
    cells = {(figure.name, figure.method): figure for figure in figures}
    rows = []
    for name in names:
        of_name = [cells.get((name, method)) for method in methods]
        known = [figure for figure in of_name if figure is not None]
        arrow = {"higher": " ↑", "lower": " ↓", "": ""}[known[0].better]
        values = ["" if figure is None else shown(figure) for figure in of_name]
        rows.append([name + arrow, *values, str(known[0].n)])
    return ["figure", *methods, "n"], rows


def shown(figure: Figure) -> str:
    """Write a value with its noise.

    >>> from trainers.evaluate.figures import About
    >>> shown(Figure("ssim", 0.91234, "higher", 9, About("g", "i", "f", 1), noise=0.004))
    '0.912 ± 0.004'
    """
    value = number(figure.value)
    return value if figure.noise is None else f"{value} ± {number(figure.noise)}"


def number(value: float) -> str:
    """Write a number to what can be read in a table.

    >>> [number(v) for v in (0.0, 0.00001234, 0.12345, 31.4159, 1234.5)]
    ['0', '1.2e-05', '0.123', '31.42', '1234']
    """
    if value == 0:
        return "0"
    if abs(value) < 0.001:
        return f"{value:.1e}"
    return (
        f"{value:.3f}"
        if abs(value) < 10
        else f"{value:.2f}"
        if abs(value) < 100
        else f"{value:.0f}"
    )


def sources(figures: Sequence[Figure]) -> list[str]:
    """Say where the figures of one group come from, a line for all figures that share it."""
    names: dict[str, list[str]] = {}
    for figure in figures:
        about = figure.about
        line = f"{about.images}; {about.features}; seed {about.seed}"
        of_line = names.setdefault(line, [])
        if figure.name not in of_line:
            of_line.append(figure.name)
    return [f"{', '.join(of_line)}: {line}" for line, of_line in names.items()]


def to_markdown(report: Report) -> str:
    """Return a table for each group; ± is the standard error, ↑ and ↓ point to the better side."""
    parts = []
    for group, figures in groups(report.figures).items():
        header, rows = table(figures)
        lines = [
            f"### {group}",
            "",
            "| " + " | ".join(header) + " |",
            "| --- |" + " ---: |" * (len(header) - 1),
            *("| " + " | ".join(row) + " |" for row in rows),
            "",
            *(f"- {line}" for line in sources(figures)),
        ]
        parts.append("\n".join(lines))
    if report.notes:
        parts.append("\n".join(["### Left out", "", *(f"- {note}" for note in report.notes)]))
    files = [f"- {role}: `{sha256}`" for role, sha256 in report.files.items()]
    if files:
        parts.append("\n".join(["### Networks (SHA-256)", "", *files]))
    return "\n\n".join(parts) + "\n"
