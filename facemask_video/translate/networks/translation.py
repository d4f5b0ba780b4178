"""What a generator gives."""

from typing import NamedTuple

from torch import Tensor


class Translation(NamedTuple):
    """What a generator gives for a batch of images.

    Attributes:
        painted: Its picture, in [-1, 1], shape (n, 3, S, S).
        alpha: Where it replaces the input, in [0, 1], shape (n, 1, S, S).
    """

    painted: Tensor
    alpha: Tensor

    def over(self, image: Tensor) -> Tensor:
        """Return the translated image: painted under alpha, the input elsewhere."""
        return image + self.alpha * (self.painted - image)
