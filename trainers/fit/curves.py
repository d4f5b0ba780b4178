"""The losses of a run as one picture: a panel each in groups, images seen to the right."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from facemask_video.core.frame import ImageU8

_PANEL_PX = (320, 180)
_MARGIN_PX = 24
_CAPTION_PX = 20
_INK, _LINE, _FRAME = (40, 40, 40), (30, 90, 200), (200, 200, 200)
_NOT_CURVES = ("images_seen",)


def draw_curves(lines: Sequence[dict[str, float]], *, n_columns: int = 4) -> ImageU8:
    """Draw every statistic of a run against the images seen, those of a direction together.

    Args:
        lines: Statistics in order, each with ``images_seen``.
        n_columns: Panels beside each other.
    """
    groups: dict[str, list[ImageU8]] = {}
    for name in sorted({name for line in lines for name in line} - set(_NOT_CURVES)):
        group, _, _ = name.rpartition("/")
        groups.setdefault(group or "run", []).append(_panel(name, lines))
    rows = []
    for group, panels in (groups or {"run": [_blank()]}).items():
        panels += [_blank()] * (-len(panels) % n_columns)
        rows.append(caption(group, n_columns * _PANEL_PX[0]))
        rows += [
            np.hstack(panels[first : first + n_columns])
            for first in range(0, len(panels), n_columns)
        ]
    return np.asarray(np.vstack(rows), np.uint8)


def caption(text: str, width_px: int) -> ImageU8:
    """Return a strip, (20, width_px, 3), that says what lies below it; too long a text is cut."""
    strip = np.full((_CAPTION_PX, width_px, 3), 235, np.uint8)
    _write(strip, text, (6, _CAPTION_PX - 6))
    return strip


def _blank() -> ImageU8:
    width, height = _PANEL_PX
    return np.full((height, width, 3), 255, np.uint8)


def _panel(name: str, lines: Sequence[dict[str, float]]) -> ImageU8:
    points = [
        (line["images_seen"], line[name])
        for line in lines
        if name in line and math.isfinite(line[name])
    ]
    panel = _blank()
    width, height = _PANEL_PX
    left, top, right, bottom = _MARGIN_PX, _MARGIN_PX, width - 8, height - _MARGIN_PX
    cv2.rectangle(panel, (left, top), (right, bottom), _FRAME, 1)
    if not points:
        return panel
    seen, values = np.array(points, np.float64).T
    low, high = float(values.min()), float(values.max())
    spread = high - low or max(abs(high), 1e-6)
    x = left + (right - left) * (seen / max(float(seen.max()), 1.0))
    y = bottom - (bottom - top) * ((values - low) / spread)
    path = np.round(np.stack([x, y], axis=1)).astype(np.int32)
    cv2.polylines(panel, [path[:, None]], False, _LINE, 1, cv2.LINE_AA)
    _write(panel, f"{name}  {values[-1]:.4g}", (left, top - 8))
    _write(panel, f"{low:.3g} to {high:.3g}, {int(seen[-1]):,} images", (left, height - 8))
    return panel


def _write(panel: ImageU8, text: str, place: tuple[int, int]) -> None:
    cv2.putText(panel, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, _INK, 1, cv2.LINE_AA)
