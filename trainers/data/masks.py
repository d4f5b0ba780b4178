"""Face masks drawn on bare, aligned faces: the paired data that the warm start learns from.

A mask is a piece of cloth on a head. Every pixel of the picture is carried back to the place (x, y)
on that head which it shows (`trainers.data.heads`), and the mask is drawn there as an implicit
shape: so region, folds, hem, pattern and light follow the turn of the head together.

Convention: pictures are float32 RGB in [0, 1].
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core.pictures import luma
from trainers.data.heads import Head, Plane, place_head
from trainers.data.noise import smooth_noise
from trainers.data.straps import draw_straps
from trainers.data.styles import MaskStyle

FloatImage = NDArray[np.float32]

_LOOSE_FROM_RAD = 0.2
"""A head turned less hides its far cheek from nobody."""

_GAPING = 0.5
"""Share of the loose halves that stand up beside the nose; the others are stretched outwards."""

_LIT_THROUGH = 0.4
"""Share of the loose halves with a light behind them, and of the flaps that let the backdrop tint
them."""


def draw_mask(
    image: FloatImage,
    landmarks: NDArray[np.floating],
    style: MaskStyle,
    *,
    texture: FloatImage | None = None,
) -> tuple[FloatImage, Plane]:
    """Put a mask on a bare, aligned face.

    Args:
        image: RGB float32 in [0, 1], shape (S, S, 3).
        landmarks: Shape (5, 2) in px of the image.
        style: What to draw.
        texture: A picture of cloth, RGB float32 in [0, 1], any size, stretched over the mask in
            place of its colour, pattern and light: real fabric brings its own folds.

    Returns:
        The masked picture, and the opacity (S, S) of mask and straps in [0, 1]; the shadow that the
        mask throws lies outside that opacity.
    """
    size_px = image.shape[0]
    head = place_head(landmarks, size_px, style.lean)
    rng = np.random.default_rng(style.seed)
    opacity, across, along = _mask_region(head, style)
    light = _scene_light(image, head)
    shade = _shade(head, style, across, along, light, rng)[..., None]
    if texture is None:
        fabric = _fabric(style, across, along, rng) * shade
    else:
        fabric = _stretch(texture, across, along) * np.clip(shade / light.level, 0.7, 1.15)
    strap, strap_light = draw_straps(head, style, size_px)
    strap_color = np.array(style.strap_color, np.float32) * light.level * light.tint
    strap_color = strap_color * strap_light[..., None]

    if style.loose > 0 and abs(head.yaw_rad) > _LOOSE_FROM_RAD:
        if rng.random() < _GAPING:
            opacity, fabric = _gape(opacity, fabric, image, head, style, rng)
        else:
            opacity, fabric = _stand_off(opacity, fabric, head, style, rng)
    alpha = np.maximum(opacity, strap)
    shadow = _shadow(opacity, strap, style, head)
    picture = image * (1 - shadow[..., None])
    picture = picture * (1 - strap[..., None]) + strap_color * strap[..., None]
    picture = picture * (1 - opacity[..., None]) + fabric * opacity[..., None]
    return np.clip(picture, 0, 1).astype(np.float32), alpha.astype(np.float32)


def _mask_region(head: Head, style: MaskStyle) -> tuple[Plane, Plane, Plane]:
    """Return opacity and the fabric's own coordinates: across in [-1, 1], along in [0, 1]."""
    x, y = head.x, head.y
    reach = np.clip(np.abs(x) / style.half_width, 0, 1.5)
    ridge = np.exp(-((x / (0.30 if style.shape == "surgical" else 0.34)) ** 2))
    # Over the nose the edge is high, on the cheek it dips, at the side it rises to the ear.
    cheek = style.side_top + 0.10 * np.sin(np.clip(reach, 0, 1) * math.pi)
    top = cheek + (style.top - cheek) * ridge
    bottom = style.bottom - style.rise(reach)
    half_width = style.half_width * (1 - 0.10 * np.clip((y - 0.9) / 0.9, -0.5, 1) ** 2)
    inside = np.minimum(np.minimum(y - top, bottom - y), half_width - np.abs(x))
    # Distances are in head units; the edge is about a pixel wide.
    opacity = np.clip(inside * head.px / 1.2 + 0.5, 0, 1)
    along = np.clip((y - top) / np.maximum(bottom - top, 0.2), 0, 1)
    return opacity.astype(np.float32), (x / half_width).astype(np.float32), along.astype(np.float32)


def _stand_off(
    opacity: Plane, fabric: FloatImage, head: Head, style: MaskStyle, rng: np.random.Generator
) -> tuple[Plane, FloatImage]:
    """Let the half beyond a turned head's nose stand off the cheek, up to the background.

    The head's surface ends there, so that half is stretched: outwards and upwards, where a loose
    edge gapes; on the face not above the eyes.
    """
    size_px = opacity.shape[0]
    side, edge = _far_edge(head, style)
    beyond = np.maximum(side * head.seen, 0)
    inwards = -side * beyond * style.loose / (max(edge, 0.1) + style.loose)
    lower = rng.uniform(0, 0.8) * beyond
    y, x = np.indices((size_px, size_px), np.float32)
    from_x = (x + inwards * head.across[0] + lower * head.down[0]).astype(np.float32)
    from_y = (y + inwards * head.across[1] + lower * head.down[1]).astype(np.float32)
    stretched = cv2.remap(opacity, from_x, from_y, cv2.INTER_LINEAR)
    # Beside the face a loose edge may stand higher.
    highest = np.where(beyond > edge, rng.uniform(-0.45, 0.3), -0.1)
    stretched = stretched * np.clip((head.y - highest) * head.px, 0, 1)
    cloth = cv2.remap(fabric, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    share = np.asarray(np.clip(beyond / max(edge, 0.1), 0, 1), np.float32)
    cloth = _in_other_light(np.asarray(cloth, np.float32), share, rng)
    return np.asarray(stretched, np.float32), cloth


def _gape(
    opacity: Plane,
    fabric: FloatImage,
    image: FloatImage,
    head: Head,
    style: MaskStyle,
    rng: np.random.Generator,
) -> tuple[Plane, FloatImage]:
    """Let the half beyond a turned head's nose gape: it stands up before the far cheek.

    It hangs between the nose and the strap's corner, which shows beside the face, and is seen from
    its side: plain, folded upright.
    """
    side, edge = _far_edge(head, style)
    # Turned away with the cheek, it shows a strip of its width.
    out = edge + style.loose * rng.uniform(0.1, 1)
    corners = _flap_corners(side * head.seen_at(0.0, 0.55), edge, out, rng)
    px = head.pixel(side * corners[:, 0], corners[:, 1])
    flap = np.zeros(opacity.shape, np.uint8)
    cv2.fillPoly(flap, [np.round((px - 0.5) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    share = flap.astype(np.float32) / np.float32(255)
    color = fabric[opacity > 0.5].mean(axis=0) if (opacity > 0.5).any() else style.color
    color = np.array(color, np.float32)
    beyond = side * head.seen
    backdrop = (beyond > edge) & (beyond < out + 0.5) & (np.abs(head.y) < 1)
    if rng.random() < _LIT_THROUGH and backdrop.any():
        color += rng.uniform(0.2, 0.9) * (image[backdrop].mean(axis=0) - color)
    folds = np.sin(head.seen * rng.uniform(6, 25) + head.y * rng.uniform(-3, 3))
    folded = 1 + rng.uniform(0, 0.3) * folds
    hem = beyond > out - rng.uniform(0.04, 0.12)
    folded = folded * (1 - rng.uniform(0, 0.5) * hem)
    cloth = _in_other_light(np.asarray(color * folded[..., None], np.float32), share, rng)
    before = opacity[..., None]
    joined = fabric * before + cloth * (1 - before)
    return np.maximum(opacity, share), np.asarray(joined, np.float32)


def _flap_corners(
    nose: float, edge: float, out: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the corners (6, 2) of a flap: how far towards the far side, and how far down.

    Up its inner edge, which is bowed, from beside the nose to the tip; then out and down.
    """
    high = rng.uniform(-0.35, 0.35)
    foot = np.array((nose * rng.uniform(0.7, 1.05), rng.uniform(0.45, 0.75)))
    tip = np.array((max(edge - rng.uniform(0.0, 0.35), 0.6 * nose), high))
    return np.array(
        [
            foot,
            (foot + tip) / 2 + (rng.uniform(-0.1, 0.1), 0),
            tip,
            (out, high + rng.uniform(-0.2, 0.2)),
            (edge + (out - edge) * rng.uniform(0.3, 1), rng.uniform(0.9, 1.6)),
            (nose * rng.uniform(0.5, 1), rng.uniform(1.1, 1.6)),
        ]
    )


def _far_edge(head: Head, style: MaskStyle) -> tuple[float, float]:
    """Return the side of a turned head's far cheek, and how far out it shows, in eye distances."""
    side = math.copysign(1.0, head.yaw_rad)
    places = np.linspace(0.1, style.half_width, 8)
    return side, max(side * head.seen_at(side * x, 0.62) for x in places)


def _in_other_light(cloth: FloatImage, share: Plane, rng: np.random.Generator) -> FloatImage:
    """Light cloth that stands off by as much of another lamp: what it catches, or lets through."""
    lit = cloth * (1 + rng.uniform(-0.35, 0.15) * share[..., None])
    if rng.random() < _LIT_THROUGH:
        lit = lit + rng.uniform(0.1, 0.6) * share[..., None] * (1 - lit)
    return np.asarray(lit, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Light:
    level: float
    tint: NDArray[np.float32]
    slope_x: float
    slope_y: float


def _scene_light(image: FloatImage, head: Head) -> _Light:
    """Read level, tint and direction of the light off the skin that the mask will alpha."""
    face = (np.abs(head.x) < 0.8) & (head.y > 0.2) & (head.y < 1.5)
    if int(face.sum()) < 30:
        return _Light(0.9, np.ones(3, np.float32), 0.0, 0.0)
    values = luma(image)[face]
    bright = float(np.percentile(values, 80))
    x, y = head.x[face], head.y[face] - 0.85
    slope_x = float((x * (values - values.mean())).sum() / max((x * x).sum(), 1e-6))
    slope_y = float((y * (values - values.mean())).sum() / max((y * y).sum(), 1e-6))
    skin = image[face].mean(axis=0)
    # A fifth of the skin's cast against usual skin is taken for the light's own.
    cast = skin / max(float(skin.mean()), 1e-3) / np.array([1.22, 0.96, 0.82])
    tint = np.clip(1 + 0.2 * (cast - 1), 0.85, 1.15).astype(np.float32)
    # Skin reflects about half of what white cloth does; the root keeps dark skin from dark cloth.
    level = float(np.clip(0.17 + 1.03 * math.sqrt(bright), 0.2, 1.08))
    return _Light(
        level,
        tint,
        float(np.clip(slope_x / max(bright, 0.1), -0.5, 0.5)),
        float(np.clip(slope_y / max(bright, 0.1), -0.25, 0.15)),
    )


def _shade(
    head: Head,
    style: MaskStyle,
    across: Plane,
    along: Plane,
    light: _Light,
    rng: np.random.Generator,
) -> Plane:
    """Return brightness: the scene's light on the cloth's relief."""
    relief = np.zeros_like(along)
    if style.shape == "surgical":
        # Three pleats: cloth lies over cloth, so each step is a thin dark line under a lit edge.
        for pleat in (0.34, 0.52, 0.70):
            step = along - pleat - 0.03 * across**2
            relief -= 0.17 * np.exp(-((step / 0.016) ** 2)) * (1 - 0.5 * across**2)
            relief += 0.07 * np.exp(-(((step + 0.035) / 0.03) ** 2))
        # The wire on the nose makes a ridge with a crease to each side.
        relief += 0.08 * np.exp(-((across / 0.09) ** 2)) * np.exp(-((along / 0.12) ** 2))
    elif style.shape == "ffp2":
        relief -= 0.22 * np.exp(-((across / 0.02) ** 2))
        relief += 0.12 * np.exp(-(((along - 0.42) / 0.2) ** 2)) * (1 - across**2)
    else:
        relief -= 0.12 * np.exp(-((across / 0.018) ** 2)) * float(rng.random() < 0.5)
    wrinkles = smooth_noise(rng, (7, 9), along.shape[0])
    if style.creases > 0:
        relief += style.creases * _creases(across, along, style)
    radial = np.sin(12 * np.arctan2(along - 0.45, across + 1e-3) + 4 * wrinkles)
    relief += 0.035 * wrinkles + 0.03 * radial * np.clip(np.abs(across) * 1.4 - 0.5, 0, 1)

    border = np.minimum(np.minimum(along, 1 - along) * 1.3, (1 - np.abs(across)) * 0.9)
    hem = 0.10 * np.exp(-(((border - 0.035) / 0.012) ** 2))
    round_off = -0.30 * np.clip(np.abs(across) - 0.35, 0, 1) ** 2  # cloth turns from the viewer
    under_chin = -0.30 * np.clip(along - 0.72, 0, 1) * 2.0
    tent = 0.05 * np.exp(-((across / 0.35) ** 2)) * np.exp(-(((along - 0.2) / 0.25) ** 2))
    sideways = light.slope_x * np.clip(head.x, -1, 1) + light.slope_y * (head.y - 0.85)
    shade = 1 + style.fold * relief - style.hem * hem + round_off + under_chin + tent + sideways
    return np.asarray(light.level * np.clip(shade, 0.25, 1.35), np.float32)


def _stretch(texture: FloatImage, across: Plane, along: Plane) -> FloatImage:
    """Lay a picture over the mask, its sides on the mask's."""
    height, width = texture.shape[:2]
    column = (across + 1) / 2 * width - 0.5
    row = along * height - 0.5
    return cv2.remap(
        texture, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)


def _fabric(style: MaskStyle, across: Plane, along: Plane, rng: np.random.Generator) -> FloatImage:
    """Return the fabric's own colour."""
    size = across.shape
    repeat = 2 * math.pi / style.pattern_scale
    # A mask is nearly as high as wide, and ``across`` spans two units.
    down = 1.75 * along
    if style.pattern == "stripes":
        angle = rng.uniform(0, math.pi)
        wave = np.sin(repeat * (across * math.cos(angle) + down * math.sin(angle)))
        share = np.clip(wave * 4 + 0.5, 0, 1)
    elif style.pattern == "dots":
        share = np.clip((np.sin(repeat * across) * np.sin(repeat * down) - 0.45) * 8, 0, 1)
    elif style.pattern == "checks":
        share = 0.5 * (np.sin(repeat * across) > 0) + 0.5 * (np.sin(repeat * down) > 0)
    elif style.pattern == "weave":
        share = 0.25 * (1 + np.sin(3 * repeat * across) * np.sin(3 * repeat * down))
    elif style.pattern in ("blotches", "print"):
        cells = max(3, int(1.5 / style.pattern_scale))
        noise = smooth_noise(rng, (cells, cells), size[0])
        share = np.clip(noise * 9 + 0.5, 0, 1)
        if style.pattern == "print":  # a motif in one place: lettering, a mouth, a logo
            place = ((across - rng.uniform(-0.5, 0.5)) / 0.35) ** 2
            place = place + ((along - rng.uniform(0.3, 0.7)) / 0.2) ** 2
            share = share * (place < 1)
    else:
        share = np.zeros(size, np.float32)
    mixed = np.asarray(share, np.float32)[..., None]
    fabric = np.array(style.color, np.float32) * (1 - mixed)
    fabric = fabric + np.array(style.second_color, np.float32) * mixed
    grain = rng.normal(0, style.grain, size).astype(np.float32)
    return np.asarray(fabric + grain[..., None], np.float32)


def _creases(across: Plane, along: Plane, style: MaskStyle) -> Plane:
    """Return the relief of creases that run from the straps' corners towards the middle."""
    rng = np.random.default_rng((style.seed, 1))
    # Nearly head units, so that a crease is as wide whichever way it runs.
    x, y = 0.9 * across, 1.6 * along
    relief = np.zeros_like(along)
    for side in (-1, 1):
        for corner in (0.12, 1.42):
            for _ in range(3):
                aim_x = side * rng.uniform(0.0, 0.35)
                aim_y = corner + (0.8 - corner) * rng.uniform(0.15, 1.1)
                run_x, run_y = aim_x - 0.9 * side, aim_y - corner
                length = math.hypot(run_x, run_y) * rng.uniform(0.5, 1.0)
                run_x, run_y = (v / math.hypot(run_x, run_y) for v in (run_x, run_y))
                beyond_x, beyond_y = x - 0.9 * side, y - corner
                way = (beyond_x * run_x + beyond_y * run_y) / length
                bend = 0.06 * rng.normal() * way * (1 - way)
                off = beyond_y * run_x - beyond_x * run_y - bend
                width = 0.025 + 0.05 * np.clip(way, 0, 1)
                # Where a crease rises from the cloth the light falls on one flank.
                flank = -(off / width) * np.exp(0.5 - 0.5 * (off / width) ** 2)
                fade = np.clip(1 - way, 0, 1) ** 1.5 * np.clip(8 * way, 0, 1)
                relief += np.asarray(rng.uniform(0.03, 0.09) * flank * fade, np.float32)
    return relief


def _shadow(opacity: Plane, strap: Plane, style: MaskStyle, head: Head) -> Plane:
    """Return how much the skin beside the mask darkens."""
    if style.shadow <= 0:
        return np.zeros_like(opacity)
    reach = 0.06 * head.px
    fallen = cv2.GaussianBlur(opacity, (0, 0), reach)
    fallen = np.roll(fallen, max(1, round(0.03 * head.px)), axis=0)
    shadow = style.shadow * np.clip(fallen, 0, 1) * (1 - opacity)
    if style.straps == "loops":
        thin = cv2.GaussianBlur(strap, (0, 0), max(0.5, 0.02 * head.px))
        thin = np.roll(thin, max(1, round(0.015 * head.px)), axis=0)
        shadow = np.maximum(shadow, 0.6 * style.shadow * thin * (1 - opacity))
    return np.asarray(shadow, np.float32)
