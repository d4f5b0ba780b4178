"""Words of messages."""

import os
import re


def counted(number: int, noun: str) -> str:
    """Say a number and what it counts.

    >>> counted(1, "face"), counted(2, "face")
    ('1 face', '2 faces')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shown(path: "str | os.PathLike[str]") -> str:
    r"""Return a path as one line of plain text, whatever bytes and line ends its name holds.

    >>> shown("a\nb.mp4"), shown("caf\udce9.mp4")
    ('a\\nb.mp4', 'caf\\xe9.mp4')
    """
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def clock(seconds: float) -> str:
    """Return a time as h:mm:ss.

    >>> clock(3725.4)
    '1:02:05'
    """
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def shown_address(address: str) -> str:
    """Return an address without name and password.

    >>> shown_address("rtsp://me:secret@host:554/a")
    'rtsp://host:554/a'
    """
    return re.sub(r"(?<=://)[^/@]*@", "", address)
