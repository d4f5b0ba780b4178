"""One measured number, with all that is needed to read and to compare it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

N_RESAMPLES = 1000
"""Of every bootstrap: the noise of a standard error is then about 2 %."""

OURS = "ours"
"""Method of figures that our generators made; baselines carry their own names."""


@dataclass(frozen=True, slots=True)
class About:
    """What a figure says of itself besides its value.

    Attributes:
        group: What was judged, such as ``unmask/pairs``.
        images: The pictures, in words.
        features: What was computed from them, in words.
        seed: Of everything random in it.
    """

    group: str
    images: str
    features: str
    seed: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One number.

    Attributes:
        name: With its unit as suffix where it has one.
        value: The number.
        better: ``higher``, ``lower``, or empty where neither is.
        n: Samples behind it.
        about: The rest.
        method: Whose outputs: `OURS` or a baseline.
        noise: Standard error, where it can be told.
        samples: One value a sample, by the sample's name, where the figure is their mean.
    """

    name: str
    value: float
    better: str
    n: int
    about: About
    method: str = OURS
    noise: float | None = None
    samples: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What makes it the same figure in another run."""
        return f"{self.about.group} | {self.name} | {self.method}"

    def as_plain(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        plain = asdict(self)
        return {**plain.pop("about"), **plain}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Figure":
        """Read what `as_plain` gave."""
        about = About(*(plain[key] for key in ("group", "images", "features", "seed")))
        own = ("name", "value", "better", "n", "method", "noise", "samples")
        return cls(about=about, **{key: plain[key] for key in own})


def averaged(
    name: str, samples: Mapping[str, float], about: About, *, better: str, method: str = OURS
) -> Figure:
    """Make a figure of the mean of samples; the noise of two or more is the bootstrap's."""
    values = np.array(list(samples.values()), dtype=np.float64)
    return Figure(
        name=name,
        value=float(values.mean()),
        better=better,
        n=len(values),
        about=about,
        method=method,
        noise=float(resampled_means(values, seed=about.seed).std()) if len(values) > 1 else None,
        samples={key: round(float(value), 6) for key, value in samples.items()},
    )


def resampled_means(values: NDArray[np.float64], *, seed: int) -> NDArray[np.float64]:
    """Return the means of `N_RESAMPLES` samples drawn with replacement."""
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(values), size=(N_RESAMPLES, len(values)))
    return np.asarray(values[chosen].mean(axis=1))
