"""What an evaluation calls as it goes."""

from collections.abc import Callable

OnStep = Callable[[str], None]
"""Called with a description of each step before it begins."""

OnDone = Callable[[int, int], None]
"""Called within a step, with what is done of it and the whole."""


def unheard(done: int, total: int) -> None:
    """Do nothing: an `OnDone` where nobody listens."""
