"""Samples that are made when asked for: number i of a series is always the same."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from torch.utils.data import Dataset

from trainers.data.crops import CropSet

S = TypeVar("S")


@dataclass(frozen=True, slots=True, eq=False)
class NumberedSamples(Dataset[S], ABC):
    """A series of samples made from faces.

    Attributes:
        bare: Bare faces.
        masked: Masked faces.
        seed: Names the series.
        count: How many samples there are.
    """

    bare: CropSet
    masked: CropSet
    seed: int
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> S:
        cv2.setNumThreads(0)
        return self.make(number, np.random.default_rng((self.seed, number)))

    @abstractmethod
    def make(self, number: int, rng: np.random.Generator) -> S:
        """Return a sample, given its own source of randomness."""
