"""The label that a conversion was asked for."""

from facemask_video.composite.stage import LabelFrames
from facemask_video.config import ConvertConfig
from facemask_video.core.faces import BlendedFrame
from facemask_video.core.frame import VideoInfo

# Levels of 203 cd/m2, the white of letters beside a picture (ITU-R BT.2408): 58 % of the signal in
# PQ and 75 % in HLG. All of it would be as bright as the sun in the picture.
_WHITE = {"smpte2084": 148, "arib-std-b67": 191}


def label_stage(config: ConvertConfig, info: VideoInfo) -> LabelFrames | None:
    """Return the stage that labels the pictures of a file; None where none was asked for.

    Raises:
        ConfigError: They have no room for the label, or it cannot be written.
    """
    output = config.output
    if not output.label:
        return None
    white = _WHITE.get(info.transfer, 255)
    stage = LabelFrames(output.label, everywhere=output.label_on == "all", white=white)
    stage.patch_for(info.width_px, info.height_px)
    return stage


def labels_all(config: ConvertConfig) -> bool:
    """Tell whether frames in which nothing is translated get a label too."""
    return bool(config.output.label) and config.output.label_on == "all"


def is_label_alone(result: BlendedFrame, config: ConvertConfig) -> bool:
    """Tell whether a frame differs from its source by nothing but its label."""
    drawn_on = config.output.debug_overlay and bool(result.faces)
    return result.label is not None and not result.pasted and not drawn_on
