"""Mend the header of a finished AVI whose sound has packets of unequal length.

A copied stream keeps the block size that its source's header gives, and FFmpeg's muxer then says
that sound is made of blocks of that size, one after the other. For AAC and its like a packet lasts
as long as any other, whatever its size: players find it by counting packets, where the size of a
sample is 0 (AVISTREAMHEADER, dwSampleSize).
"""

import struct
from pathlib import Path

_HEADER_BYTES = 1 << 16
# Places in a stream's header (strh), from its first byte after name and size.
_LENGTH, _SAMPLE_SIZE = 32, 44


def count_packets_of(path: Path, packets: dict[int, int]) -> None:
    """Let the times of some streams be counted in packets.

    Args:
        path: The file.
        packets: How many packets each of those streams has, by its place among all.
    """
    if not packets:
        return
    with path.open("r+b") as file:
        head = file.read(_HEADER_BYTES)
        at, index = head.find(b"strh"), 0
        while at >= 0:
            (sample_size,) = struct.unpack_from("<I", head, at + 8 + _SAMPLE_SIZE)
            if index in packets and sample_size:
                file.seek(at + 8 + _LENGTH)
                file.write(struct.pack("<I", packets[index]))
                file.seek(at + 8 + _SAMPLE_SIZE)
                file.write(struct.pack("<I", 0))
            at, index = head.find(b"strh", at + 4), index + 1
