"""Convert what a file shows besides its main video: other cameras, programmes, cover pictures.

One after another, before the main stream: each is encoded into a work folder, from which its
packets go into the output beside the main stream's. A cover is converted as the picture it is.
"""

import dataclasses
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facemask_video.config import ConvertConfig, ReplayConfig
from facemask_video.core.errors import NoFrameInRangeError, VideoReadError
from facemask_video.core.frame import StreamInfo
from facemask_video.core.pictures import WRITTEN_SUFFIXES
from facemask_video.core.wording import counted
from facemask_video.pipeline.finished_frames import finished_frames
from facemask_video.pipeline.labelling import label_stage
from facemask_video.pipeline.load_networks import Networks, load_finder
from facemask_video.pipeline.no_face import why_not_copied
from facemask_video.pipeline.output_layout import COLUMNS, lay_out
from facemask_video.pipeline.plan import expected_frames
from facemask_video.pipeline.report import Tally
from facemask_video.pipeline.resume import Resumption
from facemask_video.pipeline.timing import StageStack
from facemask_video.pipeline.work_folder import WorkFolder
from facemask_video.translate.device import pick_device
from facemask_video.video import (
    Converted,
    FurtherStream,
    SegmentStore,
    VideoReader,
    can_hold,
    first_frame_s,
    probe_stream,
    read_cover_art,
)
from facemask_video.video.target import muxer_of

OnFrame = Callable[[], None]

_COPIED = "so its packets are the source's"


@dataclass(slots=True)
class FurtherStreams:
    """What became of the further video streams of a file.

    Attributes:
        converted: What replaces them, by index; those that are left out stay as they are.
        about: For the report, one entry a stream.
        notes: What is to be said of them.
        unread: What is to be said of those that stay as they are unread, in place of the note of
            that number, where no file is written.
    """

    converted: dict[int, Converted] = field(default_factory=dict)
    about: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unread: dict[int, str] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether a face of one of them was changed."""
        return any(each["faces_changed"] for each in self.about)

    def add(self, stream: StreamInfo, tally: Tally, config: ConvertConfig, written: str) -> None:
        """Note what was found in a stream, and whether it is encoded or stays as it is."""
        self.about.append(
            {
                "index": stream.index,
                "codec": stream.codec,
                "pictures": written,
                "frames": tally.frames,
                "faces": tally.faces,
                "tracks": len(tally.track_ids),
                "faces_changed": tally.faces_changed,
                "faces_left_alone": tally.left_alone(config),
                "faces_without_change": tally.faces_without_change,
            }
        )
        clauses = [counted(tally.frames, "frame"), counted(tally.faces, "face")]
        clauses.append(f"{tally.faces_changed} changed")
        clauses += [f"{n} left alone as {why}" for why, n in tally.left_alone(config).items()]
        if tally.faces_without_change:
            clauses.append(f"{tally.faces_without_change} without a change to see")
        if written == "copied":
            clauses.append(_COPIED)
        self.notes.append(f"video stream {stream.index}: {', '.join(clauses)}")

    def leave_unread(self, stream: StreamInfo, exc: VideoReadError) -> None:
        """Note that a stream stays as it is because it cannot be read."""
        name = f"video stream {stream.index}"
        self.unread[len(self.notes)] = f"{name} was not looked at for faces: {exc}"
        self.notes.append(f"{name} is kept as it is, any faces in it too: {exc}")

    def say_nothing_written(self) -> None:
        """Say the same of a conversion that writes no file: no stream of it is copied or kept."""
        self.about = [{**entry, "pictures": "nothing"} for entry in self.about]
        self.notes = [
            self.unread.get(number, note.removesuffix(f", {_COPIED}"))
            for number, note in enumerate(self.notes)
        ]


def not_looked_at(reader: VideoReader) -> list[str]:
    """Say of each further video stream that nobody looked for faces in it; no file is written."""
    return [
        f"video stream {stream.index} ({stream.codec})"
        f"{', a cover picture,' if _is_cover_art(stream) else ''} was not looked at for faces "
        "(--all-video does)"
        for stream in further_streams(reader)
    ]


def further_streams(reader: VideoReader) -> list[StreamInfo]:
    """Return the video streams of a file besides the one that a reader reads."""
    return [
        stream
        for stream in reader.info.streams
        if stream.kind == "video" and stream.index != reader.info.video_index
    ]


def expected_further_frames(reader: VideoReader, config: ConvertConfig) -> int | None:
    """Estimate how many frames they have together; None where a header is silent."""
    total = 0
    for stream in further_streams(reader):
        if _is_cover_art(stream):
            continue
        try:
            info = probe_stream(reader.path, stream.index, max_pixels=reader.max_pixels)
        except VideoReadError:
            continue
        frames = expected_frames(info, config.video)
        if frames is None:
            return None
        total += frames
    return total


def convert_further(
    reader: VideoReader,
    target: Path,
    config: ConvertConfig,
    networks: Networks,
    stages: StageStack,
    on_frame: OnFrame,
) -> FurtherStreams:
    """Convert every further video stream of a file.

    Args:
        reader: The file, open at its main stream.
        target: The output.
        config: Everything else.
        networks: Those of the main stream; a finder for other sizes is loaded where they have none.
        stages: Keeps what is encoded until the output is written.
        on_frame: Called after each frame.

    Raises:
        VideoReadError: A stream cannot be read, and ``strict_streams`` was asked for.
        VideoWriteError: A stream cannot be written.
    """
    found = FurtherStreams()
    for stream in further_streams(reader):
        try:
            if _is_cover_art(stream):
                _convert_cover_art(found, reader, stream, target, config, networks)
            else:
                _convert_stream(found, reader, stream, target, config, networks, stages, on_frame)
        except NoFrameInRangeError:
            found.notes.append(f"video stream {stream.index} has no frame in the range")
        except VideoReadError as exc:
            if config.video.strict_streams:
                raise
            found.leave_unread(stream, exc)
    return found


def _is_cover_art(stream: StreamInfo) -> bool:
    return "attached_pic" in stream.dispositions


def _beside(target: Path, stream: StreamInfo) -> Path:
    """Return the output that a stream's work folder is named after."""
    return target.with_name(f"{target.stem}.stream{stream.index}{target.suffix}")


def _convert_stream(
    found: FurtherStreams,
    main: VideoReader,
    stream: StreamInfo,
    target: Path,
    config: ConvertConfig,
    networks: Networks,
    stages: StageStack,
    on_frame: OnFrame,
) -> None:
    config = dataclasses.replace(config, replay=ReplayConfig())
    tally, format_name = Tally(), muxer_of(target)
    resumption: Resumption | None = None
    with StageStack() as own:
        own.clock = stages.clock
        reader = own.enter_context(
            VideoReader(
                main.path,
                # No earlier than the main stream's first frame, at which the output begins.
                start_s=None if main.start_s is None else float(first_frame_s(main) - main.zero_s),
                end_s=main.end_s,
                video_index=stream.index,
                on_change=main.on_change,
                max_pixels=main.max_pixels,
            )
        )
        label = label_stage(config, reader.info)
        if networks.finder is None:
            device = pick_device(networks.device["device"])
            finder = load_finder(config.detect, reader.info, device)
            networks = dataclasses.replace(networks, finder=finder)
        if config.output.resume:
            resumption = Resumption(main.path, _beside(target, stream), config, networks, None)
            networks = stages.enter_context(resumption).wrap(networks)
            store = resumption.store
        else:
            folder = WorkFolder(_beside(target, stream), {"process": os.getpid()})
            store = SegmentStore(stages.enter_context(folder).path, frames=None)
        columns = COLUMNS[config.output.layout]
        encoder = FurtherStream(target, reader, config.video, format_name, store, columns=columns)
        own.callback(encoder.close)
        frames = finished_frames(reader, config, networks, own, resumption=resumption, label=label)
        own.enter_context(closing(frames))
        for result in frames:
            with own.clock.span("encode"):
                if resumption is not None:
                    resumption.record(result)
                if resumption is not None and resumption.holds(result.source):
                    encoder.pass_over(result.source)
                else:
                    encoder.write(lay_out(result, config.output.layout))
            tally.add_blended(result)
            on_frame()
        with own.clock.span("encode"):
            encoder.finish()
    notes = [*reader.notes, *(resumption.notes if resumption is not None else ())]
    may_stay = (
        config.output.no_face != "encode"
        and why_not_copied(config, reader.info, target) is None
        and can_hold(main.path, stream.index, format_name)
    )
    if may_stay and not tally.faces_changed:
        found.add(stream, tally, config, "copied")
    else:
        found.converted[stream.index] = encoder
        found.add(stream, tally, config, "encoded")
        notes += encoder.notes
    found.notes += [f"video stream {stream.index}: {note}" for note in notes]


def _convert_cover_art(
    found: FurtherStreams,
    main: VideoReader,
    stream: StreamInfo,
    target: Path,
    config: ConvertConfig,
    networks: Networks,
) -> None:
    # Pillow and what else pictures need is loaded only where there is one.
    from facemask_video.pipeline.picture import convert_picture

    suffix, picture = read_cover_art(main.path, stream.index)
    if suffix not in WRITTEN_SUFFIXES:
        raise VideoReadError(
            f"{main.path}: the cover picture, stream {stream.index} ({stream.codec}), is of a "
            "format that is not written."
        )
    output = dataclasses.replace(
        config.output, report=None, tracks_out=None, layout="result", overwrite=True
    )
    config = dataclasses.replace(config, output=output, replay=ReplayConfig())
    if output.no_face == "skip":
        config = dataclasses.replace(config, output=dataclasses.replace(output, no_face="copy"))
    with WorkFolder(_beside(target, stream), {"process": os.getpid()}) as folder:
        source, made = (folder.path / f"{name}{suffix}" for name in ("cover", "converted"))
        source.write_bytes(picture)
        report = convert_picture(source, made, config, networks=networks)
        if report.output["pictures"] == "encoded":
            found.converted[stream.index] = made.read_bytes()
    found.about.append(
        {
            "index": stream.index,
            "codec": stream.codec,
            "pictures": report.output["pictures"],
            "frames": 1,
            "faces": report.faces,
            "tracks": report.tracks,
            "faces_changed": report.faces_changed,
            "faces_left_alone": report.faces_left_alone,
            "faces_without_change": report.faces_without_change,
        }
    )
    found.notes.append(
        f"cover picture, stream {stream.index}: {counted(report.faces, 'face')}, "
        f"{report.faces_changed} changed"
    )
    about = f"cover picture, stream {stream.index}"
    found.notes += [f"{about}: {note}" for note in report.notes]
