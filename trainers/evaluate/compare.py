"""Two evaluations side by side: differences, and whether they are more than noise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facemask_video.core.errors import ConfigError
from trainers.evaluate.measurement import Measurement, bootstrap_means
from trainers.evaluate.report import Report, format_number

_SIGNIFICANT = 2.0
"""Standard errors that a difference must exceed; noise alone does so once in 22 times."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One measurement in two runs.

    Attributes:
        first: In the first run.
        second: In the second.
        standard_error: Of the difference, where it is known.
    """

    first: Measurement
    second: Measurement
    standard_error: float | None

    @property
    def value(self) -> float:
        """Second less first."""
        return self.second.value - self.first.value

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``changed``, ``same``, ``within noise`` or ``noise unknown``."""
        if self.value == 0:
            return "same"
        if self.standard_error is None:
            return "noise unknown"
        if abs(self.value) <= _SIGNIFICANT * self.standard_error:
            return "within noise"
        if not self.first.better:
            return "changed"
        return "better" if (self.value > 0) == (self.first.better == "higher") else "worse"


def compare(first: Report, second: Report) -> list[Difference]:
    """Return the measurements that both runs hold.

    Where both were measured on the same samples, the standard error is that of the paired
    differences, which is far less than that of two separate means.

    Raises:
        ConfigError: They share no measurement.
    """
    others = {measurement.key: measurement for measurement in second.measurements}
    shared = [
        Difference(each, others[each.key], _standard_error(each, others[each.key]))
        for each in first.measurements
        if each.key in others
    ]
    if not shared:
        raise ConfigError(
            "--compare: the two reports share no measurement; were other sets evaluated?"
        )
    return shared


def _standard_error(first: Measurement, second: Measurement) -> float | None:
    if len(first.samples) > 1 and first.samples.keys() == second.samples.keys():
        differences = [second.samples[name] - value for name, value in first.samples.items()]
        return float(bootstrap_means(np.array(differences), seed=first.context.seed).std())
    if first.standard_error is None or second.standard_error is None:
        return None
    return math.hypot(first.standard_error, second.standard_error)


def comparison_table(
    differences: Sequence[Difference], names: tuple[str, str]
) -> tuple[list[str], list[list[str]]]:
    """Lay out differences; returns the header and the rows' cells."""
    header = ["metric", *names, "difference", "verdict"]
    rows = []
    for each in differences:
        error = "" if each.standard_error is None else f" ± {format_number(each.standard_error)}"
        measurement = each.first
        rows.append(
            [
                f"{measurement.context.group} {measurement.name} ({measurement.method})",
                format_number(measurement.value),
                format_number(each.second.value),
                f"{'+' if each.value > 0 else ''}{format_number(each.value)}{error}",
                each.verdict,
            ]
        )
    return header, rows


def comparison_markdown(differences: Sequence[Difference], names: tuple[str, str]) -> str:
    """Return one table; ± is the standard error of the difference."""
    header, rows = comparison_table(differences, names)
    lines = [header, ["---", "---:", "---:", "---:", "---"], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
