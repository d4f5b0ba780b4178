"""The records that travel down the pipeline, from what was found to what was pasted.

Convention: landmarks are five (x, y) points in px: image-left eye, image-right eye, nose tip,
image-left and image-right mouth corner. Under a mask the last three are guesses.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.frame import AlphaF32, Frame, ImageU8, Patch
from facemask_video.core.geometry import Affine, Box

Landmarks = NDArray[np.float32]
"""Shape (5, 2), float px of the frame."""


_PART_STEP = 100_000
# More persons than this no clip has.


@dataclass(frozen=True, slots=True, order=True)
class TrackId:
    """Who a track is of, and which part of the person's time in view it covers.

    Attributes:
        person: The same for one person through the clip, >= 0.
        part: How often the person put a mask on or took it off in view before, >= 0.
    """

    person: int
    part: int = 0

    @classmethod
    def from_number(cls, number: int) -> "TrackId":
        """Read the number by which files and options name a track.

        >>> TrackId.from_number(200_003)
        TrackId(person=3, part=2)
        """
        part, person = divmod(number, _PART_STEP)
        return cls(person, part)

    @property
    def number(self) -> int:
        """Both in one number, as files and options name a track: 3, then 100003, then 200003."""
        return self.person + _PART_STEP * self.part

    def __str__(self) -> str:
        return str(self.number)


def _check_landmarks(owner: str, landmarks: Landmarks) -> None:
    if landmarks.shape != (5, 2):
        raise ValueError(f"{owner}.landmarks: got shape {landmarks.shape}, expected (5, 2).")
    if not np.isfinite(landmarks).all():
        raise ValueError(f"{owner}.landmarks: got values that are not finite.")


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One face as a detector sees it in one frame; ``score`` in [0, 1]."""

    box: Box
    landmarks: Landmarks
    score: float

    def __post_init__(self) -> None:
        _check_landmarks("Detection", self.landmarks)
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"Detection.score: got {self.score}, expected [0, 1].")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the mask classifier decided for a person, once for the whole track.

    Attributes:
        domain: ``masked`` or ``bare``; None where somebody else decided what to do.
        score: How surely, in [0.5, 1].
        translate: Whether the face is to be worked on; None where that is still open, as what was
            asked for has no direction.
    """

    domain: str | None
    score: float | None
    translate: bool | None


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFace:
    """One face of one person in one frame.

    Attributes:
        track_id: The same for one person as long as their mask stays on, or off.
        box: Smoothed box in frame px.
        landmarks: Smoothed landmarks in frame px.
        score: Score of the detection behind it, or of the nearest one.
        observed: False where no detection of this frame stands behind it.
        verdict: The mask classifier's, or that of a tracks sidecar; None where neither was asked.
    """

    track_id: TrackId
    box: Box
    landmarks: Landmarks
    score: float
    observed: bool
    verdict: Verdict | None = None

    def __post_init__(self) -> None:
        _check_landmarks("TrackedFace", self.landmarks)


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """An aligned face, as a generator reads it: image (S, S, 3) and the map from the frame."""

    image: ImageU8
    frame_to_crop: Affine
    face: TrackedFace

    def __post_init__(self) -> None:
        height, width = self.image.shape[:2]
        if height != width or self.image.dtype != np.uint8:
            raise ValueError(f"Crop.image: got {self.image.shape}, expected uint8 (S, S, 3).")
        if self.frame_to_crop.shape != (2, 3):
            raise ValueError(
                f"Crop.frame_to_crop: got {self.frame_to_crop.shape}, expected (2, 3)."
            )

    @property
    def size_px(self) -> int:
        """Side of the crop."""
        return int(self.image.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class TranslatedCrop:
    """What a generator made of a crop.

    Attributes:
        source: The crop.
        image: Shape (S, S, 3).
        alpha: Where it means to change the crop, (S, S).
        is_opaque: Whether alpha is the outline of a thing that hides what is behind it, so that
            what lies between 0 and 1 is an edge; not a face blended into a face.
    """

    source: Crop
    image: ImageU8
    alpha: AlphaF32
    is_opaque: bool = False

    def __post_init__(self) -> None:
        if self.image.shape != self.source.image.shape:
            raise ValueError(
                f"TranslatedCrop.image: got {self.image.shape}, expected {self.source.image.shape}."
            )
        if self.alpha.shape != self.image.shape[:2]:
            raise ValueError(
                f"TranslatedCrop.alpha: got {self.alpha.shape}, expected {self.image.shape[:2]}."
            )


@dataclass(frozen=True, slots=True, eq=False)
class PastedFace:
    """A face whose translation was blended into its frame.

    Attributes:
        face: The face.
        patch: What was blended in; ``patch.box`` is its region.
        painted_share: Mean alpha over the aligned crop, in [0, 1]: how much of the face was painted
            over, whether it lies in the frame or not.
    """

    face: TrackedFace
    patch: Patch
    painted_share: float


@dataclass(frozen=True, slots=True, eq=False)
class DetectedFrame:
    """A frame and the faces found in it.

    Attributes:
        frame: The frame.
        detections: In frame px.
        detector_ran: False where faces of neighbouring frames were followed into it, or nothing was
            done.
        starts_shot: The frame is the first of a new shot.
    """

    frame: Frame
    detections: tuple[Detection, ...] = ()
    detector_ran: bool = True
    starts_shot: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFrame:
    """A frame and the persons seen in it."""

    frame: Frame
    faces: tuple[TrackedFace, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class CroppedFrame:
    """A frame and its aligned faces."""

    frame: Frame
    crops: tuple[Crop, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TranslatedFrame:
    """A frame and the translations waiting to be blended into it."""

    frame: Frame
    crops: tuple[TranslatedCrop, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class BlendedFrame:
    """The decoder's frame, the same frame with its faces replaced, and what was pasted where.

    Attributes:
        source: As the decoder gave it.
        frame: With the faces blended in; ``source`` itself where nothing was pasted.
        pasted: Faces that changed, and where.
        unchanged: Faces that nothing was pasted over.
        label: Where a label stands on ``frame``, whole px; None where there is none.
    """

    source: Frame
    frame: Frame
    pasted: tuple[PastedFace, ...] = ()
    unchanged: tuple[TrackedFace, ...] = ()
    label: Box | None = None

    @property
    def faces(self) -> tuple[TrackedFace, ...]:
        """Every face, changed or not."""
        return (*(pasted.face for pasted in self.pasted), *self.unchanged)
