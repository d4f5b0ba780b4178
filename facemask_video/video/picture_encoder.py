"""The pictures of one video stream on their way into an output: encoder, clock and tags."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
from av.codec import Codec
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from facemask_video.config import VideoConfig
from facemask_video.core.errors import VideoWriteError
from facemask_video.core.standard_streams import shown_target
from facemask_video.video.codecs import codec_of
from facemask_video.video.encoder import EncoderPlan, configure, encoder_for, plan_encoder
from facemask_video.video.header_dump import SITINGS
from facemask_video.video.native_frame import NativeFrame
from facemask_video.video.output_clock import OutputClock
from facemask_video.video.passthrough import kept_tags
from facemask_video.video.pixel_format import converted, range_and_matrix
from facemask_video.video.probe import fraction
from facemask_video.video.reader import VideoReader
from facemask_video.video.target import FIXED_RATE

_FALLBACK_RATE = Fraction(25)
# More frames than any encoder holds back.
_DURATIONS_KEPT = 1000


class PictureEncoder:
    """Sets up what encodes a stream like the one that a reader reads, and times its pictures.

    Attributes:
        plan: The encoder's settings.
        clock: The times of its pictures.
        frames: Pictures timed so far.
        earlier: Times of all frames before the first one, whose pictures are written elsewhere, in
            ticks of the source.
        last_delay_cs: Length of the last one in hundredths of a second; None where unknown.
        notes: What of the source cannot be kept, and why.
    """

    def __init__(
        self,
        path: Path,
        reader: VideoReader,
        video: VideoConfig,
        format_name: str,
        *,
        columns: int = 1,
    ) -> None:
        """Find an encoder.

        Args:
            path: The target, for errors.
            reader: The open source.
            video: How to encode.
            format_name: The target's muxer.
            columns: Number of pictures side by side in each frame.

        Raises:
            VideoWriteError: The encoder cannot be used so.
        """
        self._name = shown_target(path)
        self._reader, self._format = reader, format_name
        self.width_px, self.height_px = reader.stored_size(columns)
        self.plan = self._plan(video)
        self.clock = OutputClock(self.plan.time_base)
        self.frames = 0
        self.earlier: Sequence[int] = ()
        self.last_delay_cs: int | None = None
        self.notes = [*self.plan.notes, *_mastering_notes(reader)]
        self._durations: dict[int, int] = {}
        self._shortest = 0
        # Of segments' encoders; those of the stream's own where there is one.
        self._flags: int = Flags.global_header

    def _plan(self, video: VideoConfig) -> EncoderPlan:
        info = self._reader.info
        name, own_format, notes = encoder_for(
            video.encoder,
            self._format,
            width_px=self.width_px,
            height_px=self.height_px,
            source_container=info.container,
            source_format=self._reader.pixel_format,
        )
        plan = plan_encoder(
            replace(video, encoder=name, pixel_format=video.pixel_format or own_format),
            width_px=self.width_px,
            height_px=self.height_px,
            source_format=self._reader.pixel_format,
            time_base=info.time_base,
            frame_rate=info.frame_rate or _FALLBACK_RATE,
            fixed_rate=self._format in FIXED_RATE,
            interlaced=info.interlaced,
        )
        # Apple's players take HEVC under no other name.
        hevc = self._format in ("mp4", "mov") and codec_of(name) == "hevc"
        return replace(plan, tag="hvc1" if hevc else None, notes=(*notes, *plan.notes))

    def add_to(self, output: OutputContainer) -> VideoStream:
        """Give an output the stream.

        Raises:
            ValueError: Its container cannot hold it.
        """
        added = output.add_stream(
            self.plan.name,
            rate=self._reader.info.frame_rate or _FALLBACK_RATE,
            options=self.plan.options,
        )
        assert isinstance(added, VideoStream), "plan_encoder took video only"
        self._configure(added.codec_context)
        if self._reader.display_matrix is not None:
            added.set_display_matrix(self._reader.display_matrix)
        self._flags = added.codec_context.flags
        return added

    def tag(self, added: VideoStream, source: Stream) -> None:
        """Give a stream the clock, tags and dispositions that it is to have."""
        # What is not there any more must not be announced.
        opaque = "ALPHA" in self._reader.info.side_data
        added.metadata.update(
            {
                key: value
                for key, value in kept_tags(dict(source.metadata)).items()
                if not (opaque and key.lower() == "alpha_mode")
            }
        )
        added.disposition = source.disposition
        added.time_base = self.plan.time_base

    def make(self) -> VideoCodecContext:
        """Return an encoder for a segment, not open yet."""
        context = Codec(self.plan.name, "w").create("video")
        self._configure(context)
        context.framerate = self._reader.info.frame_rate or _FALLBACK_RATE
        context.flags = self._flags
        return context

    def _configure(self, context: VideoCodecContext) -> None:
        """Set an encoder up as planned, with the source's aspect and colour tags."""
        configure(context, self.plan, width_px=self.width_px, height_px=self.height_px)
        picture = self._reader.first_picture_tags
        if picture.sample_aspect is not None:
            context.sample_aspect_ratio = picture.sample_aspect
        siting = self._reader.info.chroma_siting
        if siting != SITINGS[0]:
            # An option of every encoder. Those that write none say nothing; it is noted as lost.
            context.options = {**context.options, "chroma_sample_location": siting}
        context.color_primaries = picture.primaries
        context.color_trc = picture.transfer
        context.color_range, context.colorspace = range_and_matrix(
            self._reader.pixel_format,
            self.plan.pixel_format,
            picture,
            width_px=self.width_px,
            height_px=self.height_px,
        )

    def picture(self, frame: NativeFrame, *, stored_base: Fraction | None) -> av.VideoFrame:
        """Return what is to be encoded of a frame, at its time.

        Args:
            frame: Frames come in display order.
            stored_base: Seconds a tick of the container; None where it is the encoder's.

        Raises:
            VideoWriteError: It does not fit this video.
        """
        size = (frame.picture.width, frame.picture.height)
        if size != (self.width_px, self.height_px):
            raise VideoWriteError(
                f"{self._name}: frame {frame.index} is {size[0]}x{size[1]}, the video "
                f"{self.width_px}x{self.height_px}; split the source where its size changes."
            )
        tick = self.tick_of(frame, stored_base=stored_base)
        picture = converted(frame, self.plan.pixel_format)
        picture.pts = tick
        picture.time_base = self.plan.time_base
        if self.plan.time_base != frame.time_base:
            picture.duration = 0
        return picture

    def tick_of(self, frame: NativeFrame, *, stored_base: Fraction | None) -> int:
        """Count a frame and return its time on the encoder's clock."""
        base = self.plan.time_base
        self.frames += 1
        stored_base = stored_base or base
        for pts in self.earlier:
            self.clock.tick_of(pts, frame.time_base, stored_base=stored_base)
        self.earlier = ()
        tick = self.clock.tick_of(frame.pts, frame.time_base, stored_base=stored_base)
        duration = round(frame.picture.duration * frame.time_base / base)
        self.last_delay_cs = round(frame.picture.duration * frame.time_base * 100) or None
        if duration > 0:
            self._durations[tick] = duration
            self._shortest = min(self._shortest or duration, duration)
            if len(self._durations) > _DURATIONS_KEPT:
                del self._durations[next(iter(self._durations))]
        return tick

    def give_duration(self, packet: "Packet[VideoStream]") -> None:
        """Give a packet the length of its picture, where its encoder left that out."""
        if not packet.duration and packet.pts is not None:
            # Left to itself a muxer lets the last frame last as long as the average one.
            packet.duration = self._durations.pop(packet.pts, self._shortest)

    def time_s(self, packet: "Packet[VideoStream]") -> Fraction | None:
        """Return when a packet is to be decoded."""
        if packet.dts is None:
            return None
        return packet.dts * (fraction(packet.time_base) or self.plan.time_base)

    def clock_notes(self) -> Iterator[str]:
        """Say where times could not be kept, complete after the last frame."""
        return self.clock.notes(self._format, self.plan.name, self._reader.info.time_base)


def _mastering_notes(reader: VideoReader) -> Iterator[str]:
    if reader.mastering_data:
        yield (
            f"{', '.join(reader.mastering_data)} in the source cannot be handed to an encoder "
            "here and are left out; the colour tags are kept"
        )
