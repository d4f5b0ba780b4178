"""Words of messages."""


def counted(number: int, noun: str) -> str:
    """Say a number and what it counts.

    >>> counted(1, "face"), counted(2, "face")
    ('1 face', '2 faces')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
