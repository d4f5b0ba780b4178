"""Copy the closed groups of pictures in which nothing changes, and encode the others."""

from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from facemask_video.config import ConvertConfig
from facemask_video.config.video import VideoConfig
from facemask_video.core.errors import VideoReadError
from facemask_video.core.frame import Frame
from facemask_video.pipeline.labelling import labels_all
from facemask_video.pipeline.prefetch import prefetch
from facemask_video.video import Groups, NotCopied, VideoReader, VideoWriter, find_groups

_FORMATS = ("yuv420p", "yuvj420p")
_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".ts")
# Frames decoded ahead, the second time.
_DECODED_AHEAD = 4


def find_copyable(reader: VideoReader, config: ConvertConfig, target: Path) -> Groups:
    """Return the groups of a source that can be copied one by one.

    Args:
        reader: The source.
        config: What is asked for.
        target: The output.

    Raises:
        NotCopied: There are none, or the output can't hold copied and encoded ones in one stream.
        VideoReadError: The source cannot be read.
    """
    info, encoder, suffix = reader.info, config.video.encoder, target.suffix
    if info.codec != "h264":
        raise NotCopied(f"that is done for H.264 only, the source is {info.codec}")
    if encoder != "libx264":
        raise NotCopied(f"the parameter sets of encoder {encoder} cannot be numbered")
    if info.interlaced:
        raise NotCopied("the source is interlaced")
    if info.pixel_format not in _FORMATS or config.video.pixel_format not in (
        None,
        info.pixel_format,
    ):
        raise NotCopied("that is done from and to 8 bit 4:2:0 only")
    if suffix.lower() not in _SUFFIXES:
        raise NotCopied(f"a {suffix} file holds no two headers; take {' or '.join(_SUFFIXES)}")
    if config.output.layout != "result":
        raise NotCopied(f"--layout {config.output.layout} was asked for")
    if labels_all(config):
        raise NotCopied("--label-on all changes every frame")
    if reader.start_s is not None or reader.end_s is not None:
        raise NotCopied("a range was asked for")
    groups = find_groups(reader, target)
    groups.header.free_number()
    return groups


def numbered(video: VideoConfig, groups: Groups) -> VideoConfig:
    """Return settings whose encoder numbers its parameter sets unlike the source's."""
    key = "x264-params"
    given = [video.encoder_options[key]] if key in video.encoder_options else []
    value = ":".join([*given, f"sps-id={groups.header.free_number()}"])
    return replace(video, encoder_options={**video.encoder_options, key: value})


class GroupWriter:
    """Writes frames, but copies the packets of each group that goes by unchanged.

    Holds the times of one group. Its frames are decoded a second time where a later one of the
    group changes.

    Args:
        writer: Encodes and copies.
        reader: The source.
        groups: Its groups.
    """

    def __init__(self, writer: VideoWriter, reader: VideoReader, groups: Groups) -> None:
        self._writer, self._reader, self._groups = writer, reader, groups
        self._group: int | None = None
        self._waiting: list[int] = []
        self._encoding = False

    def write(self, frame: Frame, *, changed: bool) -> None:
        """Take a frame: encode it, or wait with it for the end of its group.

        Raises:
            VideoReadError: The source reads otherwise the second time.
            VideoWriteError: It cannot be written.
        """
        self._enter(frame.pts)
        if not self._encoding and not changed:
            self._waiting.append(frame.pts)
            return
        if not self._encoding:
            self._begin_encoding()
        self._writer.write(frame)

    def pass_by(self, pts: int) -> None:
        """Take the time of a frame that is not changed, before any of its group is."""
        self._enter(pts)
        self._waiting.append(pts)

    def finish(self) -> None:
        """End the last group.

        Raises:
            VideoReadError: The source reads otherwise the second time.
            VideoWriteError: It cannot be written.
        """
        self._leave()

    def _enter(self, pts: int) -> None:
        group = self._groups.group_of(pts)
        if group != self._group:
            self._leave()
            self._group = group

    def _leave(self) -> None:
        if self._group is not None and self._waiting and not self._encoding:
            first, after = self._groups.span(self._group)
            if self._waiting == self._groups.times[first:after].tolist():
                self._writer.copy_group(self._group, frames=len(self._waiting))
            else:
                # Packets that show nothing, or not at their time: after an edit list, or damaged.
                self._begin_encoding()
        if self._encoding:
            self._writer.end_segment()
        self._waiting, self._encoding = [], False

    def _begin_encoding(self) -> None:
        """Encode what waits, decoded again."""
        self._encoding = True
        if not self._waiting:
            return
        info = self._reader.info
        # From a little before: a time in seconds may not name a tick exactly.
        start_s = float(self._waiting[0] * info.time_base - max(info.start_s, Fraction(0))) - 0.01
        with VideoReader(
            info.path, start_s=start_s if start_s > 0 else None, max_pixels=self._reader.max_pixels
        ) as reader:
            self._encode_again(reader)
        self._waiting = []

    def _encode_again(self, reader: VideoReader) -> None:
        with closing(prefetch(reader, depth=_DECODED_AHEAD, name="decode again")) as frames:
            frame = next((each for each in frames if each.pts >= self._waiting[0]), None)
            for pts in self._waiting:
                if frame is None or frame.pts != pts:
                    raise VideoReadError(
                        f"{reader.path}: reads otherwise the second time; check the disk, or leave "
                        "--smart-copy out."
                    )
                self._writer.write(frame)
                frame = None if pts == self._waiting[-1] else next(frames, None)
