"""Draw what the tracker knows: boxes, numbers, landmarks, scores, observed or filled in."""

from collections.abc import Sequence

import cv2
import numpy as np

from facemask_video.core import geometry
from facemask_video.core.faces import TrackedFace
from facemask_video.core.frame import Patch
from facemask_video.core.geometry import Box

OBSERVED = (40, 220, 90)
FILLED = (255, 150, 30)
"""RGB of a face that was seen in its frame, and of one that was not."""

_LANDMARK = (255, 60, 60)
_GROUND = (16, 16, 16)


def overlay(
    faces: Sequence[TrackedFace],
    *,
    width_px: int,
    height_px: int,
    notes: Sequence[str] | None = None,
) -> list[Patch]:
    """Return patches to blend over a frame; only lines and letters are opaque.

    Args:
        faces: The frame's faces.
        width_px: Frame width.
        height_px: Frame height.
        notes: A word more for each face, such as its verdict.
    """
    patches = []
    for index, face in enumerate(faces):
        text = f"{face.track_id} {face.score:.2f}{'' if face.observed else ' filled'}"
        if notes is not None:
            text = f"{text} {notes[index]}".rstrip()
        patch = _draw(face, text, width_px, height_px)
        if patch is not None:
            patches.append(patch)
    return patches


def _draw(face: TrackedFace, text: str, width_px: int, height_px: int) -> Patch | None:
    line_px = max(1, round(height_px / 500))
    letter = max(0.45, height_px / 1100)
    (text_width, text_height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, letter, line_px)
    box = face.box
    around = Box(
        box.x0 - 2 * line_px,
        box.y0 - text_height - 4 * line_px,
        max(box.x1, box.x0 + text_width) + 2 * line_px,
        box.y1 + 2 * line_px,
    )
    marks = geometry.bounding_box(face.landmarks)
    around = Box(
        min(around.x0, marks.x0 - 3 * line_px),
        min(around.y0, marks.y0 - 3 * line_px),
        max(around.x1, marks.x1 + 3 * line_px),
        max(around.y1, marks.y1 + 3 * line_px),
    )
    region = geometry.round_out(geometry.clip(around, width_px, height_px))
    if region.area_px2 == 0:
        return None
    size = (int(region.height_px), int(region.width_px))
    image = np.zeros((*size, 3), np.uint8)
    image[:] = OBSERVED if face.observed else FILLED
    opaque = np.zeros(size, np.uint8)

    def here(x: float, y: float) -> tuple[int, int]:
        return round(x - region.x0 - 0.5), round(y - region.y0 - 0.5)

    cv2.rectangle(opaque, here(box.x0, box.y0), here(box.x1, box.y1), 255, line_px, cv2.LINE_AA)
    # Letters of one px are lost on a picture: they stand on a dark ground.
    start = here(box.x0, box.y0 - 2 * line_px)
    ground = (start[0], start[1] - text_height - line_px, text_width, text_height + 3 * line_px)
    cv2.rectangle(image, ground, _GROUND, -1)
    cv2.rectangle(opaque, ground, 200, -1)
    colour = OBSERVED if face.observed else FILLED
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(image, text, start, font, letter, colour, line_px, cv2.LINE_AA)
    for x, y in face.landmarks:
        cv2.circle(image, here(x, y), 3 * line_px, _LANDMARK, -1)
        cv2.circle(opaque, here(x, y), 2 * line_px, 255, -1, cv2.LINE_AA)
    return Patch(region, image, (opaque / 255).astype(np.float32))
