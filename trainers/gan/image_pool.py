"""A history of fakes, half of which the discriminator sees again.

Shrivastava et al., CVPR 2017, section 2.3; used by CycleGAN with 50 images.
"""

from typing import Any

import torch
from torch import Tensor


class ImagePool:
    """Keeps up to ``size`` fakes; 0 keeps none and hands everything through."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._kept: list[Tensor] = []

    def exchange(self, fakes: Tensor) -> Tensor:
        """Take fakes in; return as many, about half of them older ones.

        Until the pool is full every fake is kept and returned.
        """
        if self.size == 0:
            return fakes
        returned = []
        for fake in fakes.detach():
            if len(self._kept) < self.size:
                self._kept.append(fake.clone())
                returned.append(fake)
            elif float(torch.rand(())) < 0.5:
                place = int(torch.randint(self.size, ()))
                # After a resume the pool lies on the CPU at first.
                returned.append(self._kept[place].to(fake.device))
                self._kept[place] = fake.clone()
            else:
                returned.append(fake)
        return torch.stack(returned)

    def state_dict(self) -> dict[str, Any]:
        """Return the images kept."""
        return {"kept": [fake.cpu() for fake in self._kept]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        self._kept = list(state["kept"])
