"""What is written of a clip in which no face is translated.

Nothing is encoded until the first frame that differs from its source. The frames before it are the
source's own, so they need not be held: they are decoded a second time, once it is known that the
video must be encoded. Where that frame never comes, the source's packets are copied, or nothing is
written.
"""

import logging
from array import array
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Literal

from facemask_video.composite.stage import LabelFrames
from facemask_video.config import ConvertConfig, VideoConfig
from facemask_video.content_credentials import Made
from facemask_video.core.errors import VideoReadError
from facemask_video.core.faces import BlendedFrame
from facemask_video.core.frame import VideoInfo
from facemask_video.core.standard_streams import is_standard
from facemask_video.core.wording import counted
from facemask_video.pipeline.labelling import is_label_alone
from facemask_video.pipeline.output_layout import lay_out
from facemask_video.pipeline.prefetch import prefetch
from facemask_video.pipeline.resume import Resumption
from facemask_video.pipeline.signing import Signing
from facemask_video.pipeline.smart_copy import GroupWriter
from facemask_video.video import (
    Converted,
    Groups,
    NotCopied,
    Seal,
    VideoReader,
    VideoWriter,
    codec_of,
    copy_video,
)

logger = logging.getLogger(__name__)

Written = Literal["encoded", "copied", "nothing"]
"""What became of the pictures: ``nothing`` where no file was written."""

# Frames decoded ahead, the second time.
_DECODED_AHEAD = 4


class DeferredOutput:
    """Writes a conversion's frames, from the first one that differs from its source.

    Holds no frame, and eight bytes for each that goes by unchanged.

    Args:
        target: The video to write.
        reader: The source.
        writer: Encodes; not begun yet, and closed by its owner.
        config: Says what becomes of a clip without a change.
        unchanged: Container tags of such a clip.
        resumption: Keeps what is done; None where nothing is to be kept.
        groups: Those of the source that may be copied one by one, where that was asked for.
        label: Labels frames, where that was asked for.
        signing: Signs the output, where that was asked for.
        converted: What replaces further video streams; see `VideoWriter`.
        must_write: Whether something is written where no face of the main stream is changed.

    Attributes:
        written: What became of the pictures, once finished.
        notes: What could not be kept, and why, complete after `finish`.
    """

    def __init__(
        self,
        target: Path,
        reader: VideoReader,
        writer: VideoWriter,
        config: ConvertConfig,
        *,
        unchanged: Mapping[str, str],
        resumption: Resumption | None = None,
        groups: Groups | None = None,
        label: LabelFrames | None = None,
        signing: Signing | None = None,
        converted: Mapping[int, Converted] | None = None,
        must_write: bool = False,
    ) -> None:
        self.written: Written = "encoded"
        self.notes: list[str] = []
        self._target = target
        self._reader, self._writer, self._config = reader, writer, config
        self._unchanged = unchanged
        self._label = label
        self._signing = signing
        self._times = array("q")
        self._why_encoded = why_not_copied(config, reader.info, target)
        self._converted = converted
        wanted = config.output.no_face
        if must_write and wanted == "skip":
            wanted = "copy"
        self._wanted = wanted
        self._deferred = wanted == "skip" or (wanted == "copy" and self._why_encoded is None)
        self._resumption = resumption
        self._grouped = None if groups is None else GroupWriter(writer, reader, groups)
        if resumption is not None and resumption.frames_done:
            # Frames are in segments because the video had to be encoded.
            self._deferred = False
            if resumption.said_unchanged is not None:
                self._why_encoded = resumption.said_unchanged
                writer.metadata = dict(unchanged)

    def write(self, result: BlendedFrame) -> None:
        """Encode a frame, or remember that it went by unchanged.

        Raises:
            VideoReadError: The source reads otherwise the second time.
            VideoWriteError: It cannot be written.
        """
        if self._resumption is not None:
            self._resumption.record(result)
            if self._resumption.holds(result.source):
                self._writer.pass_over(result.source)
                return
        goes_by = result.frame is result.source or is_label_alone(result, self._config)
        if self._deferred and goes_by:
            self._times.append(result.source.pts)
            return
        if self._deferred:
            self._catch_up()
        if self._grouped is not None:
            self._grouped.write(result.frame, changed=result.frame is not result.source)
            return
        self._writer.write(lay_out(result, self._config.output.layout))

    def finish(self, *, changed: bool) -> None:
        """Complete the output.

        Args:
            changed: Whether any frame differs from its source.

        Raises:
            VideoReadError: The source reads otherwise the second time.
            VideoWriteError: It cannot be completed; nothing is left behind.
        """
        if self._deferred and self._wanted == "skip":
            self._writer.discard()
            self.written = "nothing"
            return
        if self._deferred and self._copy():
            return
        if not changed and self._why_encoded is not None and self._wanted == "copy":
            self.notes.append(f"the pictures were encoded, not copied: {self._why_encoded}")
        if self._grouped is not None:
            self._grouped.finish()
            copied = counted(self._writer.frames_copied, "frame")
            self.notes.append(f"{copied} copied as packets, in groups without a translated face")
        self._writer.finish(seal=self._seal("edited" if changed else "transcoded"))
        self.notes += self._writer.notes

    def _seal(self, made: Made) -> Seal | None:
        return None if self._signing is None else self._signing.seal(made)

    def _copy(self) -> bool:
        """Copy the source; returns False where that is not possible and it is being encoded."""
        video = self._config.video
        try:
            self.notes += copy_video(
                self._target,
                self._reader,
                self._times,
                audio=video.audio,
                strict=video.strict_streams,
                overwrite=self._config.output.overwrite,
                metadata=self._unchanged,
                seal=self._seal("repackaged"),
                converted=self._converted,
            )
        except NotCopied as exc:
            self._why_encoded = str(exc)
            self._writer.metadata = dict(self._unchanged)
            if self._resumption is not None:
                self._resumption.say_unchanged(self._why_encoded)
            self._catch_up()
            return False
        self._writer.discard()
        self.written = "copied"
        return True

    def _catch_up(self) -> None:
        """Encode the frames that went by."""
        self._deferred = False
        if not self._times:
            return
        if self._grouped is not None:
            for pts in self._times:
                self._grouped.pass_by(pts)
            self._times = array("q")
            return
        logger.info("encoding %s that went by", counted(len(self._times), "frame"))
        source = self._reader
        with VideoReader(
            source.path,
            start_s=source.start_s,
            end_s=source.end_s,
            on_change=source.on_change,
            max_pixels=source.max_pixels,
        ) as reader:
            self._write_again(reader)
        self._times = array("q")

    def _write_again(self, reader: VideoReader) -> None:
        with closing(prefetch(reader, depth=_DECODED_AHEAD, name="decode again")) as frames:
            for pts in self._times:
                frame = next(frames, None)
                if frame is None or frame.pts != pts:
                    raise VideoReadError(
                        f"{reader.path}: reads otherwise the second time; check the disk, or pass "
                        "--no-face encode, which reads it once."
                    )
                result = BlendedFrame(frame, frame)
                if self._label is not None:
                    (result,) = self._label([result])
                self._writer.write(lay_out(result, self._config.output.layout))


def why_not_copied(config: ConvertConfig, info: VideoInfo, target: Path) -> str | None:
    """Return why what was asked for takes encoding, a clause; None where packets may be copied."""
    video, asked = config.video, VideoConfig()
    if is_standard(target):
        return "standard output gets each frame as it is finished"
    if video.start_s is not None or video.end_s is not None:
        return "a range begins and ends at frames, packets only at key frames"
    if config.output.layout != "result":
        return f"--layout {config.output.layout} was asked for"
    if video.encoder != asked.encoder and codec_of(video.encoder) != info.codec:
        return f"--encoder {video.encoder} was asked for, the source is {info.codec}"
    if video.pixel_format not in (None, info.pixel_format):
        return f"--pix-fmt {video.pixel_format} was asked for, the source is {info.pixel_format}"
    return None
