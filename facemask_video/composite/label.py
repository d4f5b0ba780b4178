"""A note in a corner of the picture which says that a face in it is synthetic."""

from functools import lru_cache

import cv2
import numpy as np

from facemask_video.core.errors import ConfigError
from facemask_video.core.frame import Patch
from facemask_video.core.geometry import Box

SMALLEST_LETTERS_PX = 9
"""Size of the font below which letters are no longer read."""

_SHARE = 1 / 32
# Of the picture's shorter side: 34 px of 1080, 11 of 360.
_MARGIN = 0.05
# Title-safe (SMPTE ST 2046-1): 90 % of width and height show on any screen.
_GROUND_ALPHA = 0.6
# Of black behind the letters: white on white darkened by it has a contrast of 5.7 to 1.
_WEIGHT = 500


def label_patch(text: str, *, width_px: int, height_px: int, white: int = 255) -> Patch:
    """Return a label for the lower left corner, inside the title-safe area.

    Letters are a thirty-second of the picture's shorter side, and smaller where a long text takes
    it. OpenCV's own fonts are used, which hold Latin, Greek, Cyrillic, Arabic and Chinese letters.

    Args:
        text: One line.
        width_px: Frame width as displayed.
        height_px: Frame height as displayed.
        white: Level of the letters, 0-255 as the frame's transfer codes it.

    Raises:
        ConfigError: It does not fit in `SMALLEST_LETTERS_PX`, or there is no letter for a
            character.
    """
    missing = [letter for letter in text if not _can_draw(letter)]
    if missing:
        raise ConfigError(
            f"output.label: got {text!r}; there is no letter for {missing[0]!r} to draw."
        )
    # Even edges, so that a chroma sample belongs to the label or does not.
    left_px = _even_up(width_px * _MARGIN)
    foot_px = int(height_px * (1 - _MARGIN)) // 2 * 2
    room_px = int(width_px * (1 - _MARGIN)) - left_px, foot_px - int(height_px * _MARGIN)
    size_px = max(SMALLEST_LETTERS_PX + 1, round(min(width_px, height_px) * _SHARE))
    while True:
        letters_box = _extent(text, size_px)
        pad_px = max(2, round(size_px * 0.3))
        box_px = tuple(_even_up(side + 2 * pad_px) for side in letters_box[2:])
        if box_px[0] <= room_px[0] and box_px[1] <= room_px[1]:
            break
        size_px -= 1
        if size_px < SMALLEST_LETTERS_PX:
            raise ConfigError(
                f"output.label: got {text!r}, which takes {box_px[0]}x{box_px[1]} px in the "
                f"smallest letters that can be read; pictures of {width_px}x{height_px} have room "
                f"for {room_px[0]}x{room_px[1]}. Give --label a shorter text, or leave it out."
            )
    shape = (box_px[1], box_px[0])
    start = (pad_px - letters_box[0], pad_px - letters_box[1])
    letters = _draw(text, shape, start, size_px)
    alpha = letters + (1 - letters) * _GROUND_ALPHA
    # The ground is black, so the share of white in the patch is that of the letters.
    grey = np.rint(white * letters / alpha).astype(np.uint8)
    box = Box(left_px, foot_px - box_px[1], left_px + box_px[0], foot_px)
    return Patch(box, np.dstack([grey, grey, grey]), alpha.astype(np.float32))


def _even_up(length: float) -> int:
    return int(-(-length // 2)) * 2


def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")


def _extent(text: str, size_px: int) -> tuple[int, int, int, int]:
    """Return left, top, width and height of a text that starts at the origin of its base line."""
    x, y, width, height = cv2.getTextSize((0, 0), text, (0, 0), _font(), size_px, _WEIGHT)
    return int(x), int(y), int(width), int(height)


def _draw(
    text: str, shape: tuple[int, int], start: tuple[int, int], size_px: int
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return how far letters cover each px, in [0, 1]."""
    canvas = np.zeros((*shape, 3), np.uint8)
    cv2.putText(canvas, text, start, (255, 255, 255), _font(), size_px, _WEIGHT)
    return (canvas[:, :, 0] / 255).astype(np.float32)


@lru_cache(maxsize=256)
def _can_draw(letter: str) -> bool:
    """Tell whether the fonts hold a letter: all that they do not are drawn alike."""
    if letter.isspace() or letter == "?":
        return True
    shape, start = (64, 64), (16, 40)
    unknown = _draw("\U000f0000", shape, start, 24)
    return not np.array_equal(_draw(letter, shape, start, 24), unknown)
