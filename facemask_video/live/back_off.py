"""How long is waited before a connection is tried again."""

_FIRST_S, _LONGEST_S = 0.5, 10.0


class BackOff:
    """Pauses that double, from half a second to ten."""

    def __init__(self) -> None:
        self._next_s = _FIRST_S

    def reset(self) -> None:
        """Begin anew, as something came through."""
        self._next_s = _FIRST_S

    def pause_s(self) -> float:
        """Return the next pause.

        >>> back_off = BackOff()
        >>> [back_off.pause_s() for _ in range(7)]
        [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
        """
        pause_s, self._next_s = self._next_s, min(_LONGEST_S, 2 * self._next_s)
        return pause_s
