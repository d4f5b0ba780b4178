"""How large an image the detector is shown, and the way back to the frame."""

import math
from collections.abc import Iterable

from facemask_video.core.faces import Detection
from facemask_video.core.geometry import Box

SMALLEST_FACE_PX = 20.0
"""Side of the smallest wanted face in the thumbnail. P-Net sees faces of 12 px, R-Net reads crops
of 24: at 20 px MTCNN finds nearly all, at 12 px many are lost."""


def detect_size_px(width_px: int, height_px: int, *, min_face_px: float) -> int:
    """Return the longer side of the thumbnail that still shows the smallest wanted face.

    Args:
        width_px: Frame width.
        height_px: Frame height.
        min_face_px: Smallest wanted face in frame px, > 0.

    >>> detect_size_px(1920, 1080, min_face_px=35)
    1098
    >>> detect_size_px(640, 360, min_face_px=10)
    640
    """
    if min_face_px <= 0:
        raise ValueError(f"min_face_px: got {min_face_px}, expected a number above 0.")
    scale = min(1.0, SMALLEST_FACE_PX / min_face_px)
    return math.ceil(max(width_px, height_px) * scale)


def to_frame_px(detections: Iterable[Detection], thumbnail_scale: float) -> tuple[Detection, ...]:
    """Map detections from thumbnail px to frame px.

    Args:
        detections: In px of the thumbnail.
        thumbnail_scale: Thumbnail px a frame px, as `Frame.thumbnail` returns it.
    """
    by = 1.0 / thumbnail_scale
    return tuple(
        Detection(
            Box(each.box.x0 * by, each.box.y0 * by, each.box.x1 * by, each.box.y1 * by),
            each.landmarks * by,
            each.score,
        )
        for each in detections
    )
