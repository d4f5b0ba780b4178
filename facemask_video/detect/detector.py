"""What a face detector is to the rest of the program."""

from collections.abc import Sequence
from typing import Protocol

from facemask_video.faces import Detection
from facemask_video.frames import ImageU8


class Detector(Protocol):
    """Finds faces in a batch of pictures of one size."""

    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        """Find the faces of each image.

        Args:
            images: RGB, all of one shape (h, w, 3).

        Returns:
            A list of detections an image, best first, in px of that image
            (`facemask_video.geometry`'s convention).
        """
        ...
