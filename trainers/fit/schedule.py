"""How the optimisers' steps change with the images seen."""

import math
from dataclasses import dataclass, replace
from typing import Any

from trainers.config import LrPolicy, TrainConfig

_STEP = 0.1
_PLATEAU_STEP = 0.2
_LEAST_GAIN = 0.01
"""A loss that falls by less than this share of itself has stayed."""


def with_epochs(config: TrainConfig, n_bare: int) -> TrainConfig:
    """Turn epochs, passes over ``n_bare`` faces, into images; without epochs nothing changes."""
    optim = config.optim
    n_epochs = optim.n_epochs + optim.n_epochs_decay
    if n_epochs == 0:
        return config
    return replace(
        config,
        run=replace(config.run, images=n_epochs * n_bare),
        optim=replace(
            optim, lr_decay_images=optim.n_epochs_decay * n_bare or optim.lr_decay_images
        ),
    )


@dataclass(slots=True)
class Schedule:
    """What the base step is multiplied by.

    Attributes:
        policy: ``constant``; ``linear`` or ``cosine``: 1, then to 0 over the last
            ``decay_images``; ``step``: a tenth after each ``decay_images``; ``plateau``: a fifth
            after ``decay_images`` in which the losses did not fall.
        images: Of the whole run.
        decay_images: See above; 0 is the whole run, for ``step`` and ``plateau`` a quarter of it.
        level: What ``plateau`` has come to.
        best: Lowest mean loss that ``plateau`` has seen.
        best_at: Images seen then, or when the step last fell.
    """

    policy: LrPolicy
    images: int
    decay_images: int
    level: float = 1.0
    best: float = math.inf
    best_at: int = 0

    def __post_init__(self) -> None:
        if self.decay_images == 0:
            part = 4 if self.policy in ("step", "plateau") else 1
            self.decay_images = max(1, self.images // part)

    def factor(self, images_seen: int) -> float:
        """Return the factor after some images.

        >>> [Schedule("linear", 100, 50).factor(seen) for seen in (0, 50, 75, 100)]
        [1.0, 1.0, 0.5, 0.0]
        """
        if self.policy == "constant":
            return 1.0
        if self.policy == "plateau":
            return self.level
        if self.policy == "step":
            return float(_STEP ** (images_seen // self.decay_images))
        length = min(self.decay_images, self.images)
        done = min(1.0, max(0.0, (images_seen - (self.images - length)) / length))
        return 1.0 - done if self.policy == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))

    def observe(self, loss: float, images_seen: int) -> None:
        """Let ``plateau`` know the mean loss of the images since the last call."""
        if loss < self.best - _LEAST_GAIN * abs(self.best) or math.isinf(self.best):
            self.best, self.best_at = loss, images_seen
        elif images_seen - self.best_at >= self.decay_images:
            self.level, self.best_at = self.level * _PLATEAU_STEP, images_seen

    def state_dict(self) -> dict[str, Any]:
        """Return what ``plateau`` remembers."""
        return {"level": self.level, "best": self.best, "best_at": self.best_at}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        self.level, self.best, self.best_at = state["level"], state["best"], state["best_at"]
