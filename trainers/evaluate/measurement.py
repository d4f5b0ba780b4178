"""One measured value with its uncertainty and everything needed to compare it with another run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

N_RESAMPLES = 1000
"""Bootstrap resamples; the relative error of a standard error is then about 2 %."""

OURS = "ours"
"""Method of the generators under test; baselines carry their own names."""

Better = Literal["higher", "lower", ""]


@dataclass(frozen=True, slots=True)
class Context:
    """How a measurement was made.

    Attributes:
        group: What was evaluated, such as ``unmask/pairs``.
        images: The images, in words.
        features: What was computed from them, in words.
        seed: Of everything random in it.
    """

    group: str
    images: str
    features: str
    seed: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value of one metric.

    Attributes:
        name: Of the metric, with its unit as suffix where it has one.
        value: The number.
        better: ``higher``, ``lower``, or empty where neither is.
        n: Number of samples.
        context: How it was made.
        method: Whose outputs: `OURS` or a baseline.
        standard_error: Where it is known.
        interval: 95 % confidence interval, where it is known.
        samples: Value of each sample by the sample's name, where ``value`` is their mean.
    """

    name: str
    value: float
    better: Better
    n: int
    context: Context
    method: str = OURS
    standard_error: float | None = None
    interval: tuple[float, float] | None = None
    samples: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Identifies the same measurement in another run."""
        return f"{self.context.group} | {self.name} | {self.method}"

    def as_plain(self) -> dict[str, Any]:
        """Return it as JSON-ready data; the standard error is called ``noise`` there."""
        plain = asdict(self)
        if self.interval is None:
            del plain["interval"]
        return {
            **plain.pop("context"),
            **{("noise" if key == "standard_error" else key): plain[key] for key in plain},
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Measurement":
        """Read the result of `as_plain`."""
        context = Context(*(plain[key] for key in ("group", "images", "features", "seed")))
        own = {key: plain[key] for key in ("name", "value", "better", "n", "method", "samples")}
        interval = tuple(plain["interval"]) if "interval" in plain else None
        return cls(context=context, standard_error=plain["noise"], interval=interval, **own)


def mean_measurement(
    name: str,
    samples: Mapping[str, float],
    context: Context,
    *,
    better: Better,
    method: str = OURS,
) -> Measurement:
    """Return the mean of samples, with a bootstrap standard error for two samples or more."""
    values = np.array(list(samples.values()), dtype=np.float64)
    error = None
    if len(values) > 1:
        error = float(bootstrap_means(values, seed=context.seed).std())
    return Measurement(
        name=name,
        value=float(values.mean()),
        better=better,
        n=len(values),
        context=context,
        method=method,
        standard_error=error,
        samples={key: round(float(value), 6) for key, value in samples.items()},
    )


def bootstrap_means(values: NDArray[np.float64], *, seed: int) -> NDArray[np.float64]:
    """Return the means of `N_RESAMPLES` resamples of ``values`` drawn with replacement."""
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(values), size=(N_RESAMPLES, len(values)))
    return np.asarray(values[chosen].mean(axis=1))
