"""A clip whose packets are the files of pictures, byte by byte."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.packet import Packet

from facemask_video.core.errors import VideoReadError, VideoWriteError
from facemask_video.video.probe import describe_error, local_url

_DEMUXER = {"jpeg": "jpeg_pipe", "png": "png_pipe", "tiff": "tiff_pipe"}


def join_pictures(files: Sequence[Path], target: Path, rate: Fraction, *, kind: str) -> None:
    """Write pictures of one kind and size as a QuickTime file, without decoding them.

    What a decoder of video gives for its frames is what it gives for the pictures.

    Args:
        files: JPEG, PNG or TIFF files.
        target: The file to write.
        rate: Frames a second.
        kind: ``jpeg``, ``png`` or ``tiff``.

    Raises:
        VideoReadError: A picture cannot be read as a frame.
        VideoWriteError: The file cannot be written.
    """
    options = {
        "video_track_timescale": str(rate.numerator),
        "movie_timescale": str(rate.numerator),
    }
    try:
        with (
            av.open(
                local_url(files[0]),
                # A file's name may be a pattern to the demuxer that it is otherwise given to.
                format=_DEMUXER[kind],
                container_options={"protocol_whitelist": "file"},
            ) as first,
            av.open(f"file:{target}", "w", format="mov", container_options=options) as output,
        ):
            stream = output.add_stream_from_template(first.streams.video[0])
            time_base = 1 / rate
            stream.time_base = time_base
            for index, file in enumerate(files):
                packet = Packet(file.read_bytes())
                packet.stream, packet.time_base = stream, time_base
                packet.pts = packet.dts = index
                packet.duration = 1
                packet.is_keyframe = True
                output.mux(packet)
    except (av.error.InvalidDataError, IndexError) as exc:
        raise VideoReadError(f"{files[0]}: cannot be read as a frame of a video.") from exc
    except (av.error.FFmpegError, OSError, ValueError) as exc:
        raise VideoWriteError(
            f"{target}: the pictures cannot be joined to a clip ({describe_error(exc)})."
        ) from exc
