"""Lay out curves as a plot: positions in px, which the page draws as SVG."""

import math
from dataclasses import dataclass

from trainers.evaluate.report import Curve, Curves, format_number

WIDTH, HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 12, 44

# Told apart by colour-blind people too (Okabe and Ito 2008), and by their dashes.
_COLORS = ("#0072b2", "#d55e00", "#009e73")
_DASHES = ("", "7 4", "2 3")


@dataclass(frozen=True, slots=True)
class Tick:
    """A number on an axis and where it stands."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """A curve's path, the area of its intervals, and what names it."""

    name: str
    path: str
    area: str
    color: str
    dash: str
    legend_y: float


@dataclass(frozen=True, slots=True)
class CurvePlot:
    """A plot, ready to be drawn; see `Curves`."""

    title: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    marked_at: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


def lay_out(curves: Curves) -> CurvePlot:
    """Return the plot of curves, x on a logarithmic axis, y from 0 to a round number."""
    first = math.log10(min(min(line.x) for line in curves.lines))
    last = math.log10(max(max(line.x) for line in curves.lines))
    span = max(last - first, 1e-9)
    highest, step = _round_top(max(max(line.high) for line in curves.lines))

    def x_at(value: float) -> float:
        return round(_LEFT + (math.log10(value) - first) / span * (WIDTH - _RIGHT - _LEFT), 1)

    def y_at(value: float) -> float:
        return round(HEIGHT - _BOTTOM - value / highest * (HEIGHT - _BOTTOM - _TOP), 1)

    def line(place: int, curve: Curve) -> Line:
        ends = [*zip(curve.x, curve.high, strict=True), *zip(curve.x, curve.low, strict=True)]
        upper, lower = ends[: len(curve.x)], ends[len(curve.x) :]
        return Line(
            curve.name,
            "M" + "L".join(f"{x_at(x)} {y_at(y)}" for x, y in zip(curve.x, curve.y, strict=True)),
            "M" + "L".join(f"{x_at(x)} {y_at(y)}" for x, y in [*upper, *reversed(lower)]) + "Z",
            _COLORS[place % len(_COLORS)],
            _DASHES[place % len(_DASHES)],
            _TOP + 16 + 18 * place,
        )

    powers = range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1)
    return CurvePlot(
        curves.title,
        curves.x_label,
        curves.y_label,
        tuple(Tick(x_at(10.0**power), f"{10.0**power:g}") for power in powers),
        tuple(
            Tick(y_at(count * step), format_number(count * step))
            for count in range(round(highest / step) + 1)
        ),
        tuple(line(place, curve) for place, curve in enumerate(curves.lines)),
        x_at(curves.marked_x),
    )


def _round_top(highest: float) -> tuple[float, float]:
    """Return the end of an axis from 0 that holds a value, and the step of its numbers.

    >>> _round_top(0.37), _round_top(0.04), _round_top(0.0)
    ((0.4, 0.1), (0.04, 0.01), (1.0, 0.25))
    """
    if highest <= 0:
        return 1.0, 0.25
    power = 10.0 ** math.floor(math.log10(highest))
    step = next(power * part for part in (0.25, 0.5, 1.0, 2.5) if highest <= 4.001 * power * part)
    n_steps = math.ceil(highest / step - 1e-3)
    return round(n_steps * step, 12), step
