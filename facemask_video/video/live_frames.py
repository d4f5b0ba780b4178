"""Frames of a live run that go out as they are: Y4M in a pipe, and a virtual camera."""

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.video.stream import VideoStream

from facemask_video.core.errors import VideoWriteError
from facemask_video.core.frame import Frame
from facemask_video.video.encoder import y4m_format
from facemask_video.video.live_packets import CLOCK
from facemask_video.video.live_source import LiveForm
from facemask_video.video.native_frame import native
from facemask_video.video.pixel_format import converted
from facemask_video.video.probe import describe_error
from facemask_video.video.standard_streams import OutputWriting

# linux/videodev2.h: VIDIOC_S_FMT of a struct v4l2_format of 208 bytes, for an output.
_SET_FORMAT, _FORMAT_BYTES, _OUTPUT = 0xC0D05605, 208, 2
_YU12 = int.from_bytes(b"YU12", "little")
_NO_FIELDS, _SRGB = 1, 8
_DEVICES = Path("/sys/class/video4linux")


class PlainFrames:
    """Y4M on standard output: pictures at one rate, where a frame that is missing is shown twice.

    Args:
        output: Where it goes.
        form: How frames look.
        rate: Frames a second.

    Raises:
        VideoWriteError: It cannot be written.
    """

    def __init__(self, output: OutputWriting, form: LiveForm, rate: Fraction) -> None:
        self._rate, self._format = rate, y4m_format(form.layout.name)
        self._begin: int | None = None
        self._count = 0
        with _reporting():
            self._output = av.open(
                output, "w", format="yuv4mpegpipe", container_options={"strict": "-1"}
            )
            stream = self._output.add_stream("rawvideo", rate=rate)
            assert isinstance(stream, VideoStream), "an encoder of video"
            stream.width, stream.height = form.tags.width_px, form.tags.height_px
            stream.pix_fmt = self._format
            self._stream = stream

    def write(self, frame: Frame) -> None:
        """Write a frame as often as its time asks for.

        Raises:
            VideoWriteError: Nobody reads it any more.
        """
        if self._begin is None:
            self._begin = frame.pts
        due = round((frame.pts - self._begin) * CLOCK * self._rate) + 1
        picture = converted(native(frame), self._format)
        while self._count < due:
            picture.pts, picture.time_base = self._count, 1 / self._rate
            self._count += 1
            with _reporting():
                self._output.mux(self._stream.encode(picture))

    def finish(self) -> None:
        """End the stream.

        Raises:
            VideoWriteError: Nobody reads it any more.
        """
        with _reporting():
            self._output.mux(self._stream.encode(None))
            self._output.close()


@contextmanager
def _reporting() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as exc:
        raise VideoWriteError("standard output: nobody reads it any more.") from exc
    except (av.error.FFmpegError, ValueError, OSError) as exc:
        raise VideoWriteError(
            f"standard output: cannot be written ({describe_error(exc)})."
        ) from exc


def device_of(name: str) -> Path:
    """Return the device that ``device:NAME`` names, by the name that the system shows for it.

    Raises:
        VideoWriteError: There is none of that name.
    """
    wanted = name.partition(":")[2]
    found = {}
    for entry in sorted(_DEVICES.glob("video*")):
        try:
            found[(entry / "name").read_text().strip()] = Path("/dev") / entry.name
        except OSError:
            continue
    if wanted not in found:
        there = ", ".join(found) or "none"
        raise VideoWriteError(f"{name}: there is no such device; there are: {there}.")
    return found[wanted]


class VideoDevice:
    """A virtual camera of v4l2loopback, which other programs read; 8 bit 4:2:0.

    Args:
        path: The device.
        form: How frames look.

    Raises:
        VideoWriteError: It is not there, taken, or takes no pictures.
    """

    def __init__(self, path: Path, form: LiveForm) -> None:
        self._path = path
        width, height = form.tags.width_px, form.tags.height_px
        size = width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)
        about = struct.pack(
            "<I4x8I", _OUTPUT, width, height, _YU12, _NO_FIELDS, width, size, _SRGB, 0
        )
        try:
            self._fd = os.open(path, os.O_WRONLY)
        except OSError as exc:
            raise VideoWriteError(f"{path}: {_why_not(exc)}") from exc
        try:
            fcntl.ioctl(self._fd, _SET_FORMAT, about.ljust(_FORMAT_BYTES, b"\0"))
        except OSError as exc:
            os.close(self._fd)
            raise VideoWriteError(f"{path}: {_why_not(exc)}") from exc

    def write(self, frame: Frame) -> None:
        """Show a frame.

        Raises:
            VideoWriteError: The device is gone.
        """
        picture = converted(native(frame), "yuv420p")
        try:
            os.write(self._fd, picture.to_ndarray().tobytes())
        except OSError as exc:
            raise VideoWriteError(f"{self._path}: {_why_not(exc)}") from exc

    def finish(self) -> None:
        """Let go of the device."""
        os.close(self._fd)


def _why_not(exc: OSError) -> str:
    if exc.errno == errno.ENOENT:
        return "there is no such device; load v4l2loopback."
    if exc.errno == errno.EBUSY:
        return "is taken by another program."
    if exc.errno in (errno.ENOTTY, errno.EINVAL):
        return "takes no pictures; name a device of v4l2loopback."
    return f"cannot be written ({exc.strerror})."
