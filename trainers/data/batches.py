"""From samples to training batches."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, default_collate

from trainers.data.samples import TrainingSamples


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Faces of which two neighbouring frames are known; n may be 0.

    Attributes:
        first: Pictures of one moment, as in `Batch`.
        second: The same faces in another frame near by, varied alike.
        to_second: Where in ``second`` each place of ``first`` lies, (n, 2, 3) in the coordinates of
            torch's ``affine_grid``.
    """

    first: Tensor
    second: Tensor
    to_second: Tensor

    def to(self, device: torch.device, *, non_blocking: bool = False) -> "Moments":
        """Return the moments on a device."""
        parts = (self.first, self.second, self.to_second)
        return Moments(*(part.to(device, non_blocking=non_blocking) for part in parts))


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One step's pictures, in [-1, 1], shape (n, 3, S, S), channels last; covers (n, 1, S, S).

    Attributes:
        bare: Bare faces.
        surgical: The same with the mask that ``mask`` learns to draw.
        surgical_cover: Its opacity.
        masked: The same faces with masks of every kind; some are left bare, with empty cover.
        masked_cover: Their opacity.
        target: What unmasking ``masked`` should give: ``bare`` with the same wear.
        real_masked: Other people with real masks.
        real_cover: Where those lie, as far as it is known; -1 throughout where it is not.
        bare_moments: Bare faces a moment apart; None where nobody asked for them.
        masked_moments: Really masked faces a moment apart, alike.
    """

    bare: Tensor
    surgical: Tensor
    surgical_cover: Tensor
    masked: Tensor
    masked_cover: Tensor
    target: Tensor
    real_masked: Tensor
    real_cover: Tensor
    bare_moments: Moments | None = None
    masked_moments: Moments | None = None

    def __len__(self) -> int:
        return len(self.bare)

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        moved: dict[str, Any] = {}
        for entry in fields(self):
            part = getattr(self, entry.name)
            moved[entry.name] = None if part is None else part.to(device, non_blocking=True)
        return Batch(**moved)


def _leave_ctrl_c_to_the_loop(worker: int) -> None:
    # A terminal sends it to the whole process group; the loop must still get its batch and save.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def batches(
    samples: TrainingSamples,
    *,
    batch_size: int,
    n_workers: int,
    part: tuple[int, int] = (0, 1),
    pinned: bool = False,
) -> Iterator[Batch]:
    """Yield whole batches in the samples' order.

    Args:
        samples: By number.
        batch_size: Samples a batch.
        n_workers: Processes that prepare them; 0 is none besides.
        part: ``(number, count)``: of each batch yield that one of so many equal parts.
        pinned: Put them, but for moments, where a GPU can fetch them while it works.
    """
    number, count = part
    share = batch_size // count
    first = number * share
    loader = DataLoader(
        samples,
        batch_sampler=[
            list(range(start + first, start + first + share))
            for start in range(0, len(samples) - batch_size + 1, batch_size)
        ],
        num_workers=n_workers,
        prefetch_factor=4 if n_workers else None,
        collate_fn=_stacked,
        pin_memory=pinned,
        worker_init_fn=_leave_ctrl_c_to_the_loop,
        # Its own, or starting the loader would draw from torch's and a resumed run would differ.
        generator=torch.Generator(),
    )
    for channels_last in loader:
        stacked: dict[str, Any] = {
            name: _channels_first(tensor) for name, tensor in channels_last.items()
        }
        moments: dict[str, Any] = {
            f"{name}_moments": _known_moments(
                *(stacked.pop(f"{name}_{key}") for key in ("first", "second", "to_second"))
            )
            for name in ("bare", "masked")
            if f"{name}_first" in stacked
        }
        yield Batch(**stacked, **moments)


def _known_moments(first: Tensor, second: Tensor, to_second: Tensor) -> Moments:
    known = ~torch.isnan(to_second[:, 0, 0])
    return Moments(first[known], second[known], to_second[known])


def _stacked(samples: list[dict[str, NDArray[np.float32]]]) -> dict[str, Tensor]:
    """Stack planes (c, S, S) with their channels last, where they lie in memory already."""
    stacked: dict[str, Tensor] = default_collate(
        [
            {name: np.moveaxis(a, 0, -1) if a.ndim == 3 else a for name, a in sample.items()}
            for sample in samples
        ]
    )
    return stacked


def _channels_first(tensor: Tensor) -> Tensor:
    """Give stacked planes torch's order of axes; they are not moved."""
    return tensor.permute(0, 3, 1, 2) if tensor.dim() == 4 else tensor
