"""The figures of a report that are looked at first, in plain words."""

from dataclasses import dataclass

from trainers.evaluate.glossary import METRICS, heading
from trainers.evaluate.measurement import OURS, Measurement
from trainers.evaluate.report import Report, arrow, format_value


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One figure.

    Attributes:
        group: Of the measurement.
        part: The group in plain words; empty where it is that of the row before.
        what: The metric in plain words.
        arrow: To the better side; empty where there is none.
        figure: The value of our generator, with its interval or standard error.
    """

    group: str
    part: str
    what: str
    arrow: str
    figure: str


def summarise(report: Report) -> list[SummaryRow]:
    """Return the headline figures of our generators; of several videos those of all together."""
    chosen = [each for each in report.measurements if _is_headline(each)]
    if any(each.context.group == "clips/all" for each in chosen):
        chosen = [each for each in chosen if not each.context.group.startswith("clip/")]
    rows: list[SummaryRow] = []
    for each in chosen:
        group = each.context.group
        part = "" if rows and rows[-1].group == group else heading(group)
        what = METRICS[each.name].plain
        rows.append(SummaryRow(group, part, what, arrow(each).strip(), _figure(each)))
    return rows


def _is_headline(measurement: Measurement) -> bool:
    entry = METRICS.get(measurement.name)
    return (
        entry is not None
        and entry.headline
        and measurement.method == OURS
        and ", by " not in measurement.context.group
    )


def _figure(measurement: Measurement) -> str:
    """Write a value as it is read: a share in per cent, decibels with their unit."""
    unit = METRICS[measurement.name].unit
    if unit != "share":
        return format_value(measurement) + (f" {unit}" if unit else "")
    text = f"{100 * measurement.value:.1f} %"
    if measurement.interval is not None:
        low, high = (f"{100 * end:.1f}" for end in measurement.interval)
        return f"{text} ({low} to {high} %)"
    if measurement.standard_error is not None:
        return f"{100 * measurement.value:.1f} ± {100 * measurement.standard_error:.1f} %"
    return text
