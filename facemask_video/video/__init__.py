"""Video in and out, each frame on its own planes. The only room that imports PyAV."""

from facemask_video.video.codecs import codec_of
from facemask_video.video.copy import NotCopied, copy_video
from facemask_video.video.groups import Groups, find_groups
from facemask_video.video.native_frame import NativeFrame, native
from facemask_video.video.panels import beside, grey_frame
from facemask_video.video.probe import probe
from facemask_video.video.reader import VideoReader
from facemask_video.video.segments import SegmentStore
from facemask_video.video.standard_streams import interrupt_standard_input, standard_input_kept
from facemask_video.video.target import Seal
from facemask_video.video.writer import VideoWriter

__all__ = [
    "Groups",
    "NativeFrame",
    "NotCopied",
    "Seal",
    "SegmentStore",
    "VideoReader",
    "VideoWriter",
    "beside",
    "codec_of",
    "copy_video",
    "find_groups",
    "grey_frame",
    "interrupt_standard_input",
    "native",
    "probe",
    "standard_input_kept",
]
