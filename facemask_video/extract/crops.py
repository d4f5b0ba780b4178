"""A face cropped from a frame or a picture, before it is assessed."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from facemask_video.align.template import EYE_DISTANCE, EYE_HEIGHT
from facemask_video.core import geometry
from facemask_video.core.faces import Crop, TrackedFace
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.extract.quality import head_pose, sharpness

# The face as an ellipse in the crop, in eye distances: from the brows to the chin and to the
# cheekbones. The directions in which the frame may truncate it.
_MIDDLE = np.array([0.5, EYE_HEIGHT + 0.7 * EYE_DISTANCE])
_HALF_AXES = np.array([0.95, 1.1]) * EYE_DISTANCE
_DIRECTIONS = np.array([[0, 1], [0, -1], [1, 0], [-1, 0]])


@dataclass(frozen=True, slots=True, eq=False)
class CropCandidate:
    """An aligned crop with what its frame says about the face.

    Attributes:
        crop: The aligned crop.
        raw: The box as it lies in the frame, where asked for.
        frame: Index of the frame; 0 in a picture.
        pts: Its time in ticks; None in a picture.
        time_base: Seconds a tick; None in a picture.
        n_faces: Faces in the frame.
        frame_width_px, frame_height_px: Size of the frame.
        inside: See `share_inside`.
        neighbour: See `largest_neighbour`.
        sharpness: Of the crop.
    """

    crop: Crop
    raw: ImageU8 | None
    frame: int
    pts: int | None
    time_base: Fraction | None
    n_faces: int
    frame_width_px: int
    frame_height_px: int
    inside: float
    neighbour: float
    sharpness: float

    @property
    def face(self) -> TrackedFace:
        """The face."""
        return self.crop.face

    @property
    def face_px(self) -> float:
        """Side of the square of its box's area."""
        return float(np.sqrt(self.face.box.area_px2))

    @property
    def quality(self) -> float:
        """How good a crop it is beside others of the same track: larger is better."""
        pose = head_pose(self.face.landmarks)
        frontal = np.cos(np.radians(pose.yaw_deg)) * np.cos(np.radians(pose.pitch_deg))
        size = min(1.0, self.face_px / self.crop.size_px)
        return float(self.sharpness * np.sqrt(size) * frontal * self.inside)


def make_candidate(
    crop: Crop,
    raw: ImageU8 | None,
    faces: Sequence[TrackedFace],
    *,
    frame: int,
    pts: int | None,
    time_base: Fraction | None,
    width_px: int,
    height_px: int,
) -> CropCandidate:
    """Measure one of the ``faces`` of a frame, of which ``crop`` was made."""
    return CropCandidate(
        crop=crop,
        raw=raw,
        frame=frame,
        pts=pts,
        time_base=time_base,
        n_faces=len(faces),
        frame_width_px=width_px,
        frame_height_px=height_px,
        inside=share_inside(crop, width_px, height_px),
        neighbour=largest_neighbour(crop, faces),
        sharpness=sharpness(crop.image),
    )


def share_inside(crop: Crop, width_px: int, height_px: int) -> float:
    """Return how far the face reaches before the frame's edge truncates it, in [0, 1].

    The least share, over the ways down, up, left and right in the crop, of the way from the middle
    of the face to its edge that lies inside the frame. A frame that ends at the lower lip gives
    about 0.6.
    """
    edge = _MIDDLE + _DIRECTIONS * _HALF_AXES
    places = np.vstack([_MIDDLE[None], edge]) * crop.size_px
    in_frame = geometry.apply(geometry.invert(crop.frame_to_crop), places)
    middle, ends = in_frame[0], in_frame[1:]
    share = 1.0
    for start, along, limit in (
        (middle[0], ends[:, 0] - middle[0], width_px),
        (middle[1], ends[:, 1] - middle[1], height_px),
    ):
        for step in along:
            if abs(step) > 1e-9:
                share = min(share, ((limit if step > 0 else 0) - start) / step)
    return float(np.clip(share, 0.0, 1.0))


def largest_neighbour(crop: Crop, faces: Sequence[TrackedFace]) -> float:
    """Return how much of another face the crop shows, at most.

    The root of the other box's area inside the crop over that of the face's own box, a ratio of
    sides; 0 where there is none.
    """
    largest = 0.0
    own_px2 = crop.face.box.area_px2 * geometry.scale_of(crop.frame_to_crop) ** 2
    for other in faces:
        if other is crop.face:
            continue
        corners = geometry.apply(crop.frame_to_crop, geometry.corners(other.box))
        shown = geometry.clip(geometry.bounding_box(corners), crop.size_px, crop.size_px)
        largest = max(largest, float(np.sqrt(shown.area_px2 / own_px2)))
    return largest


def pixel_box(box: Box, width_px: int, height_px: int) -> Box:
    """Return a face's box clipped to the frame and rounded out to px; it may be empty."""
    return geometry.round_out(geometry.clip(box, width_px, height_px))
