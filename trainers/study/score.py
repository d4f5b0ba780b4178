"""What the people of a study answered: how often outputs were taken for photographs."""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from facemask_video.core.errors import ConfigError
from trainers.study.page import FORMAT

logger = logging.getLogger(__name__)

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Answer:
    """One trial that counts."""

    session: str
    generator: str
    direction: str
    fooled: bool


@dataclass(frozen=True, slots=True)
class Score:
    """The answers to one generator and direction.

    Attributes:
        generator: Empty for all together.
        direction: Empty where it was not stated.
        fooled: Trials in which the output was taken for the photograph.
        trials: In all.
        persons: Who gave them.
    """

    generator: str
    direction: str
    fooled: int
    trials: int
    persons: int

    @property
    def rate(self) -> float:
        """Share of trials fooled; 0.5 is what a perfect output reaches."""
        return self.fooled / self.trials

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval at `CONFIDENCE`; it takes trials of one person for independent."""
        found = binomtest(self.fooled, self.trials).proportion_ci(CONFIDENCE, method="wilson")
        return float(found.low), float(found.high)


def read_answers(paths: Iterable[Path]) -> list[Answer]:
    """Read result files; a session that comes twice counts once, practice does not count.

    Raises:
        ConfigError: A file cannot be read or is no result of a study, or results of different
            studies are mixed.
    """
    answers: list[Answer] = []
    sessions: dict[str, Path] = {}
    studies: dict[str, Path] = {}
    for path in paths:
        result = _read(path)
        try:
            session, study = str(result["session"]), str(result["study"])
            given = [
                Answer(session, str(t["generator"]), str(t["direction"]), _is_true(t["fooled"]))
                for t in result["trials"]
            ]
        except (KeyError, TypeError, ValueError) as exc:
            raise ConfigError(
                f"{path}: not a whole result of a study ({type(exc).__name__}: {exc})."
            ) from exc
        if session in sessions:
            logger.warning("%s: the same session as %s; counted once.", path, sessions[session])
            continue
        sessions[session] = path
        studies.setdefault(study, path)
        if len(studies) > 1:
            other = next(iter(studies.values()))
            raise ConfigError(f"{path}: from another page than {other}; score them one by one.")
        answers += given
    if not answers:
        raise ConfigError("study: the results hold no answered trial.")
    return answers


def scores(answers: Sequence[Answer]) -> list[Score]:
    """Return the score of each generator and direction, and of all together at the end."""
    kinds = sorted({(answer.generator, answer.direction) for answer in answers})
    rows = [
        _score(*kind, [a for a in answers if (a.generator, a.direction) == kind]) for kind in kinds
    ]
    return rows if len(rows) == 1 else [*rows, _score("", "", answers)]


def to_markdown(rows: Sequence[Score]) -> str:
    """Return a table; 50 % is what chance gives, and the best that an output can reach."""
    lines = [
        "| generator | direction | fooled | 95 % interval | trials | persons |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        low, high = row.interval
        lines.append(
            f"| {row.generator or 'all'} | {row.direction or '-'} | {row.rate:.1%} | "
            f"{low:.1%} to {high:.1%} | {row.trials} | {row.persons} |"
        )
    return "\n".join(lines) + "\n"


def to_plain(rows: Sequence[Score]) -> list[dict[str, Any]]:
    """Return the scores as JSON-ready data."""
    return [
        {
            "generator": row.generator,
            "direction": row.direction,
            "fooled": row.fooled,
            "trials": row.trials,
            "persons": row.persons,
            "rate": row.rate,
            "interval": list(row.interval),
        }
        for row in rows
    ]


def _score(generator: str, direction: str, answers: Sequence[Answer]) -> Score:
    return Score(
        generator=generator,
        direction=direction,
        fooled=sum(answer.fooled for answer in answers),
        trials=len(answers),
        persons=len({answer.session for answer in answers}),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read ({exc.strerror}).") from exc
    except ValueError as exc:
        raise ConfigError(f"{path}: is not JSON ({exc}).") from exc
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise ConfigError(f"{path}: not a result of a study; expected format {FORMAT!r}.")
    return result


def _is_true(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"fooled is {value!r}, expected true or false")
    return value
