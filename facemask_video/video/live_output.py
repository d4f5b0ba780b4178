"""Encode the frames of a live run once, and write the packets into any number of containers."""

import contextlib
import errno
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.codec import Codec
from av.codec.context import Flags
from av.container import OutputContainer
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from facemask_video.config import VideoConfig
from facemask_video.core.errors import VideoWriteError
from facemask_video.core.frame import Frame
from facemask_video.core.wording import shown_address
from facemask_video.video.encoder import configure, plan_encoder
from facemask_video.video.held_streams import why_not_held
from facemask_video.video.live_packets import CLOCK, AudioTemplate, LivePacket
from facemask_video.video.live_source import LiveForm
from facemask_video.video.native_frame import native
from facemask_video.video.pixel_format import converted, range_and_matrix
from facemask_video.video.probe import describe_error
from facemask_video.video.standard_streams import OutputWriting
from facemask_video.video.target import container_options, header_tags

_KEY_EVERY_S = 2
_PUSHED_AS = {
    "rtsp": "rtsp",
    "rtsps": "rtsp",
    "rtmp": "flv",
    "rtmps": "flv",
    "udp": "mpegts",
    "srt": "mpegts",
    "tcp": "mpegts",
    "rtp": "rtp_mpegts",
}
_PICTURE_I = 1


def pushed_as(address: str) -> str | None:
    """Return FFmpeg's name of the container that is pushed to an address; None where none is.

    >>> pushed_as("rtmp://host/app/key"), pushed_as("out.mkv")
    ('flv', None)
    """
    scheme, found, _ = address.partition("://")
    return _PUSHED_AS.get(scheme.lower()) if found else None


class LiveEncoder:
    """Encodes frames at their times, without holding any back.

    Attributes:
        notes: Where its pictures are not the source's form.

    Args:
        video: How to encode.
        form: How the frames look.
        rate: Nominal frames a second.

    Raises:
        VideoWriteError: It cannot be encoded so.
    """

    def __init__(self, video: VideoConfig, form: LiveForm, rate: Fraction) -> None:
        self._form, self._rate = form, rate
        if video.encoder in ("libx264", "libx265"):
            tune = {"tune": "zerolatency", **video.encoder_options}
            video = replace(video, encoder_options=tune)
        self._plan = replace(
            plan_encoder(
                video,
                width_px=form.tags.width_px,
                height_px=form.tags.height_px,
                source_format=form.layout.name,
                time_base=CLOCK,
                frame_rate=rate,
                fixed_rate=False,
                interlaced=False,
            ),
            in_order=True,
        )
        self.notes = self._plan.notes
        self._context = Codec(self._plan.name, "w").create("video")
        self.set_up(self._context)
        self._context.open()
        self._key_due = True

    @property
    def name(self) -> str:
        """FFmpeg's name of the encoder."""
        return self._plan.name

    def want_key(self) -> None:
        """Make the next frame one with which decoding may begin."""
        self._key_due = True

    def set_up(self, context: VideoCodecContext) -> None:
        """Set a context up as this encoder's, so that a container's header fits its packets."""
        tags = self._form.tags
        configure(context, self._plan, width_px=tags.width_px, height_px=tags.height_px)
        # Threads that encode a frame each hold so many back.
        context.thread_type = "SLICE"
        context.framerate = self._rate
        context.gop_size = max(1, round(_KEY_EVERY_S * self._rate))
        context.flags |= Flags.global_header
        if tags.sample_aspect is not None:
            context.sample_aspect_ratio = tags.sample_aspect
        context.color_primaries, context.color_trc = tags.primaries, tags.transfer
        context.color_range, context.colorspace = range_and_matrix(
            self._form.layout.name,
            self._plan.pixel_format,
            tags,
            width_px=tags.width_px,
            height_px=tags.height_px,
        )

    def encode(self, frame: Frame) -> list[LivePacket]:
        """Encode a frame.

        Raises:
            VideoWriteError: The encoder fails.
        """
        picture = converted(native(frame), self._plan.pixel_format)
        picture.pts, picture.time_base = frame.pts, CLOCK
        picture.pict_type = _PICTURE_I if self._key_due else 0
        self._key_due = False
        return self._packets(picture)

    def flush(self) -> list[LivePacket]:
        """Return what is still held."""
        return self._packets(None)

    def _packets(self, picture: av.VideoFrame | None) -> list[LivePacket]:
        try:
            return [LivePacket.of_video(packet) for packet in self._context.encode(picture)]
        except (av.error.FFmpegError, ValueError) as exc:
            raise VideoWriteError(f"encoder {self.name}: failed ({describe_error(exc)}).") from exc


class LiveContainer:
    """One container, in a file, a pipe or a connection, that takes a run's packets.

    Its times begin at 0 with the first packet of video.

    Attributes:
        notes: What it cannot hold.

    Args:
        target: Path, address, or standard output.
        format_name: FFmpeg's name of the container.
        encoder: Made the packets.
        audio: What sound is like, where there is any.
        metadata: Its tags.
        timeout_s: A connection that takes nothing for so long is lost.
        options: Of protocol and muxer.

    Raises:
        VideoWriteError: It cannot be opened.
    """

    def __init__(
        self,
        target: Path | str | OutputWriting,
        format_name: str,
        encoder: LiveEncoder,
        audio: AudioTemplate | None,
        *,
        metadata: Mapping[str, str],
        timeout_s: float | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._name = target.name if isinstance(target, OutputWriting) else str(target)
        self._name = shown_address(self._name)
        self._begin: int | None = None
        self._last_dts: dict[int, int] = {}
        self.notes: list[str] = []
        url = f"file:{target.absolute()}" if isinstance(target, Path) else target
        try:
            self._output: OutputContainer = av.open(
                url,
                mode="w",
                format=format_name,
                container_options={
                    **_options_of(format_name),
                    **(options or {}),
                },
                timeout=timeout_s,
            )
            self._output.metadata.update(header_tags(format_name, dict(metadata)))
            self._video = self._output.add_stream(encoder.name, rate=encoder._rate)
            assert isinstance(self._video, VideoStream), "an encoder of video"
            encoder.set_up(self._video.codec_context)
            self._video.time_base = CLOCK
            self._audio = self._add_audio(audio, format_name)
            self._output.start_encoding()
        except (av.error.FFmpegError, ValueError, OSError) as exc:
            raise VideoWriteError(f"{self._name}: {_why_not_written(exc)}") from exc

    def _add_audio(self, audio: AudioTemplate | None, format_name: str) -> Stream | None:
        if audio is None:
            return None
        reason = why_not_held(audio.stream, _HELD_LIKE.get(format_name, format_name))
        if reason is not None:
            self.notes.append(f"{self._name}: the sound ({audio.codec}) is left out: {reason}")
            return None
        return audio.like(self._output)

    def write(self, packet: LivePacket) -> None:
        """Write a packet; sound from before the first picture is left out.

        Raises:
            VideoWriteError: It cannot be written.
        """
        stream: Stream | None = self._audio if packet.is_audio else self._video
        if self._begin is None and not packet.is_audio:
            self._begin = packet.dts
        if stream is None or self._begin is None or packet.dts < self._begin:
            return
        moved = replace(packet, pts=packet.pts - self._begin, dts=packet.dts - self._begin)
        if moved.dts <= self._last_dts.get(stream.index, -1):
            return
        self._last_dts[stream.index] = moved.dts
        try:
            self._output.mux_one(moved.packet(stream))
        except (av.error.FFmpegError, ValueError, OSError) as exc:
            raise VideoWriteError(f"{self._name}: {_why_not_written(exc)}") from exc

    def close(self) -> None:
        """Write the container's end.

        Raises:
            VideoWriteError: It cannot be written.
        """
        try:
            self._output.close()
        except (av.error.FFmpegError, ValueError, OSError) as exc:
            raise VideoWriteError(f"{self._name}: {_why_not_written(exc)}") from exc

    def abandon(self) -> None:
        """Close what cannot be completed."""
        with contextlib.suppress(VideoWriteError):
            self.close()


# What a muxer of a connection holds is that of its container.
_HELD_LIKE = {"rtsp": "mpegts", "rtp_mpegts": "mpegts"}


def _options_of(format_name: str) -> dict[str, str]:
    if format_name == "rtsp":
        return {"rtsp_transport": "tcp"}
    if format_name == "mpegts":
        # Tables often enough for who tunes in late.
        return {"flush_packets": "1", "mpegts_flags": "resend_headers"}
    if format_name in ("mp4", "mov"):
        # Readable as far as it was written, also where the power fails.
        return {"movflags": "+frag_keyframe+empty_moov+default_base_moof"}
    return container_options(format_name, CLOCK, cover_art=False)


def _why_not_written(exc: BaseException) -> str:
    code = getattr(exc, "errno", None)
    if code == errno.ENOSPC:
        return "the disk is full."
    if isinstance(exc, BrokenPipeError):
        return "nobody reads it any more."
    if code == errno.ECONNREFUSED:
        return "refuses the connection."
    if isinstance(exc, av.error.ExitError) or code == errno.ETIMEDOUT:
        return "does not answer."
    if isinstance(exc, av.error.ProtocolNotFoundError):
        return "this build of FFmpeg does not know the protocol."
    return f"cannot be written ({describe_error(exc)})."
