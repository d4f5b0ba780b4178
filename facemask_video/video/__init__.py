"""Video in and out, each frame on its own planes. The only room that imports PyAV."""

from facemask_video.video.codecs import codec_of
from facemask_video.video.copy import NotCopied, copy_video
from facemask_video.video.further import FurtherStream, first_frame_s
from facemask_video.video.groups import Groups, find_groups
from facemask_video.video.held_streams import can_hold
from facemask_video.video.live_frames import PlainFrames, VideoDevice, device_of
from facemask_video.video.live_output import LiveContainer, LiveEncoder, pushed_as
from facemask_video.video.live_packets import CLOCK as LIVE_CLOCK
from facemask_video.video.live_packets import AudioTemplate, LivePacket
from facemask_video.video.live_source import (
    LiveAddress,
    LiveForm,
    LiveSource,
    parse_source,
)
from facemask_video.video.native_frame import NativeFrame, native
from facemask_video.video.panels import beside, grey_frame
from facemask_video.video.passthrough import Converted, read_cover_art
from facemask_video.video.probe import probe, probe_stream
from facemask_video.video.reader import VideoReader
from facemask_video.video.segments import SegmentStore
from facemask_video.video.standard_streams import (
    OutputWriting,
    interrupt_standard_input,
    standard_input_kept,
    standard_output,
)
from facemask_video.video.target import Seal, check_outputs, muxer_of
from facemask_video.video.writer import VideoWriter

__all__ = [
    "LIVE_CLOCK",
    "AudioTemplate",
    "Converted",
    "FurtherStream",
    "Groups",
    "LiveAddress",
    "LiveContainer",
    "LiveEncoder",
    "LiveForm",
    "LivePacket",
    "LiveSource",
    "NativeFrame",
    "NotCopied",
    "OutputWriting",
    "PlainFrames",
    "Seal",
    "SegmentStore",
    "VideoDevice",
    "VideoReader",
    "VideoWriter",
    "beside",
    "can_hold",
    "check_outputs",
    "codec_of",
    "copy_video",
    "device_of",
    "find_groups",
    "first_frame_s",
    "grey_frame",
    "interrupt_standard_input",
    "muxer_of",
    "native",
    "parse_source",
    "probe",
    "probe_stream",
    "pushed_as",
    "read_cover_art",
    "standard_input_kept",
    "standard_output",
]
