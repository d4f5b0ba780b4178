"""The result of an evaluation: measurements, their context, plots, and images to look at."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facemask_video import __version__
from facemask_video.core.errors import ConfigError
from facemask_video.core.frame import ImageU8
from trainers.evaluate.measurement import OURS, Measurement

FORMAT = "facemask-evaluation/1"


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Images side by side: a row a face, a column a method.

    Attributes:
        title: Shown above it.
        columns: Name of each column.
        rows: Images of one size.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[ImageU8, ...], ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a plot.

    Attributes:
        name: Shown beside it.
        x: Its points, ascending.
        y: Its points.
        low: Lower ends of their intervals.
        high: Upper ends of their intervals.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Curves:
    """Rates against rates, on a logarithmic axis.

    Attributes:
        group: Of the measurements that it stands beside.
        title: Shown above it.
        x_label: What goes to the right.
        y_label: What goes up, from 0.
        lines: One or more.
        marked_x: Where the measurements were made.
    """

    group: str
    title: str
    x_label: str
    y_label: str
    lines: tuple[Curve, ...]
    marked_x: float


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """All measurements of one evaluation.

    Attributes:
        measurements: In the order in which they are shown.
        config: The resolved configuration.
        files: SHA-256 of each network's file, by its role.
        notes: What was left out, and why.
        grids: For the page alone; they are not in the JSON.
        curves: For the page alone, likewise.
        unfinished: The step that an evaluation was in, or would have done next; empty where it
            came to its end.
    """

    measurements: tuple[Measurement, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
    curves: tuple[Curves, ...] = ()
    unfinished: str = ""

    def to_json(self) -> str:
        """Return the report without its images; equal evaluations give equal text."""
        plain = {
            "format": FORMAT,
            "version": __version__,
            "config": self.config,
            "files": self.files,
            "notes": self.notes,
            **({"unfinished": self.unfinished} if self.unfinished else {}),
            "figures": [measurement.as_plain() for measurement in self.measurements],
        }
        return json.dumps(plain, indent=1) + "\n"

    @classmethod
    def load(cls, path: Path) -> "Report":
        """Read the result of `to_json`.

        Raises:
            ConfigError: It cannot be read, or is no such report.
        """
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            if plain["format"] != FORMAT:
                raise ConfigError(f"{path}: format is {plain['format']!r}, expected {FORMAT!r}.")
            return cls(
                measurements=tuple(Measurement.from_plain(each) for each in plain["figures"]),
                config=plain["config"],
                files=plain["files"],
                notes=tuple(plain["notes"]),
                unfinished=plain.get("unfinished", ""),
            )
        except OSError as exc:
            raise ConfigError(f"{path}: cannot be read ({exc.strerror}).") from exc
        except (ValueError, KeyError, TypeError) as exc:
            raise ConfigError(
                f"{path}: not a report of facemask-train evaluate ({type(exc).__name__}: {exc})."
            ) from exc


def by_group(measurements: Sequence[Measurement]) -> dict[str, list[Measurement]]:
    """Return the measurements by group, in their order."""
    groups: dict[str, list[Measurement]] = {}
    for measurement in measurements:
        groups.setdefault(measurement.context.group, []).append(measurement)
    return groups


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of a group: its short name, the values of each method, the number of samples."""

    name: str
    cells: tuple[str, ...]

    @property
    def short(self) -> str:
        """The name without its arrow."""
        return self.name.partition(" ")[0]


def table(measurements: Sequence[Measurement]) -> tuple[list[str], list[Row]]:
    """Lay out the measurements of one group: a row a measurement, a column a method.

    Returns:
        What the cells are, and the rows.
    """
    methods = list(dict.fromkeys([OURS, *(measurement.method for measurement in measurements)]))
    names = list(dict.fromkeys(measurement.name for measurement in measurements))
    cells = {(measurement.name, measurement.method): measurement for measurement in measurements}
    rows = []
    for name in names:
        of_name = [cells.get((name, method)) for method in methods]
        known = [each for each in of_name if each is not None]
        values = ["" if each is None else format_value(each) for each in of_name]
        rows.append(Row(name + arrow(known[0]), (*values, str(known[0].n))))
    return [*methods, "n"], rows


def arrow(measurement: Measurement) -> str:
    """Return a blank and an arrow to the better side, or nothing where there is none."""
    return {"higher": " ↑", "lower": " ↓", "": ""}[measurement.better]


def format_value(measurement: Measurement) -> str:
    """Write a value with its standard error and interval.

    >>> from trainers.evaluate.measurement import Context
    >>> context = Context("g", "i", "f", 1)
    >>> format_value(Measurement("ssim", 0.91234, "higher", 9, context, standard_error=0.004))
    '0.912 ± 0.004'
    """
    text = format_number(measurement.value)
    if measurement.standard_error is not None:
        text += f" ± {format_number(measurement.standard_error)}"
    if measurement.interval is not None:
        low, high = measurement.interval
        text += f" ({format_number(low)} to {format_number(high)})"
    return text


def format_number(value: float) -> str:
    """Round a number for a table.

    >>> [format_number(v) for v in (0.0, 0.00001234, 0.12345, 31.4159, 1234.5)]
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


def context_lines(measurements: Sequence[Measurement]) -> list[str]:
    """Describe the contexts of one group, a line for all measurements that share one."""
    names: dict[str, list[str]] = {}
    for measurement in measurements:
        context = measurement.context
        line = f"{context.images}; {context.features}; seed {context.seed}"
        of_line = names.setdefault(line, [])
        if measurement.name not in of_line:
            of_line.append(measurement.name)
    return [f"{', '.join(of_line)}: {line}" for line, of_line in names.items()]


def unfinished_line(report: Report) -> str:
    """Say of an unfinished report where it ends."""
    return f"Unfinished: it ends before the step “{report.unfinished}”."
