"""Settings of live runs: where pictures come from, how late they may be, and how they go out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from facemask_video.config.result import PROGRESS, LabelConfig, Progress
from facemask_video.config.settings import Checked, setting
from facemask_video.config.video import VideoConfig
from facemask_video.core.limits import MAX_PIXELS


@dataclass(frozen=True, slots=True)
class LiveSourceConfig(Checked):
    """What is read, and for how long."""

    realtime: bool = setting(False, help="Play the file SOURCE at its own pace")
    size: str | None = setting(
        None,
        flags=("--capture-size",),
        metavar="WxH",
        default_text="the device's own",
        help="Size of the pictures asked of a camera, or of the part of a screen",
    )
    rate: str | None = setting(
        None,
        flags=("--capture-rate",),
        metavar="RATE",
        default_text="the device's own",
        help="Frames a second asked of a camera or a screen",
    )
    source_options: Mapping[str, str] = setting(
        {},
        flags=("--source-opt",),
        metavar="KEY=VALUE",
        help="Further option of FFmpeg's protocol or demuxer, as rtsp_flags=listen; repeatable",
    )
    timeout_s: float = setting(
        5.0,
        low=0,
        low_open=True,
        flags=("--timeout",),
        metavar="TIME",
        is_time=True,
        help="A source or output that does not answer for so long is lost",
    )
    reconnect: bool = setting(
        True, help="Take up again a connection that was lost, after pauses that grow to ten seconds"
    )
    duration_s: float | None = setting(
        None,
        low=0,
        low_open=True,
        flags=("--duration",),
        metavar="TIME",
        is_time=True,
        default_text="until Ctrl-C",
        help="Stop after this time, as 90s, 10m or HH:MM:SS",
    )
    max_pixels: int = setting(
        MAX_PIXELS, low=1, metavar="N", help="Most pixels of a picture, width by height"
    )


@dataclass(frozen=True, slots=True)
class LiveOutputConfig(LabelConfig):
    """How late frames go out, and into what."""

    latency_s: float = setting(
        0.5,
        low=0,
        flags=("--latency",),
        metavar="TIME",
        is_time=True,
        help="How long frames may be held back, as 0.5s: faces are smoothed over so much of what "
        "comes after, and voted on; under a few frames by the past alone. A machine that is too "
        "slow drops frames as they come in, and says how many",
    )
    encoder: str = setting("libx264", metavar="NAME", help="Video encoder")
    crf: float | None = setting(
        23.0, low=0, high=63, help="Quality of the encoder, lower is better"
    )
    preset: str | None = setting("veryfast", metavar="NAME", help="Speed preset of the encoder")
    encoder_options: Mapping[str, str] = setting(
        {},
        flags=("--encoder-opt",),
        metavar="KEY=VALUE",
        help="Further option of the encoder; repeatable",
    )
    format: Literal["mpegts", "y4m"] = setting(
        "mpegts", help="Container on standard output (OUT is -); y4m is pictures alone"
    )
    segment_s: float | None = setting(
        None,
        low=1,
        flags=("--segment",),
        metavar="TIME",
        is_time=True,
        default_text="one file",
        help="Begin a new file after this time, as 10m: OUT-0001.mkv and so on, each whole once it "
        "has its name",
    )
    audio: bool = setting(True, help="Pass the source's sound on, in step with the pictures")
    debug_overlay: bool = setting(
        False, help="Draw boxes, numbers, landmarks and verdicts on the output"
    )
    overwrite: bool = setting(
        False, flags=("--overwrite", "-y"), help="Replace files that exist already"
    )
    progress: Progress = setting("auto", **PROGRESS)

    def video(self) -> VideoConfig:
        """Return how frames are encoded."""
        return VideoConfig(
            encoder=self.encoder,
            crf=self.crf if self.encoder in ("libx264", "libx265") else None,
            preset=self.preset if self.encoder in ("libx264", "libx265") else None,
            encoder_options=self.encoder_options,
        )
