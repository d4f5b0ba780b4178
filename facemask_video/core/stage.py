"""What a stage of the pipeline is."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)


class Stage(Protocol[In, Out]):
    """Turns one iterator into another.

    The law: one item out for one item in, in order; inputs are never changed in place; every buffer
    has a stated bound and is flushed at the end; no files and no threads. Because ``In`` and
    ``Out`` are typed, the type checker refuses stages wired in the wrong order.
    """

    def __call__(self, items: Iterable[In], /) -> Iterator[Out]:
        """Yield one item for each of ``items``."""
        ...
