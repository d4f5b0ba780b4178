"""Read a video frame by frame, each on its own planes, at its own time."""

import logging
import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import av.error
from av.video.frame import PictureType

from facemask_video.config.video import OnChange
from facemask_video.core.errors import NoFrameInRangeError, VideoReadError
from facemask_video.core.limits import MAX_PIXELS
from facemask_video.core.standard_streams import shown_source
from facemask_video.core.wording import counted
from facemask_video.video.container_crop import Cropper
from facemask_video.video.decoder import NUMBERED, Decoder
from facemask_video.video.native_frame import FrameTools, NativeFrame
from facemask_video.video.panels import panel_size
from facemask_video.video.plane_layout import nearest_layout
from facemask_video.video.probe import (
    clock_may_jump,
    fraction,
    is_indexed,
    open_main_video,
    probe_first_picture,
)
from facemask_video.video.steady_form import brought_into, what_changed

logger = logging.getLogger(__name__)

# How long before a range a seek aims; the next where the one before landed in the range. The index
# of a file may be by decoding time, and pictures after a key picture may lean on those before it.
_SEEK_MARGINS_S = (Fraction(0), Fraction(2), Fraction(20))


class VideoReader:
    """Iterate over the frames of a file's main video stream, in display order, each once.

    A context manager, over a file or, as ``-``, standard input. Times are the source's: a frame's
    ``pts`` in ticks of the stream's own time base, whatever it starts at and however uneven.

    A range is half-open, ``start_s <= t < end_s``, on the clock that a player shows: seconds after
    the file's own start. A frame without a pts takes its dts, or failing that follows its
    predecessor by one nominal frame; this is counted and noted.

    Attributes:
        path: The file.
        info: What it says about itself.
        display_matrix: The container's nine numbers of rotation and flip, or None.
        first_picture_tags: Colour and aspect of the first picture as stored.
        mastering_data: FFmpeg's names of the HDR mastering data that the first picture carries.
        start_s, end_s: The range asked for, or None.
        notes: What could not be read as it stands, complete after the last frame.
    """

    def __init__(
        self,
        path: Path,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        video_index: int | None = None,
        on_change: OnChange = "scale",
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        """Probe a file, for which its first picture is decoded, and open it for reading.

        Args:
            path: The file.
            start_s: Where the range begins; None for the beginning.
            end_s: Where it ends; None for the end.
            video_index: The stream to read; None for the main video stream.
            on_change: What is done where pictures change their size, format, range or matrix on
                the way: bring them into the first one's, or refuse to go on.
            max_pixels: Most px of a picture; see `probe`.

        Raises:
            ValueError: The range is empty or negative.
            VideoReadError: It cannot be opened, holds no video, or not one picture can be decoded.
        """
        if start_s is not None and start_s < 0:
            raise ValueError(f"start_s: got {start_s}, expected 0 or more.")
        if end_s is not None and end_s <= (start_s or 0):
            raise ValueError(f"end_s: got {end_s}, expected more than start_s={start_s or 0}.")
        self.path, self._name = path, shown_source(path)
        self.start_s = start_s
        self.end_s = end_s
        self.on_change: OnChange = on_change
        self.max_pixels = max_pixels
        self.notes: list[str] = []
        self._changed: dict[str, int] = {}
        probed = probe_first_picture(path, video_index, max_pixels=max_pixels)
        self.info = probed.info
        self.display_matrix = probed.display_matrix
        self.first_picture_tags = probed.tags
        self.mastering_data = probed.mastering_data
        self._cropper = None if probed.crop is None else Cropper(probed.crop)
        if probed.crop is not None:
            tags = probed.tags
            self.notes.append(
                f"the container's crop is carried out: {tags.width_px}x{tags.height_px} of each "
                "picture is shown, and written"
            )
        self._orientation = probed.orientation
        self._layout = nearest_layout(probed.info.pixel_format)
        self._open()
        self._index_was_there = len(self._stream.index_entries) > 1
        self._clock_may_jump = clock_may_jump(self._container)
        self._time_base = probed.info.time_base
        self._tools = FrameTools()
        self._frames = 0
        self._untimed_frames = 0
        self._last_pts: int | None = None
        self._first_aspect: Fraction | None = None
        self._started = False
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> None:
        # Opened afresh, so that faults before the first picture are counted like all others.
        self._container, self._stream = open_main_video(
            self.path, self.info.video_index, max_pixels=self.max_pixels
        )
        self._decoder = Decoder(self._container, self._stream, self.path)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._container.close()

    @property
    def corrupt_packets(self) -> int:
        """Video packets so far that the decoder refused or could only mend."""
        return self._decoder.corrupt_packets

    @property
    def pixel_format(self) -> str:
        """Pixel format in which frames are delivered: the source's, or the nearest we can write."""
        return self._layout.name

    def stored_size(self, columns: int = 1) -> tuple[int, int]:
        """Return (width, height) as stored of so many pictures side by side on display."""
        return panel_size(
            self._layout,
            self._orientation,
            self.first_picture_tags.width_px,
            self.first_picture_tags.height_px,
            columns,
        )

    @property
    def clock_may_jump(self) -> bool:
        """Whether the container's clock may begin at any time, and anew."""
        return self._clock_may_jump

    @property
    def zero_s(self) -> Fraction:
        """Time of the file's clock that a player shows as 0."""
        # Elsewhere audio priming may lie before 0, where no player's clock begins.
        start_s = self.info.start_s
        return start_s if self._clock_may_jump else max(start_s, Fraction(0))

    @property
    def first_tick(self) -> int | None:
        """First tick of the range in the video stream's time base, or None for the whole file."""
        if self.start_s is None:
            return None
        return self.tick_at(self.start_s)

    @property
    def end_tick(self) -> int | None:
        """First tick after the range, or None where it runs to the end."""
        return None if self.end_s is None else self.tick_at(self.end_s)

    def tick_at(self, time_s: float) -> int:
        """Return the first tick at or after a time on the player's clock."""
        # The microsecond that was meant: 0.4 as a float lies just above two fifths.
        instant_s = Fraction(time_s).limit_denominator(1_000_000)
        ticks = (self.zero_s + instant_s) / self._time_base
        return -((-ticks.numerator) // ticks.denominator)

    def __iter__(self) -> Iterator[NativeFrame]:
        """Yield the frames, once.

        Raises:
            RuntimeError: The reader was iterated before, or is closed.
            VideoReadError: The file cannot be read further.
        """
        if self._started or self._closed:
            raise RuntimeError("VideoReader: frames can be iterated once, while it is open.")
        self._started = True
        return self._read()

    def _read(self) -> Iterator[NativeFrame]:
        if self._layout.name != self.info.pixel_format:
            self.notes.append(
                f"pixel format {self.info.pixel_format} is read as {self._layout.name}, the "
                "nearest whose samples can be written one by one"
            )
        first_tick, end_tick = self.first_tick, self.end_tick
        for picture, pts in self._timed_pictures(first_tick):
            if first_tick is not None and pts < first_tick:
                continue
            if end_tick is not None and pts >= end_tick:
                break
            yield self._wrap(picture, pts)
            if self._frames == 0:
                self._first_aspect = fraction(self._stream.codec_context.sample_aspect_ratio)
            self._frames += 1
        if self._frames == 0:
            raise NoFrameInRangeError(
                f"{self._name}: no frame lies in the range asked for; the file lasts "
                f"{float(self.info.duration_s or 0):.3f} s."
            )
        self._note_faults(complete=first_tick is None and end_tick is None)

    def _timed_pictures(self, first_tick: int | None) -> Iterator[tuple[av.VideoFrame, int]]:
        """Yield pictures with their times, from no later than a tick on."""
        if first_tick is not None:
            for way in self._ways_to(first_tick):
                pictures = self._timed(way)
                first = next(pictures, None)
                # What comes must begin before the range, or frames may be missing at its front, and
                # with a picture that leans on no other, or they may be damaged.
                if first is not None and first[1] <= first_tick and _stands_alone(first[0]):
                    yield from chain([first], pictures)
                    return
                self._container.close()
                self._open()
                self._untimed_frames, self._last_pts = 0, None
        yield from self._timed(self._decoder.pictures())

    def _ways_to(self, tick: int) -> Iterator[Iterator[av.VideoFrame]]:
        """Yield pictures from somewhere before a time on, each way slower and surer than the last.

        The file is opened anew between them.
        """
        if not is_indexed(self._container) or self._decoder.counts_packets:
            yield self._decoder.pictures(from_tick=tick)
            return
        earliest = self._stream.start_time or 0
        for margin_s in _SEEK_MARGINS_S:
            aim = max(tick - round(margin_s / self._time_base), earliest)
            try:
                self._container.seek(aim, stream=self._stream, backward=True)
            except av.error.FFmpegError:
                logger.debug("%s: cannot seek to %d", self.path, aim)
                yield iter(())
            else:
                yield self._decoder.pictures(from_tick=tick)

    def _timed(self, pictures: Iterator[av.VideoFrame]) -> Iterator[tuple[av.VideoFrame, int]]:
        for picture in pictures:
            pts = self._time_of(picture)
            self._last_pts = pts
            yield picture if self._cropper is None else self._cropper(picture), pts

    def _time_of(self, picture: av.VideoFrame) -> int:
        pts, last_pts = picture.pts, self._last_pts
        # Where few packets are timed FFmpeg reckons the others, and may fall behind.
        reckoned = last_pts is not None and pts is not None and pts <= last_pts
        if pts is not None and not (reckoned and self._clock_may_jump):
            return pts
        self._untimed_frames += 1
        if picture.dts is not None and (self._last_pts is None or picture.dts > self._last_pts):
            return picture.dts
        if self._last_pts is None:
            return 0
        rate = self.info.frame_rate or Fraction(25)
        return self._last_pts + max(1, round(1 / rate / self._time_base))

    def _wrap(self, picture: av.VideoFrame, pts: int) -> NativeFrame:
        layout = self._layout
        change = what_changed(picture, self.first_picture_tags, self.info.pixel_format)
        if change is not None:
            if self.on_change == "error":
                raise VideoReadError(
                    f"{self._name}: the pictures change their {change} from frame {self._frames} "
                    "on; split the file there, or leave --on-change error out."
                )
            self._changed[change] = self._changed.get(change, 0) + 1
            picture = brought_into(picture, self.first_picture_tags, layout.name)
        elif picture.format.name != layout.name:
            time_base = picture.time_base
            picture = picture.reformat(format=layout.name)
            picture.time_base = time_base
        picture.pts = pts
        # Left in place, the source's picture types would be forced on the encoder.
        picture.pict_type = 0
        return NativeFrame(
            picture,
            layout,
            index=self._frames,
            pts=pts,
            time_base=self._time_base,
            orientation=self._orientation,
            tools=self._tools,
        )

    def _note_faults(self, *, complete: bool) -> None:
        if self._untimed_frames:
            self.notes.append(
                f"{self._untimed_frames} frames carry no presentation time of their own; they took "
                "their decoding time, or followed the frame before at the nominal rate"
            )
        if self._decoder.jumps:
            self.notes.append(
                f"the file's clock starts anew or jumps {counted(self._decoder.jumps, 'time')}; "
                "what follows is shown without a break, audio moved with the video"
            )
        for change, count in self._changed.items():
            self.notes.append(
                f"{counted(count, 'frame')} had another {change} than the first; they were brought "
                "into the first one's"
            )
        aspect = fraction(self._stream.codec_context.sample_aspect_ratio)
        if aspect is not None and self._first_aspect not in (None, aspect):
            self.notes.append(
                f"the pixel aspect changes on the way from {self._first_aspect} to {aspect}; all "
                "frames are tagged as the first"
            )
        if self.corrupt_packets:
            self.notes.append(
                f"{counted(self.corrupt_packets, 'corrupt video packet')}: "
                f"{counted(self._decoder.damaged, 'frame')} decoded with damage, the others are "
                "missing; every frame that is there keeps its time"
            )
        if complete:
            self._note_early_end()

    def _note_early_end(self) -> None:
        """Note a file that holds less than its header promises."""
        promised = self.info.frame_count_from_header
        packets = self._decoder.packets
        if self.info.container in NUMBERED and self._last_pts is not None:
            # Frames that a recorder dropped have a number too, the last of a whole file among them.
            # The index is at the end: where it was there, so is all.
            packets = self._last_pts + 1
            if promised is not None and (packets >= promised - 1 or self._index_was_there):
                return
        if promised is not None and packets < promised:
            self.notes.append(
                f"the file ends early: its header promises {promised} frames, "
                f"{packets} packets were found and {self._frames} frames decoded"
            )
        elif promised is None and self._last_pts is not None:
            promised_end_s, spare_s = self._promised_end()
            frame_s = 1 / self.info.frame_rate if self.info.frame_rate else Fraction(0)
            end_s = self._last_pts * self._time_base + frame_s
            if promised_end_s is not None and end_s + max(spare_s, 2 * frame_s) < promised_end_s:
                self.notes.append(
                    f"the file ends early: its header promises {float(promised_end_s):.3f} s, the "
                    f"last of {self._frames} frames ends at {float(end_s):.3f} s"
                )

    def _promised_end(self) -> tuple[Fraction | None, Fraction]:
        """Return where the header says that the video ends, and how loosely that is meant."""
        tags = self.info.streams[self.info.video_index].metadata
        for key, text in tags.items():
            # Matroska's DURATION-eng and the like: where the stream ends, as hours:minutes:seconds.
            clock = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", text)
            if key.upper().startswith("DURATION") and clock is not None:
                hours, minutes, seconds = (Fraction(part) for part in clock.groups())
                return hours * 3600 + minutes * 60 + seconds, Fraction(1, 10)
        if self.info.duration_s is None:
            return None, Fraction(0)
        # The file's own duration is its longest stream's, and audio may well outlast the video.
        alone = not any(stream.kind == "audio" for stream in self.info.streams)
        end_s = self.info.start_s + self.info.duration_s
        return end_s, Fraction(1, 10) if alone else Fraction(2)


def _stands_alone(picture: av.VideoFrame) -> bool:
    # Decoders of codecs without prediction may leave the type open.
    return picture.pict_type in (PictureType.I, PictureType.NONE)
