"""The stage that aligns every face."""

import logging
from collections.abc import Iterable, Iterator

from facemask_video.align.crop import align_face
from facemask_video.core.faces import Crop, CroppedFrame, TrackedFace, TrackedFrame
from facemask_video.core.frame import Frame

logger = logging.getLogger(__name__)


class AlignFaces:
    """Take the aligned crop of every face; holds nothing.

    Args:
        crop_size_px: Side of the crops.
    """

    def __init__(self, *, crop_size_px: int) -> None:
        self._crop_size_px = crop_size_px

    def __call__(self, items: Iterable[TrackedFrame], /) -> Iterator[CroppedFrame]:
        """Yield each frame with its crops; a frame without faces passes on without any."""
        for item in items:
            crops = (self._align(item.frame, face) for face in item.faces)
            yield CroppedFrame(item.frame, tuple(crop for crop in crops if crop is not None))

    def _align(self, frame: Frame, face: TrackedFace) -> Crop | None:
        try:
            return align_face(frame, face, self._crop_size_px)
        except ValueError as exc:
            # Landmarks that all but coincide give no scale; such a face is a false one.
            logger.debug(
                "frame %s: face of track %s left as it is: %s", frame.index, face.track_id, exc
            )
            return None
