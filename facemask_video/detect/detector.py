"""What a face detector is to the rest of the program."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from facemask_video.core.faces import Detection
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box


class Detector(Protocol):
    """Finds faces in a batch of images of one size."""

    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        """Find the faces of each image.

        Args:
            images: RGB, all of one shape (h, w, 3).

        Returns:
            A list of detections an image, best first, in px of that image
            (`facemask_video.core.geometry`'s convention).
        """
        ...


@runtime_checkable
class RegionDetector(Detector, Protocol):
    """A detector that also works on boxes or on a region alone, at a small part of the cost."""

    def refine(
        self,
        images: Sequence[ImageU8],
        boxes: Sequence[Sequence[Box]],
    ) -> list[list[Detection]]:
        """Score boxes near which a face may be, and place the face more exactly.

        Args:
            images: As for `detect`.
            boxes: For each image, in px of that image.

        Returns:
            For each image a detection a box, in order, whatever its score.
        """
        ...

    def detect_in_region(self, image: ImageU8, region: Box, side_px: float) -> list[Detection]:
        """Find faces of about a size in a region of an image.

        Args:
            image: As for `detect`.
            region: In px of the image; may leave it.
            side_px: Side of the square of such a face's area.
        """
        ...
