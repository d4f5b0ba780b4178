"""Where the frames of a live run go: encoded once, written to all outputs."""

import logging
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Protocol

from facemask_video.config import LiveConfig
from facemask_video.core.errors import ConfigError, VideoWriteError
from facemask_video.core.frame import Frame
from facemask_video.core.standard_streams import is_standard
from facemask_video.core.wording import shown_address
from facemask_video.live.files import Files
from facemask_video.live.push import Push
from facemask_video.live.window import Window
from facemask_video.video import (
    AudioTemplate,
    LiveContainer,
    LiveEncoder,
    LiveForm,
    LivePacket,
    OutputWriting,
    PlainFrames,
    VideoDevice,
    device_of,
    muxer_of,
    pushed_as,
    standard_output,
)

logger = logging.getLogger(__name__)


class PacketSink(Protocol):
    """Takes encoded packets."""

    def write(self, packet: LivePacket) -> None:
        """Take one."""
        ...

    def finish(self) -> None:
        """Complete what was written."""
        ...


class FrameSink(Protocol):
    """Takes frames as they are."""

    def write(self, frame: Frame) -> None:
        """Take one."""
        ...

    def finish(self) -> None:
        """Complete what was written."""
        ...


class Piped:
    """A container on standard output."""

    def __init__(self, container: LiveContainer) -> None:
        self._container = container
        self.write = container.write
        self.finish = container.close


def check_names(names: Sequence[str]) -> None:
    """Refuse names that stand for no output, before anything is opened.

    Raises:
        ConfigError: It names nothing that is written here, or standard output twice.
        VideoWriteError: A file's suffix names no container.
    """
    if names.count("-") > 1:
        raise ConfigError("-: standard output takes one stream; name it once.")
    for name in names:
        if "://" in name and pushed_as(name) is None:
            raise ConfigError(
                f"{shown_address(name)}: is pushed to by no protocol known here; take rtsp, rtmp, "
                "udp, srt, tcp or rtp."
            )
        if "://" not in name and name not in ("-", "window") and not _is_device(name):
            muxer_of(Path(name))


def _is_device(name: str) -> bool:
    return name.startswith(("/dev/video", "device:"))


class Outputs:
    """All outputs of a run.

    An output that fails is left out with a line on the log; the run ends when the last one did.

    Attributes:
        notes: What they cannot hold.

    Args:
        names: As they were named.
        config: How they are written.
        form: How frames look.
        rate: Nominal frames a second.
        audio: What sound is like.
        metadata: Tags of containers.

    Raises:
        VideoWriteError: One cannot be opened.
    """

    def __init__(
        self,
        names: Sequence[str],
        config: LiveConfig,
        form: LiveForm,
        rate: Fraction,
        audio: AudioTemplate | None,
        metadata: Mapping[str, str],
    ) -> None:
        self._config, self._metadata, self._audio = config, metadata, audio
        self._packets: dict[str, PacketSink] = {}
        self._frames: dict[str, FrameSink] = {}
        self._failed: list[VideoWriteError] = []
        self.notes: list[str] = []
        self._encoder: LiveEncoder | None = None
        try:
            for name in names:
                self._open(name, form, rate)
        except BaseException:
            self.discard()
            raise

    def _open(self, name: str, form: LiveForm, rate: Fraction) -> None:
        output = self._config.output
        if name == "window":
            self._frames[name] = Window()
        elif _is_device(name):
            device = device_of(name) if name.startswith("device:") else Path(name)
            self._frames[name] = VideoDevice(device, form)
        elif is_standard(Path(name)) and output.format == "y4m":
            self._frames[name] = PlainFrames(standard_output(), form, rate)
        else:
            encoder = self._shared_encoder(form, rate)
            if is_standard(Path(name)):
                container = self._container(standard_output(), "mpegts")
                self.notes += container.notes
                self._packets[name] = Piped(container)
            elif (pushed := pushed_as(name)) is not None:
                connect = partial(self._container, name, pushed)
                self._packets[name] = Push(shown_address(name), connect, encoder.want_key)
            else:
                path = Path(name)
                self._packets[name] = Files(
                    path,
                    partial(self._container, format_name=muxer_of(path)),
                    segment_s=output.segment_s,
                    overwrite=output.overwrite,
                    want_key=encoder.want_key,
                )

    def _shared_encoder(self, form: LiveForm, rate: Fraction) -> LiveEncoder:
        if self._encoder is None:
            self._encoder = LiveEncoder(self._config.output.video(), form, rate)
            self.notes += self._encoder.notes
        return self._encoder

    def _container(self, target: Path | str | OutputWriting, format_name: str) -> LiveContainer:
        assert self._encoder is not None, "made before any container"
        return LiveContainer(
            target,
            format_name,
            self._encoder,
            self._audio,
            metadata=self._metadata,
            timeout_s=self._config.source.timeout_s if isinstance(target, str) else None,
        )

    def write(self, frame: Frame, sound: Sequence[LivePacket]) -> None:
        """Write a frame, and the sound that is due up to it.

        Raises:
            VideoWriteError: No output is left.
        """
        for name, frames in list(self._frames.items()):
            try:
                frames.write(frame)
            except VideoWriteError as exc:
                self._leave_out(self._frames, name, exc)
        packets = [] if self._encoder is None else self._encoder.encode(frame)
        self._mux([*packets, *sound])

    def _mux(self, packets: Sequence[LivePacket]) -> None:
        for name, sink in list(self._packets.items()):
            try:
                for packet in packets:
                    sink.write(packet)
            except VideoWriteError as exc:
                self._leave_out(self._packets, name, exc)

    def _leave_out(
        self,
        sinks: dict[str, PacketSink] | dict[str, FrameSink],
        name: str,
        exc: VideoWriteError,
    ) -> None:
        sink = sinks.pop(name)
        if isinstance(sink, Files):
            self.notes += _said(sink)
            sink.discard()
        self._failed.append(exc)
        if not self._packets and not self._frames:
            raise exc
        logger.warning("%s The other outputs go on", exc)

    def finish(self) -> None:
        """Complete everything.

        Raises:
            VideoWriteError: An output could not be completed, or failed on the way.
        """
        if self._encoder is not None:
            self._mux(self._encoder.flush())
        open_sinks: list[PacketSink | FrameSink] = [*self._packets.values(), *self._frames.values()]
        for sink in open_sinks:
            try:
                sink.finish()
            except VideoWriteError as exc:
                self._failed.append(exc)
            if isinstance(sink, Files):
                self.notes += _said(sink)
            if isinstance(sink, Push):
                self.notes += sink.notes()
        self._packets.clear()
        self._frames.clear()
        if self._failed:
            raise self._failed[0]

    def discard(self) -> None:
        """Close all; what is complete stays. A second call does nothing."""
        for sink in (*self._packets.values(), *self._frames.values()):
            if isinstance(sink, Files):
                sink.discard()
            elif isinstance(sink, Push):
                sink.abandon()
        self._packets.clear()
        self._frames.clear()


def _said(files: Files) -> list[str]:
    if len(files.written) <= 1:
        return list(files.notes)
    first, last = files.written[0].name, files.written[-1].name
    return [*files.notes, f"{len(files.written)} files, {first} to {last}"]
