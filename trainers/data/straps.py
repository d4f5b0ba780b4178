"""The straps of a drawn mask."""

import math

import cv2
import numpy as np

from trainers.data.heads import Head, Plane, depth
from trainers.data.styles import MaskStyle

# Where straps go behind the ear: cheekbones are 2.2 eye distances apart, ears half-way back.
_EAR_X, _EAR_Z = 1.14, 0.2


def draw_straps(head: Head, style: MaskStyle, size_px: int) -> tuple[Plane, Plane]:
    """Draw the straps' opacity and light; the far one vanishes behind a turned head."""
    canvas = np.zeros((size_px, size_px), np.uint8)  # cv2 smooths lines on 8 bits only
    lit = np.ones((size_px, size_px), np.float32)
    if style.straps == "none":
        return np.zeros((size_px, size_px), np.float32), lit
    if style.straps == "loops":
        return _loops(head, style, size_px)
    fine = 8  # cv2 takes fixed-point coordinates; three bits of fraction
    # cv2 has no width below one pixel: a thinner strap is drawn one pixel wide and fainter.
    width_px = style.strap_width * head.px
    for side in (-1, 1):
        if -side * math.sin(head.yaw_rad) < -0.35:
            continue
        ends = (
            ((1.10, 0.24), (1.10, 0.58))
            if style.straps == "ears"
            else ((1.18, -0.10), (1.17, 1.05))
        )
        starts = (
            (style.half_width * 0.97, style.side_top + 0.04),
            (style.half_width * 0.90, style.bottom - style.jaw * 0.85),
        )
        for (x0, y0), (x1, y1) in zip(starts, ends, strict=True):
            t = np.linspace(0, 1, 8)
            sag = 0.05 * np.sin(math.pi * t)
            line = [
                head.project(side * (x0 + (x1 - x0) * a), y0 + (y1 - y0) * a + s)
                for a, s in zip(t, sag, strict=True)
            ]
            points = np.round((np.array(line) - 0.5) * fine).astype(np.int32)
            cv2.polylines(
                canvas,
                [points[:, None]],
                False,
                round(255 * min(1.0, width_px)),
                max(1, round(width_px)),
                cv2.LINE_AA,
                3,
            )
    return np.asarray(canvas.astype(np.float32) / 255, np.float32), lit


def _loops(head: Head, style: MaskStyle, size_px: int) -> tuple[Plane, Plane]:
    """Draw straps that leave the cheek for the ears, darken on the way and vanish behind them."""
    fine = 16  # cv2 takes fixed-point coordinates; four bits of fraction
    steps = 12
    # Drawn at twice the size: cv2's lines are whole px wide, which shows on thin ones.
    opacity = np.zeros((2 * size_px, 2 * size_px), np.uint8)
    bright = np.zeros_like(opacity)
    width_px = 2 * style.strap_width * head.px
    thickness = max(1, round(width_px))
    full = 255 * min(1.0, width_px)
    for side in (-1, 1):
        if -side * math.sin(head.yaw_rad) < -0.35:
            continue
        upper = (0.97 * style.half_width, style.side_top + 0.05)
        lower = (0.91 * style.half_width, style.bottom - float(style.rise(np.array(0.91))) - 0.06)
        for (x0, y0), y1 in ((upper, 0.10), (lower, 0.72)):
            z0 = float(depth(np.array([x0]), np.array([2.0]))[0])
            t = np.linspace(0, 1, steps + 1)
            # Taut, but following the cheek a little; ears sit at the side of the head, far back.
            line = np.array(
                [
                    head.project(
                        side * (x0 + (_EAR_X - x0) * a + 0.04 * math.sin(math.pi * a)),
                        y0 + (y1 - y0) * a,
                        z0 + (_EAR_Z - z0) * a,
                    )
                    for a in t
                ]
            )
            points = np.round((2 * line - 0.5) * fine).astype(np.int32)
            for index in reversed(range(steps)):
                ends = points[index : index + 2, None]
                hidden = 1 - max(0.0, (t[index + 1] - 0.6) / 0.4) ** 2
                shown = full * hidden
                for canvas, value in (
                    (opacity, shown), (bright, shown * (1 - 0.35 * t[index + 1]))
                ):  # fmt: skip
                    cv2.polylines(canvas, [ends], False, round(value), thickness, cv2.LINE_AA, 4)
    half, half_bright = (
        cv2.resize(canvas, (size_px, size_px), interpolation=cv2.INTER_AREA).astype(np.float32)
        for canvas in (opacity, bright)
    )
    light = np.where(half > 0, half_bright / np.maximum(half, 1), 1).clip(0, 1)
    return np.asarray(half / 255, np.float32), np.asarray(light, np.float32)
