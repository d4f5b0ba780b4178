"""What of a header only FFmpeg's printed description tells.

PyAV hands out neither the side data of a container's stream (its crop, the mapping of a 360 degree
picture), nor where its chroma samples lie, nor the tags of a programme, in which a transport stream
names its service.
"""

import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any, cast

import av
from av.container import InputContainer

# FFmpeg's log level is one for the process.
_LOCK = threading.Lock()
_LET_OTHERS_LOG_S = 0.002
_SERVICE_TAGS = ("service_name", "service_provider")

SITINGS = ("left", "center", "topleft", "top", "bottomleft", "bottom")
"""FFmpeg's names of the places of chroma samples, in the order of their numbers in H.264."""


@dataclass(frozen=True, slots=True)
class HeaderDump:
    """A header as FFmpeg prints it.

    Attributes:
        side_data: For each stream's index what its container says beside the packets, by name.
        service: Tags of the programme that a transport stream carries.
        chroma_siting: For each video stream's index where its header says that chroma samples lie,
            one of `SITINGS`.
    """

    side_data: dict[int, dict[str, str]] = field(default_factory=dict)
    service: dict[str, str] = field(default_factory=dict)
    chroma_siting: dict[int, str] = field(default_factory=dict)


def dump_header(container: InputContainer) -> HeaderDump:
    """Describe an open file."""
    with _LOCK:
        av.logging.set_level(av.logging.INFO)
        # Below it chroma's siting is left out of the text. Nothing more is logged for it: what
        # PyAV hands on is decided by the level above.
        av.logging.set_libav_level(av.logging.VERBOSE)
        try:
            # Its stub does not know it.
            text: str = cast(Any, container).dumps_format()
        finally:
            av.logging.set_libav_level(av.logging.INFO)
            av.logging.set_level(None)
            # A decoder's thread of another file that had something to log meanwhile waits for the
            # interpreter. It must get it now: PyAV frees a decoder without letting go of the
            # interpreter, and that waits for the thread for ever.
            time.sleep(_LET_OTHERS_LOG_S)
    return parse_dump(text)


def silence_decoders() -> None:
    """Turn PyAV's logging off, as it is unless somebody turned it on.

    Older torchvision does so when it is imported. A decoder's thread that has something to
    log then waits for the interpreter, and PyAV frees a decoder without letting go of the
    interpreter: both wait for ever.
    """
    with _LOCK:
        if av.logging.get_level() is not None:
            av.logging.set_level(None)


def parse_dump(text: str) -> HeaderDump:
    r"""Read FFmpeg's description of a file.

    >>> text = "  Stream #0:1: Video: h264\n    Side data:\n      Frame Cropping: 100/60/20/30\n"
    >>> parse_dump(text).side_data
    {1: {'Frame Cropping': '100/60/20/30'}}
    >>> parse_dump("  Stream #0:0: Video: vp9, yuv420p(tv, topleft), 64x48, 1k tbn").chroma_siting
    {0: 'topleft'}
    >>> parse_dump("  Program 1 \n    Metadata:\n      service_name    : One\n").service
    {'service_name': 'One'}
    """
    found = HeaderDump()
    index, inside = -1, False
    for line in text.splitlines():
        stream = re.match(r" {2}Stream #\d+:(\d+)", line)
        if stream is not None:
            index, inside = int(stream[1]), False
            tags = re.search(r", \w+\((.*?)\), \d+x\d+", line)
            for siting in set(SITINGS) & set(tags[1].split(", ") if tags else ()):
                found.chroma_siting[index] = siting
        elif line.strip() == "Side data:":
            inside = True
        elif not line.startswith("      "):
            inside = False
        else:
            name, _, value = line.strip().partition(":")
            if inside:
                found.side_data.setdefault(index, {})[name.strip()] = value.strip()
            elif index < 0 and name.strip() in _SERVICE_TAGS:
                found.service.setdefault(name.strip(), value.strip())
    return found
