"""Means of the losses between two lines of statistics, and how fast the run is."""

import math
import time
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from facemask_video.core.errors import TrainingError
from trainers.fit.processes import Processes
from trainers.gan.method import StepLosses


@dataclass(frozen=True, slots=True)
class Reading:
    """Means between two readings.

    Attributes:
        line: Images seen, images a second, and every loss by name.
        generator_loss: The sum of the generators' losses, unweighted.
    """

    line: dict[str, float]
    generator_loss: float


class Meter:
    """Gathers losses without waiting for the device, and averages them when asked.

    Of several processes each takes in its own losses, and all read the same means.
    """

    def __init__(self, processes: Processes | None = None) -> None:
        self._processes = processes or Processes()
        self._totals: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._of_discriminators: set[str] = set()
        self._n_images = 0
        self._started = time.monotonic()

    def add(self, losses: StepLosses, n_images: int) -> None:
        """Take in a step of ``n_images`` in all processes together."""
        self._of_discriminators |= losses.discriminator.keys()
        for name, value in (losses.generator | losses.discriminator).items():
            self._totals[name] = self._totals[name] + value if name in self._totals else value
            self._counts[name] = self._counts.get(name, 0) + 1
        self._n_images += n_images

    def state_dict(self) -> dict[str, Any]:
        """Return what was taken in since the last reading."""
        return {
            "sums": dict(self._totals),
            "counts": dict(self._counts),
            "of_discriminators": sorted(self._of_discriminators),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        self._totals, self._counts = dict(state["sums"]), dict(state["counts"])
        self._of_discriminators = set(state["of_discriminators"])

    def read(self, images_seen: int) -> Reading:
        """Return the means since the last reading and begin anew.

        Raises:
            TrainingError: A loss is not a number.
        """
        means = self._means()
        elapsed_s = max(time.monotonic() - self._started, 1e-9)
        rate = self._n_images / elapsed_s
        self._totals, self._counts, self._n_images = {}, {}, 0
        self._started = time.monotonic()
        broken = sorted(name for name, value in means.items() if not math.isfinite(value))
        if broken:
            raise TrainingError(
                f"after {images_seen:,} images {', '.join(broken)} is not a finite number any "
                "more; resume from the last checkpoint with a smaller --lr, or in fp32."
            )
        rounded = {name: round(value, 5) for name, value in means.items()}
        return Reading(
            {"images_seen": images_seen, "images_per_s": round(rate, 2), **rounded},
            sum(rounded[name] for name in rounded.keys() - self._of_discriminators),
        )

    def _means(self) -> dict[str, float]:
        totals: dict[str, float] = {}
        counts: dict[str, int] = {}
        for of_each in self._processes.gather(
            {name: (float(total), self._counts[name]) for name, total in self._totals.items()}
        ):
            for name, (total, count) in of_each.items():
                totals[name] = totals.get(name, 0.0) + total
                counts[name] = counts.get(name, 0) + count
        return {name: totals[name] / counts[name] for name in totals}
