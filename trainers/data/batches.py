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

from trainers.data.samples import PairedSamples, TrainingSamples


@dataclass(frozen=True, slots=True, eq=False)
class FramePairs:
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

    def to(self, device: torch.device, *, non_blocking: bool = False) -> "FramePairs":
        """Return the pairs on a device."""
        parts = (self.first, self.second, self.to_second)
        return FramePairs(*(part.to(device, non_blocking=non_blocking) for part in parts))


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One step's pictures, in [-1, 1], shape (n, 3, S, S), channels last; opacities (n, 1, S, S).

    Attributes:
        bare: Bare faces.
        surgical: The same with the mask that ``mask`` learns to draw.
        surgical_alpha: Its opacity.
        masked: The same faces with masks of every kind; some are left bare, with an opacity of 0.
        masked_alpha: Their opacity.
        target: What unmasking ``masked`` should give: ``bare`` with the same degradation.
        real_masked: Other people with real masks.
        real_alpha: Where those lie, as far as it is known; -1 throughout where it is not.
        bare_frame_pairs: Bare faces a moment apart; None where nobody asked for them.
        masked_frame_pairs: Really masked faces a moment apart, alike.
    """

    bare: Tensor
    surgical: Tensor
    surgical_alpha: Tensor
    masked: Tensor
    masked_alpha: Tensor
    target: Tensor
    real_masked: Tensor
    real_alpha: Tensor
    bare_frame_pairs: FramePairs | None = None
    masked_frame_pairs: FramePairs | None = None

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
    samples: TrainingSamples | PairedSamples,
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
        pinned: Put them, but for frame_pairs, where a GPU can fetch them while it works.
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
        frame_pairs: dict[str, Any] = {
            f"{name}_frame_pairs": _known_pairs(
                *(stacked.pop(f"{name}_{key}") for key in ("first", "second", "to_second"))
            )
            for name in ("bare", "masked")
            if f"{name}_first" in stacked
        }
        yield Batch(**stacked, **frame_pairs)


def _known_pairs(first: Tensor, second: Tensor, to_second: Tensor) -> FramePairs:
    known = ~torch.isnan(to_second[:, 0, 0])
    return FramePairs(first[known], second[known], to_second[known])


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
