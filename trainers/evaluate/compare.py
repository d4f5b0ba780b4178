"""Two evaluations side by side: differences, and whether they are more than noise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facemask_video.core.errors import ConfigError
from trainers.evaluate.figures import Figure, resampled_means
from trainers.evaluate.report import Report, number

_SURE = 2.0
"""Standard errors that a difference must exceed: what noise alone does once in 22 times."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure in two runs.

    Attributes:
        first: In the first run.
        second: In the second.
        noise: Standard error of the difference, where it can be told.
    """

    first: Figure
    second: Figure
    noise: float | None

    @property
    def value(self) -> float:
        """Second less first."""
        return self.second.value - self.first.value

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``changed``, ``same``, ``within noise`` or ``noise unknown``."""
        if self.value == 0:
            return "same"
        if self.noise is None:
            return "noise unknown"
        if abs(self.value) <= _SURE * self.noise:
            return "within noise"
        if not self.first.better:
            return "changed"
        return "better" if (self.value > 0) == (self.first.better == "higher") else "worse"


def compare(first: Report, second: Report) -> list[Difference]:
    """Return the figures that both runs hold.

    Where both were measured on the same samples, the noise is that of the differences sample by
    sample, which is far less than that of two separate means.

    Raises:
        ConfigError: They share no figure.
    """
    others = {figure.key: figure for figure in second.figures}
    shared = [
        Difference(figure, others[figure.key], _noise(figure, others[figure.key]))
        for figure in first.figures
        if figure.key in others
    ]
    if not shared:
        raise ConfigError("--compare: the two reports share no figure; were other sets judged?")
    return shared


def _noise(first: Figure, second: Figure) -> float | None:
    if len(first.samples) > 1 and first.samples.keys() == second.samples.keys():
        apart = [second.samples[name] - value for name, value in first.samples.items()]
        return float(resampled_means(np.array(apart), seed=first.about.seed).std())
    if first.noise is None or second.noise is None:
        return None
    return math.hypot(first.noise, second.noise)


def comparison_table(
    differences: Sequence[Difference], names: tuple[str, str]
) -> tuple[list[str], list[list[str]]]:
    """Lay out differences; returns the header and the rows' cells."""
    header = ["figure", *names, "difference", "verdict"]
    rows = []
    for each in differences:
        noise = "" if each.noise is None else f" ± {number(each.noise)}"
        figure = each.first
        rows.append(
            [
                f"{figure.about.group} {figure.name} ({figure.method})",
                number(figure.value),
                number(each.second.value),
                f"{'+' if each.value > 0 else ''}{number(each.value)}{noise}",
                each.verdict,
            ]
        )
    return header, rows


def comparison_markdown(differences: Sequence[Difference], names: tuple[str, str]) -> str:
    """Return one table; ± is the standard error of the difference."""
    header, rows = comparison_table(differences, names)
    lines = [header, ["---", "---:", "---:", "---:", "---"], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
