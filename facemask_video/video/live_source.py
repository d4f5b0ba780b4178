"""Frames and sound as they come: from a camera, a screen, an address, or a file at its own pace.

Addresses are read here and nowhere else, because somebody named one as live: the protocols of its
own scheme are opened and no others, so a stream cannot have files of this machine read.
"""

import errno
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import av
import av.error
from av.container import InputContainer

from facemask_video.core.errors import ConfigError, VideoReadError
from facemask_video.core.frame import VideoInfo
from facemask_video.core.wording import shown_address
from facemask_video.video.continuous_clock import ContinuousClock
from facemask_video.video.header_dump import HeaderDump, dump_header, silence_decoders
from facemask_video.video.live_packets import (
    CLOCK,
    AudioTemplate,
    LivePacket,
    adts_header,
    without_adts,
)
from facemask_video.video.native_frame import FrameTools, NativeFrame
from facemask_video.video.orientation import UPRIGHT
from facemask_video.video.plane_layout import PlaneLayout, nearest_layout
from facemask_video.video.probe import (
    SAFE_OPTIONS,
    PictureTags,
    decoder_limit,
    describe_error,
    describe_picture,
    local_url,
    main_video,
    picture_tags,
    stream_time_base,
)
from facemask_video.video.steady_form import brought_into, what_changed

# What each kind of address may open.
_PROTOCOLS = {
    "rtsp": "rtsp,rtp,udp,tcp,tls,crypto",
    "rtsps": "rtsp,rtp,udp,tcp,tls,crypto",
    "http": "http,https,tcp,tls,crypto",
    "https": "http,https,tcp,tls,crypto",
    "udp": "udp",
    "rtp": "rtp,udp",
    "tcp": "tcp",
    "srt": "srt",
    "rtmp": "rtmp,rtmps,tcp,tls,crypto",
    "rtmps": "rtmp,rtmps,tcp,tls,crypto",
}
_FORMATS = (
    "rtsp,rtp,sdp,mpegts,flv,live_flv,hls,mpjpeg,mjpeg,matroska,mov,h264,hevc,yuv4mpegpipe,nut,"
    "aac,mp3,ogg"
)
# Left to itself FFmpeg looks at five seconds of a stream before it hands out the first picture.
_LOOK_AT_US = "1000000"
_LONGEST_NAP_S = 0.1
# Pictures and packets that are looked at for the form of the sound.
_MOST_BEGUN = 30


@dataclass(frozen=True, slots=True)
class LiveAddress:
    """Where pictures come from, as FFmpeg opens it.

    Attributes:
        name: What messages call it; without a password.
        url: What is opened.
        format_name: The demuxer; None finds it out.
        options: Of protocol and demuxer.
        is_file: Whether it ends, and is played at its own pace.
    """

    name: str
    url: str
    format_name: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    is_file: bool = False


def parse_source(
    text: str,
    *,
    realtime: bool,
    size: str | None = None,
    rate: str | None = None,
    options: Mapping[str, str] | None = None,
) -> LiveAddress:
    """Return what a source's name stands for.

    Args:
        text: ``camera:N``, a camera's device, ``screen``, an address, or a file.
        realtime: Whether a file is to be played at its own pace.
        size: WxH asked of a camera, or of a screen.
        rate: Frames a second asked of a camera, or of a screen.
        options: Further ones, which win.

    Raises:
        ConfigError: It is none of these, or a file that is not to be played.
    """
    given = dict(options or {})
    captured = {
        **({"video_size": size} if size else {}),
        **({"framerate": rate} if rate else {}),
        **given,
    }
    camera = re.fullmatch(r"camera:(\d+)|(/dev/video\d+)", text)
    if camera is not None:
        _on_linux(text)
        device = camera[2] or f"/dev/video{camera[1]}"
        return LiveAddress(device, device, "video4linux2", captured)
    screen = re.fullmatch(r"screen(?::(:\S+))?", text)
    if screen is not None:
        _on_linux(text)
        display = screen[1] or os.environ.get("DISPLAY", "")
        if not display:
            raise ConfigError("screen: there is no display here (DISPLAY is not set).")
        return LiveAddress(f"screen {display}", display, "x11grab", captured)
    address = re.match(r"([a-z][a-z0-9+.-]*)://", text, re.IGNORECASE)
    if address is not None:
        scheme = address[1].lower()
        if scheme not in _PROTOCOLS:
            raise ConfigError(
                f"{shown_address(text)}: {scheme} is no live protocol that is read here; those are "
                f"{', '.join(_PROTOCOLS)}."
            )
        opened = {
            "protocol_whitelist": _PROTOCOLS[scheme],
            "format_whitelist": _FORMATS,
            "fflags": "nobuffer",
            "analyzeduration": _LOOK_AT_US,
            **({"rtsp_transport": "tcp"} if scheme.startswith("rtsp") else {}),
            **given,
        }
        return LiveAddress(shown_address(text), text, None, opened)
    path = Path(text)
    if not path.is_file():
        raise ConfigError(
            f"{text}: is no camera, screen, address or file; such as camera:0, /dev/video0, screen "
            "or rtsp://host/stream."
        )
    if not realtime:
        raise ConfigError(
            f"{text}: is a file; add --realtime to play it at its own pace, or convert it by "
            "facemask-video IN OUT."
        )
    return LiveAddress(text, local_url(path), None, {**SAFE_OPTIONS, **given}, is_file=True)


def _on_linux(text: str) -> None:
    if not sys.platform.startswith("linux"):
        raise ConfigError(f"{text}: cameras and screens are read on Linux only.")


@dataclass(frozen=True, slots=True)
class LiveForm:
    """How pictures look in the first connection; those of later ones are brought into it."""

    info: VideoInfo
    tags: PictureTags
    layout: PlaneLayout


class LiveSource:
    """One connection to a source: its pictures and packets of sound, in the order they come.

    Attributes:
        form: How its pictures look, or those of the first connection.
        audio: Its sound; None where there is none.
        corrupt_packets: Packets that could not be decoded so far.
        changed: Frames so far that were brought into the first connection's form.

    Args:
        address: What to open.
        timeout_s: A source that is silent for so long is lost.
        max_pixels: Most px of a picture.
        form: Of the first connection; None where this is the first.
        stopped: Tells that nobody waits any more.

    Raises:
        VideoReadError: It cannot be opened, or gives no picture.
    """

    def __init__(
        self,
        address: LiveAddress,
        *,
        timeout_s: float,
        max_pixels: int,
        form: LiveForm | None,
        stopped: Callable[[], bool],
    ) -> None:
        self._address, self._stopped = address, stopped
        self.corrupt_packets = self.changed = 0
        self._tools = FrameTools()
        self._container = _open(address, timeout_s, max_pixels)
        try:
            self._stream = main_video(self._container, Path(address.name), max_pixels=max_pixels)
            # Threads that decode a frame each hold so many back.
            self._stream.codec_context.thread_type = "SLICE"
            # Before a decoder's threads run, which may log.
            siting = {} if form else dump_header(self._container).chroma_siting
            self._audio = next(iter(self._container.streams.audio), None)
            self.audio = None if self._audio is None else AudioTemplate.of(self._audio)
            self._items = self._read()
            self._first_items = self._begun()
            self._first = next(
                each for each in self._first_items if isinstance(each, av.VideoFrame)
            )
        except BaseException:
            self._container.close()
            raise
        self.form = form or self._own_form(self._first, siting)

    def close(self) -> None:
        """Close the connection."""
        self._container.close()

    def _own_form(self, picture: av.VideoFrame, siting: dict[int, str]) -> LiveForm:
        info = describe_picture(
            self._container,
            self._stream,
            picture,
            UPRIGHT,
            HeaderDump(chroma_siting=siting),
            Path(self._address.name),
        )
        return LiveForm(
            info, picture_tags(self._stream, picture), nearest_layout(picture.format.name)
        )

    def _begun(self) -> "list[av.VideoFrame | LivePacket]":
        """Return what comes up to the first picture, and the first sound where that tells its form.

        Raises:
            VideoReadError: No picture comes.
        """
        begun: list[av.VideoFrame | LivePacket] = []
        for item in self._items:
            begun.append(item)
            pictures = any(isinstance(each, av.VideoFrame) for each in begun)
            if pictures and (self._sound_is_known(begun) or len(begun) > _MOST_BEGUN):
                return begun
        if not any(isinstance(each, av.VideoFrame) for each in begun):
            raise VideoReadError(f"{self._address.name}: ended before its first picture.")
        return begun

    def _sound_is_known(self, begun: "list[av.VideoFrame | LivePacket]") -> bool:
        audio = self.audio
        if audio is None or audio.codec != "aac" or audio.header:
            return True
        return any(isinstance(each, LivePacket) for each in begun)

    def items(self, *, begin_s: float) -> "Iterator[NativeFrame | LivePacket]":
        """Yield pictures and packets of sound, once.

        Args:
            begin_s: Time of the run at which the first picture is shown; the others follow by the
                source's own clock.

        Raises:
            VideoReadError: The connection was lost.
        """
        first_s = self._time_s(self._first)
        shift_s = begin_s - first_s
        started = time.monotonic()
        last = -1
        for item in self._chained():
            if isinstance(item, LivePacket):
                yield item.moved(shift_s)
                continue
            own_s = self._time_s(item)
            if self._address.is_file:
                self._wait_until(started + own_s - first_s)
            # A clock that stands still or jumps back must not stop the output's.
            tick = max(last + 1, round((own_s + shift_s) / CLOCK))
            last = tick
            yield self._wrapped(item, tick)

    def _chained(self) -> "Iterator[av.VideoFrame | LivePacket]":
        yield from self._first_items
        self._first_items.clear()
        yield from self._items

    def _time_s(self, picture: av.VideoFrame) -> float:
        ticks = picture.pts if picture.pts is not None else (picture.dts or 0)
        return float(ticks * stream_time_base(self._stream))

    def _wait_until(self, due: float) -> None:
        while not self._stopped() and (left := due - time.monotonic()) > 0:
            time.sleep(min(left, _LONGEST_NAP_S))

    def _read(self) -> "Iterator[av.VideoFrame | LivePacket]":
        wanted = [self._stream, *([] if self._audio is None else [self._audio])]
        # Senders start anew, and recordings are played over and over.
        clock = ContinuousClock(video_index=self._stream.index, closes_pauses=True)
        try:
            for packet in clock.mend(self._container.demux(wanted)):
                if self._stopped():
                    return
                if self._audio is not None and packet.stream.index == self._audio.index:
                    if packet.size and packet.pts is not None:
                        sound = LivePacket.of_audio(packet)
                        if self.audio is not None and self.audio.codec == "aac":
                            self.audio.header = self.audio.header or adts_header(sound.data)
                            sound = replace(sound, data=without_adts(sound.data))
                        yield sound
                    continue
                try:
                    yield from cast("list[av.VideoFrame]", packet.decode())
                except av.error.InvalidDataError:
                    self.corrupt_packets += 1
        except (av.error.FFmpegError, OSError, ValueError) as exc:
            raise VideoReadError(f"{self._address.name}: {_why_lost(exc)}") from exc

    def _wrapped(self, picture: av.VideoFrame, tick: int) -> NativeFrame:
        form = self.form
        if what_changed(picture, form.tags, form.info.pixel_format) is not None:
            self.changed += 1
            picture = brought_into(picture, form.tags, form.layout.name)
        elif picture.format.name != form.layout.name:
            picture = picture.reformat(format=form.layout.name)
        picture.pts, picture.time_base = tick, CLOCK
        # Left in place, the source's picture types would be forced on the encoder.
        picture.pict_type = 0
        return NativeFrame(
            picture, form.layout, index=0, pts=tick, time_base=CLOCK, tools=self._tools
        )


def _open(address: LiveAddress, timeout_s: float, max_pixels: int) -> InputContainer:
    silence_decoders()
    began = time.monotonic()
    try:
        return av.open(
            address.url,
            mode="r",
            format=address.format_name,
            container_options=dict(address.options),
            options=decoder_limit(max_pixels),
            metadata_errors="surrogateescape",
            timeout=timeout_s,
        )
    except (av.error.FFmpegError, OSError, ValueError) as exc:
        # A wait that was cut short comes back as other errors, too.
        silent = time.monotonic() - began >= timeout_s
        raise VideoReadError(f"{address.name}: {_why_not_opened(exc, silent)}") from exc


def _why_not_opened(exc: Exception, silent: bool) -> str:
    code = getattr(exc, "errno", None)
    if silent or isinstance(exc, av.error.ExitError) or code == errno.ETIMEDOUT:
        return "does not answer (--timeout says how long is waited)."
    if code == errno.ECONNREFUSED:
        return "refuses the connection; check that its server runs."
    if code == errno.EBUSY:
        return "is taken by another program."
    if code == errno.ENOENT:
        return "is not there; check its name."
    if code == errno.EACCES:
        return "may not be opened; check its permissions."
    if isinstance(exc, av.error.ProtocolNotFoundError):
        return "this build of FFmpeg does not know the protocol."
    if isinstance(exc, av.error.InvalidDataError):
        return "answers, but with no stream that is read here."
    return f"cannot be opened ({describe_error(exc)})."


def _why_lost(exc: Exception) -> str:
    if isinstance(exc, av.error.ExitError):
        return "sent nothing for as long as --timeout says."
    return f"the connection was lost ({describe_error(exc)})."
