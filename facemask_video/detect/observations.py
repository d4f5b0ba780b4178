"""Faces in single frames, and how those of neighbouring frames belong together."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from facemask_video.core.faces import Detection
from facemask_video.core.frame import Frame, ImageU8
from facemask_video.core.geometry import Box, iou

CREDIBLE_SCORE = 0.85
"""Only faces of this score make full detections more frequent by coming and going: patterns that
look like a face now and then do so all the time."""

SAME_FACE_IOU = 0.4


def same_face(a: Detection, b: Detection) -> bool:
    """Tell whether two detections of one image lie on one face."""
    return iou(a.box, b.box) > SAME_FACE_IOU


@dataclass(slots=True, eq=False)
class Observation:
    """A face in one frame.

    Attributes:
        detection: In px of the thumbnail.
        displacement_px: How far (x, y) its box moved since the frame before; 0 where it is new.
        doubt: Of the full detections in a row that missed it, the sum of 1 - score.
        is_new: Found by a full detection, or followed back from such a find.
        credible: It, or the face it was followed from or back from, once had `CREDIBLE_SCORE`.
    """

    detection: Detection
    displacement_px: tuple[float, float] = (0.0, 0.0)
    doubt: float = 0.0
    is_new: bool = False
    credible: bool = False

    def __post_init__(self) -> None:
        self.credible |= self.detection.score >= CREDIBLE_SCORE

    def follow(self, previous: "Observation") -> None:
        """Take it for the same face as one in the frame before."""
        self.displacement_px = displacement_px(previous, self)
        self.credible |= previous.credible

    def predicted_box(self, n_frames: int) -> Box:
        """Return where it will be so many frames on, or was where they are below 0."""
        box, (dx_px, dy_px) = self.detection.box, self.displacement_px
        dx_px, dy_px = n_frames * dx_px, n_frames * dy_px
        return Box(box.x0 + dx_px, box.y0 + dy_px, box.x1 + dx_px, box.y1 + dy_px)


@dataclass(slots=True, eq=False)
class LostFace:
    """A credible face that is searched for.

    Attributes:
        last: Where it was seen last.
        n_frames: How many frames ago.
    """

    last: Observation
    n_frames: int = 0


@dataclass(slots=True, eq=False)
class ObservedFrame:
    """A frame in work.

    Attributes:
        frame: The frame.
        image: Its thumbnail.
        scale: Thumbnail px a frame px.
        starts_shot: Whether it is the first of a new shot.
        detector_ran: Whether the detector ran on all of it.
        observations: The faces found so far.
        expected: Faces refined where they would be if they moved evenly; not yet observations.
    """

    frame: Frame
    image: ImageU8
    scale: float
    starts_shot: bool
    detector_ran: bool = False
    observations: list[Observation] = field(default_factory=list)
    expected: list[Detection] = field(default_factory=list)


def match(face: Observation, others: list[Observation], *, n_frames: int = 1) -> Observation | None:
    """Return the observation, so many frames on, that lies on the same face, if any."""
    box = face.predicted_box(n_frames)
    best = max(others, key=lambda other: iou(box, other.detection.box), default=None)
    return best if best is not None and iou(box, best.detection.box) > SAME_FACE_IOU else None


def nearest(box: Box, faces: Sequence[Detection]) -> Detection | None:
    """Return the detection that lies on the same face as a box, if any."""
    best = max(faces, key=lambda face: iou(box, face.box), default=None)
    return best if best is not None and iou(box, best.box) > SAME_FACE_IOU else None


def displacement_px(first: Observation, then: Observation) -> tuple[float, float]:
    """Return how far (x, y) a face's box moved."""
    (x0, y0), (x1, y1) = first.detection.box.center, then.detection.box.center
    return x1 - x0, y1 - y0
