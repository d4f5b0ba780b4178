"""Face masks drawn on bare, aligned faces: the paired data that the warm start learns from.

A mask is a piece of cloth on a head. The head is an upright elliptic cylinder with a nose on it, in
units of the distance between the eyes; five landmarks give its place, size, roll and yaw. Every
pixel of the picture is carried back to the place (x, y) on that head which it shows, and the mask
is drawn there as an implicit shape: so outline, folds, hem, pattern and light follow the turn of
the head together.

Convention: head coordinates have their origin between the eyes, x to the image's right, y down,
z towards the viewer, in eye distances of the frontal face. Pictures are float32 RGB in [0, 1].
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
Plane = NDArray[np.float32]

_HEAD_HALF_WIDTH = 1.28
_HEAD_DEPTH = 1.25
_EYE_TO_MOUTH = 1.155
_NOSE_LENGTH = 0.42

PATTERNS = ("plain", "stripes", "dots", "checks", "blotches", "weave", "print")
SHAPES = ("surgical", "cloth", "ffp2")


@dataclass(frozen=True, slots=True)
class MaskStyle:
    """How one mask looks. Lengths in eye distances, colours RGB in [0, 1].

    Attributes:
        shape: ``surgical`` (pleats), ``cloth`` (smooth, seam) or ``ffp2`` (beak, seam).
        color: Of the fabric.
        second_color: Of the pattern.
        pattern: One of `PATTERNS`.
        pattern_scale: Size of its repeat.
        top: Height of the upper edge on the nose; 0.42 is the bridge, 1.0 leaves the nose free.
        side_top: Height of the upper edge at the sides.
        half_width: Half the mask's width.
        bottom: Height of the lower edge under the chin; the chin lies near 1.8.
        jaw: How fast the lower edge rises to the sides.
        fold: Strength of folds and pleats.
        hem: Strength of the sewn border.
        straps: ``ears``, ``head`` or ``none``.
        strap_color: RGB.
        strap_width: In eye distances.
        shadow: Strength of the shadow on the skin.
        grain: Standard deviation of the fabric's noise. It lies fixed in the picture, so a style
            that a generator is to learn should have none.
        seed: For wrinkles and prints.
    """

    shape: str = "surgical"
    color: tuple[float, float, float] = (0.62, 0.78, 0.88)
    second_color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    pattern: str = "plain"
    pattern_scale: float = 0.2
    top: float = 0.40
    side_top: float = 0.62
    half_width: float = 0.90
    bottom: float = 2.04
    jaw: float = 0.50
    fold: float = 1.0
    hem: float = 1.0
    straps: str = "ears"
    strap_color: tuple[float, float, float] = (0.88, 0.90, 0.92)
    strap_width: float = 0.034
    shadow: float = 0.35
    grain: float = 0.0
    seed: int = 0


SURGICAL = MaskStyle()
"""The mask that the ``mask`` generator learns to put on: light blue, pleated, correctly worn."""


def random_style(rng: np.random.Generator, *, worn_wrong: float = 0.0) -> MaskStyle:
    """Draw a style at random, wide enough that an outline learnt from it finds real masks.

    Args:
        rng: Source of randomness.
        worn_wrong: Share of masks that leave the nose free.
    """
    shape = str(rng.choice(SHAPES, p=(0.45, 0.35, 0.2)))
    kind = rng.random()
    if kind < 0.22:  # near white, or grey
        color = np.full(3, rng.uniform(0.6, 1.0)) + rng.normal(0, 0.02, 3)
    elif kind < 0.42:  # near black
        color = np.full(3, rng.uniform(0.02, 0.22)) + rng.normal(0, 0.02, 3)
    elif kind < 0.66:  # light blue to green, the hospital's
        color = np.array([rng.uniform(0.3, 0.75), rng.uniform(0.65, 0.9), rng.uniform(0.7, 0.98)])
    elif kind < 0.76:  # skin tones: the hardest to tell from a face
        color = np.array([0.85, 0.65, 0.52]) * rng.uniform(0.3, 1.1) + rng.normal(0, 0.05, 3)
    else:
        color = rng.uniform(0, 1, 3)
    pattern = "plain" if rng.random() < 0.6 else str(rng.choice(PATTERNS[1:]))
    tight = rng.random() < 0.25
    gaiter = rng.random() < 0.15
    free_nose = rng.random() < worn_wrong
    return MaskStyle(
        shape=shape,
        color=_rgb(color),
        second_color=_rgb(rng.uniform(0, 1, 3)),
        pattern=pattern,
        pattern_scale=float(rng.uniform(0.06, 0.4)),
        top=float(rng.uniform(0.8, 1.0) if free_nose else rng.uniform(0.22, 0.58)),
        side_top=float(rng.uniform(0.4, 0.9)),
        half_width=float(rng.uniform(0.70, 0.85) if tight else rng.uniform(0.82, 1.20)),
        bottom=float(rng.uniform(2.1, 2.5) if gaiter else rng.uniform(1.66, 2.15)),
        jaw=float(rng.uniform(0.0, 0.3) if gaiter else rng.uniform(0.25, 0.9)),
        fold=float(rng.uniform(0, 1.8)),
        hem=float(rng.uniform(0, 1.6)),
        straps=str(rng.choice(("ears", "head", "none"), p=(0.62, 0.18, 0.2))),
        strap_color=_rgb(
            np.full(3, rng.uniform(0.75, 1.0))
            if rng.random() < 0.6
            else color * rng.uniform(0.4, 1)
        ),
        strap_width=float(rng.uniform(0.012, 0.07)),
        shadow=float(rng.uniform(0, 0.6)),
        grain=float(rng.uniform(0, 0.02)),
        seed=int(rng.integers(2**31)),
    )


def _rgb(color: NDArray[np.floating]) -> tuple[float, float, float]:
    red, green, blue = (float(v) for v in np.clip(color, 0, 1))
    return red, green, blue


@dataclass(frozen=True, slots=True, eq=False)
class _Head:
    """Where each pixel lies on the head, and the pose that says so."""

    x: Plane
    y: Plane
    origin: NDArray[np.float64]
    across: NDArray[np.float64]
    down: NDArray[np.float64]
    yaw_rad: float
    px: float

    def project(self, x: float, y: float, z: float | None = None) -> NDArray[np.float64]:
        """Return the pixel (x, y) of a place on (or, with ``z``, off) the head."""
        depth = float(_depth(np.array([x]), np.array([y]))[0]) if z is None else z
        seen = x * math.cos(self.yaw_rad) + (depth - _HEAD_DEPTH) * math.sin(self.yaw_rad)
        return self.origin + self.across * seen + self.down * y


def _depth(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.floating]:
    cylinder = _HEAD_DEPTH * np.sqrt(np.maximum(1 - (x / _HEAD_HALF_WIDTH) ** 2, 0.0025))
    nose = _NOSE_LENGTH * np.exp(-((x / 0.26) ** 2)) * np.exp(-(((y - 0.62) / 0.42) ** 2))
    return np.asarray(cylinder + nose)


def _place_head(landmarks: NDArray[np.floating], size_px: int) -> _Head:
    """Find pose and size from landmarks (5, 2) in crop px, and carry every pixel to the head."""
    points = landmarks.astype(np.float64)
    origin = points[:2].mean(axis=0)
    mouth = points[3:].mean(axis=0)
    eyes = points[1] - points[0]
    eye_distance = float(np.hypot(*eyes))
    across = eyes / max(eye_distance, 1e-6)
    down = np.array([-across[1], across[0]])
    height = float((mouth - origin) @ down) / _EYE_TO_MOUTH
    # A detector's worst guesses put the mouth on or above the eyes; no head is as flat as that.
    height = max(height, 0.3 * eye_distance, 1.0)
    nose_offset = float((points[2] - origin) @ across) / max(eye_distance, 1e-6)
    # The nose tip stands 0.55 eye distances before the eyes; atan because yaw shortens those too.
    yaw_rad = float(np.clip(math.atan(nose_offset / 0.55), -1.0, 1.0))
    unit = float(np.clip(eye_distance / math.cos(yaw_rad), 0.75 * height, 1.35 * height))
    vertical = float(np.clip(height, 0.8 * unit, 1.2 * unit))

    grid = np.arange(size_px) + 0.5
    offset = np.stack(np.meshgrid(grid, grid), axis=-1) - origin
    seen = (offset @ across / unit).astype(np.float32)
    y = (offset @ down / vertical).astype(np.float32)
    # Along a row of the head x' = x cos + (z - z0) sin grows with x where the surface is visible;
    # inverting it on a grid of x gives each pixel its place. The nose is left out here: its slope
    # would fold the map, and cloth bridges it anyway.
    x_grid = np.linspace(-_HEAD_HALF_WIDTH, _HEAD_HALF_WIDTH, 129)
    z_grid = _HEAD_DEPTH * np.sqrt(np.maximum(1 - (x_grid / _HEAD_HALF_WIDTH) ** 2, 0))
    projected = x_grid * math.cos(yaw_rad) + (z_grid - _HEAD_DEPTH) * math.sin(yaw_rad)
    start, stop = _visible(projected)
    x = np.interp(
        seen.ravel(), projected[start:stop], x_grid[start:stop], left=-9.0, right=9.0
    ).reshape(seen.shape)
    return _Head(x.astype(np.float32), y, origin, across * unit, down * vertical, yaw_rad, unit)


def _visible(projected: NDArray[np.floating]) -> tuple[int, int]:
    """Return the range of a curve around its middle in which it grows."""
    rising = np.diff(projected) > 0
    middle = len(projected) // 2
    start = middle
    while start > 0 and rising[start - 1]:
        start -= 1
    stop = middle
    while stop < len(rising) and rising[stop]:
        stop += 1
    return start, stop + 1


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
    head = _place_head(landmarks, size_px)
    rng = np.random.default_rng(style.seed)
    opacity, across, along = _outline(head, style)
    light = _scene_light(image, head)
    shade = _shade(head, style, across, along, light, rng)[..., None]
    if texture is None:
        fabric = _fabric(style, across, along, rng) * shade
    else:
        fabric = _stretch(texture, across, along) * np.clip(shade / light.level, 0.7, 1.15)
    strap = _straps(head, style, size_px)
    strap_color = np.array(style.strap_color, np.float32) * light.level * light.tint

    cover = np.maximum(opacity, strap)
    shadow = _shadow(cover, opacity, style, head)
    picture = image * (1 - shadow[..., None])
    picture = picture * (1 - strap[..., None]) + strap_color * strap[..., None]
    picture = picture * (1 - opacity[..., None]) + fabric * opacity[..., None]
    return np.clip(picture, 0, 1).astype(np.float32), cover.astype(np.float32)


def _outline(head: _Head, style: MaskStyle) -> tuple[Plane, Plane, Plane]:
    """Return opacity and the fabric's own coordinates: across in [-1, 1], along in [0, 1]."""
    x, y = head.x, head.y
    reach = np.clip(np.abs(x) / style.half_width, 0, 1.5)
    ridge = np.exp(-((x / (0.30 if style.shape == "surgical" else 0.34)) ** 2))
    # Over the nose the edge is high, on the cheek it dips, at the side it rises to the ear.
    cheek = style.side_top + 0.10 * np.sin(np.clip(reach, 0, 1) * math.pi)
    top = cheek + (style.top - cheek) * ridge
    bottom = style.bottom - style.jaw * reach**2.2
    if style.shape == "ffp2":
        bottom = style.bottom - (style.jaw + 0.25) * reach**1.6
    half_width = style.half_width * (1 - 0.10 * np.clip((y - 0.9) / 0.9, -0.5, 1) ** 2)
    inside = np.minimum(np.minimum(y - top, bottom - y), half_width - np.abs(x))
    # Distances are in head units; the edge is about a pixel wide.
    opacity = np.clip(inside * head.px / 1.2 + 0.5, 0, 1)
    along = np.clip((y - top) / np.maximum(bottom - top, 0.2), 0, 1)
    return opacity.astype(np.float32), (x / half_width).astype(np.float32), along.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Light:
    level: float
    tint: NDArray[np.float32]
    slope_x: float
    slope_y: float


def _scene_light(image: FloatImage, head: _Head) -> _Light:
    """Read level, tint and direction of the light off the skin that the mask will cover."""
    face = (np.abs(head.x) < 0.8) & (head.y > 0.2) & (head.y < 1.5)
    if int(face.sum()) < 30:
        return _Light(0.9, np.ones(3, np.float32), 0.0, 0.0)
    luma = image @ np.array([0.299, 0.587, 0.114], np.float32)
    values = luma[face]
    bright = float(np.percentile(values, 80))
    x, y = head.x[face], head.y[face] - 0.85
    slope_x = float((x * (values - values.mean())).sum() / max((x * x).sum(), 1e-6))
    slope_y = float((y * (values - values.mean())).sum() / max((y * y).sum(), 1e-6))
    skin = image[face].mean(axis=0)
    # A fifth of the skin's cast against usual skin is taken for the light's own.
    cast = skin / max(float(skin.mean()), 1e-3) / np.array([1.22, 0.96, 0.82])
    tint = np.clip(1 + 0.2 * (cast - 1), 0.85, 1.15).astype(np.float32)
    # Skin reflects about half of what white cloth does; the root keeps dark skin from dark cloth.
    level = float(np.clip(0.25 + 0.95 * math.sqrt(bright), 0.25, 1.08))
    return _Light(
        level,
        tint,
        float(np.clip(slope_x / max(bright, 0.1), -0.5, 0.5)),
        float(np.clip(slope_y / max(bright, 0.1), -0.25, 0.15)),
    )


def _shade(
    head: _Head,
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
    wrinkles = cv2.resize(
        rng.normal(0, 1, (7, 9)).astype(np.float32),
        along.shape[::-1],
        interpolation=cv2.INTER_CUBIC,
    )
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
    if style.pattern == "stripes":
        angle = rng.uniform(0, math.pi)
        wave = np.sin(repeat * (across * math.cos(angle) + along * math.sin(angle)))
        share = np.clip(wave * 4 + 0.5, 0, 1)
    elif style.pattern == "dots":
        share = np.clip((np.sin(repeat * across) * np.sin(repeat * along) - 0.45) * 8, 0, 1)
    elif style.pattern == "checks":
        share = 0.5 * (np.sin(repeat * across) > 0) + 0.5 * (np.sin(repeat * along) > 0)
    elif style.pattern == "weave":
        share = 0.25 * (1 + np.sin(3 * repeat * across) * np.sin(3 * repeat * along))
    elif style.pattern in ("blotches", "print"):
        cells = max(3, int(1.5 / style.pattern_scale))
        noise = cv2.resize(
            rng.normal(0, 1, (cells, cells)).astype(np.float32),
            size[::-1],
            interpolation=cv2.INTER_CUBIC,
        )
        share = np.clip(noise * 3, 0, 1)
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


def _straps(head: _Head, style: MaskStyle, size_px: int) -> Plane:
    """Draw the straps' opacity; the far one vanishes behind a turned head."""
    canvas = np.zeros((size_px, size_px), np.uint8)  # cv2 smooths lines on 8 bits only
    if style.straps == "none":
        return np.zeros((size_px, size_px), np.float32)
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
    return np.asarray(canvas.astype(np.float32) / 255, np.float32)


def _shadow(cover: Plane, opacity: Plane, style: MaskStyle, head: _Head) -> Plane:
    """Return how much the skin beside the mask darkens."""
    if style.shadow <= 0:
        return np.zeros_like(cover)
    reach = 0.06 * head.px
    fallen = cv2.GaussianBlur(opacity, (0, 0), reach)
    fallen = np.roll(fallen, max(1, round(0.03 * head.px)), axis=0)
    return np.asarray(style.shadow * np.clip(fallen, 0, 1) * (1 - opacity), np.float32)
