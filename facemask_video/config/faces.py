"""Settings of finding, following and choosing faces."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facemask_video.config.settings import Checked, check, setting
from facemask_video.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class DetectConfig(Checked):
    """How faces are found."""

    detector: Literal["mtcnn", "mtcnn-masks"] = setting(
        "mtcnn",
        flags=("--detector",),
        help="Which networks look for faces: MTCNN's own, or the same taught faces under masks, "
        "which find more of those, most of all in photographs; in videos they take a pattern for a "
        "face now and then",
    )
    size_px: int = setting(
        0,
        low=0,
        zero_is_auto=True,
        flags=("--detect-size",),
        metavar="auto|PX",
        help="Longer side of the picture that faces are looked for in; auto is as small as "
        "--min-face allows",
    )
    every: int = setting(
        0,
        low=0,
        zero_is_auto=True,
        flags=("--detect-every",),
        metavar="auto|N",
        help="Look for new faces in every N-th frame; auto looks less often while nothing happens",
    )
    turned: Literal["off", "sideways", "any"] = setting(
        "off",
        flags=("--turned",),
        help="Also detect faces that lie on a side (two more passes of the detector) or at any "
        "angle (three); each takes as long as the first",
    )
    threshold: float = setting(
        0.8,
        low=0,
        high=1,
        flags=("--detection-threshold",),
        help="Smallest mean score of a track that is believed to be a face; one of its "
        "detections must come half as near to 1",
    )
    min_face_px: float = setting(
        35.0,
        low=8,
        flags=("--min-face",),
        metavar="PX",
        help="Smallest face, in px of the frame",
    )


@dataclass(frozen=True, slots=True)
class TrackConfig(Checked):
    """How faces are followed through time."""

    smoothing: Literal["kalman", "ema", "none"] = setting(
        "kalman", help="How the path of a face is smoothed"
    )
    kf_noise: float = setting(
        1e-3,
        low=0,
        low_open=True,
        help="Process noise of the Kalman filter: more follows faster, less jitters less",
    )
    ema_coef: float = setting(
        0.65,
        low=0,
        high=1,
        high_open=True,
        help="Weight of the past in the moving average",
    )
    look_ahead: int = setting(
        30,
        low=0,
        metavar="FRAMES",
        help="Frames seen beyond the one that is worked on, and held in memory; 0 smooths from the "
        "past alone and fills no gap",
    )
    bridge_s: float = setting(
        1.0,
        low=0,
        flags=("--bridge",),
        metavar="SECONDS",
        help="Longest time unseen after which a face is still the same person; gaps up to this "
        "time and to --look-ahead are filled",
    )
    min_track_s: float = setting(
        0.2,
        low=0,
        flags=("--min-track",),
        metavar="SECONDS",
        help="A face seen for less time is taken for a mistake, unless its whole shot is as short",
    )


@dataclass(frozen=True, slots=True)
class SelectConfig(Checked):
    """Which of the faces that were followed are worked on."""

    faces: str = setting(
        "all",
        metavar="all|largest|track:ID,...",
        help="All faces, the largest in each frame, or the persons with these numbers, which a "
        "tracks file tells and the debug overlay of convert shows",
    )
    max_faces: int | None = setting(
        None, low=1, default_text="no limit", help="Most faces in a frame; the largest are taken"
    )

    def __post_init__(self) -> None:
        check(self)
        if not re.fullmatch(r"all|largest|track:\d+(,\d+)*", self.faces):
            raise ConfigError(
                f"select.faces: got {self.faces!r}, expected all, largest or track:ID,... "
                "(track:0,3)."
            )


@dataclass(frozen=True, slots=True)
class ReplayConfig(Checked):
    """Whether faces are taken from a file instead of being looked for."""

    tracks: Path | None = setting(
        None,
        metavar="FILE.jsonl",
        default_text="look for faces",
        help="Take the faces from this file, which --tracks-out or the command track wrote for "
        "this very video and which may have been edited: no face is looked for, the options of "
        'finding and following have no part, and "translated": true or false is obeyed whatever '
        "the classifier says, unless the file was written by a conversion in the other direction",
    )
