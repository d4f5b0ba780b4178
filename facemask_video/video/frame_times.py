"""When the frames of a video are shown, by its packets alone."""

import contextlib
from fractions import Fraction
from pathlib import Path

import av

from facemask_video.core.errors import VideoReadError
from facemask_video.video.probe import (
    clock_may_jump,
    describe_error,
    open_main_video,
    stream_time_base,
)

_MOST = 500_000


def frame_times_s(path: Path) -> list[float]:
    """Return when a player shows each frame, in seconds from the clip's beginning, in order.

    Nothing is decoded. Frames whose packets carry no time are not among them; of a video with more
    than half a million frames the first ones are returned.

    Args:
        path: The video.

    Raises:
        VideoReadError: It cannot be read.
    """
    container, stream = open_main_video(path)
    times: list[int] = []
    with contextlib.closing(container):
        try:
            for packet in container.demux(stream):
                if packet.pts is not None and packet.size and not packet.is_discard:
                    times.append(packet.pts)
                    if len(times) == _MOST:
                        break
        except av.error.FFmpegError as exc:
            raise VideoReadError(f"{path}: cannot be read on ({describe_error(exc)}).") from exc
        tick = stream_time_base(stream)
        zero_s = Fraction(container.start_time or 0, av.time_base)
        if not clock_may_jump(container):
            zero_s = max(zero_s, Fraction(0))
    return [round(float(pts * tick - zero_s), 6) for pts in sorted(set(times))]
