"""Pictures that show nothing: noise, shapes, lettering and weaves, which a detector must let be."""

import string

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core.frame import ImageU8

_WIDTH_PX, _HEIGHT_PX = 320, 256
_CHARACTERS = list(string.ascii_letters + string.digits + "&%:-")
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)
_MOST_SHAPES = 60


def draw_pattern(rng: np.random.Generator) -> ImageU8:
    """Draw ellipses, bars, lettering or a weave on noise of some scale; (256, 320, 3), RGB."""
    ground = rng.uniform(0, 255, 3)
    drawn = _noise(rng, rng.uniform(0.3, 1.2)) * rng.uniform(10, 70) + ground
    kind = int(rng.integers(4))
    if kind == 3:
        drawn = drawn + _weave(rng)[..., None] * rng.uniform(-80, 80, 3)
    picture = np.ascontiguousarray(np.clip(drawn, 0, 255).astype(np.uint8))
    for _ in range(int(rng.integers(_MOST_SHAPES)) if kind < 3 else 0):
        _draw_shape(picture, kind, ground, rng)
    if rng.random() < 0.5:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 4)), np.uint8)
    return picture


def _noise(rng: np.random.Generator, falloff: float) -> NDArray[np.float32]:
    """Return noise of mean 0 and deviation about 1, the coarser the greater the falloff."""
    total = np.zeros((_HEIGHT_PX, _WIDTH_PX, 3), np.float32)
    for octave in range(2, 8):
        cells = 2**octave
        size = (max(2, cells * _HEIGHT_PX // _WIDTH_PX), cells, 3)
        coarse = rng.normal(0, 1, size).astype(np.float32)
        layer = cv2.resize(coarse, (_WIDTH_PX, _HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
        total += layer * np.float32(2.0 ** (-octave * falloff))
    total = (total - total.mean((0, 1))) / total.std((0, 1))
    grey = total.mean(axis=2, keepdims=True)
    return np.asarray(0.8 * grey + 0.2 * total, np.float32)


def _weave(rng: np.random.Generator) -> NDArray[np.float64]:
    y, x = np.mgrid[:_HEIGHT_PX, :_WIDTH_PX]
    angle = rng.uniform(0, np.pi)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    wave = np.sin(rng.uniform(0.05, 0.6) * along)
    if rng.random() < 0.6:
        wave = wave * np.sin(rng.uniform(0.05, 0.6) * across)
    return np.asarray(wave)


def _draw_shape(
    picture: ImageU8, kind: int, ground: NDArray[np.float64], rng: np.random.Generator
) -> None:
    near_ground = np.clip(ground + rng.normal(0, 60, 3), 0, 255)
    colour = rng.uniform(0, 255, 3) if rng.random() < 0.4 else near_ground
    ink = tuple(float(each) for each in colour)
    at = (int(rng.integers(_WIDTH_PX)), int(rng.integers(_HEIGHT_PX)))
    reach = float(np.exp(rng.uniform(np.log(3), np.log(60))))
    if kind == 0:
        axes, turn = (int(reach), int(reach * rng.uniform(0.2, 1))), float(rng.uniform(0, 180))
        line = -1 if rng.random() < 0.6 else int(rng.integers(1, 6))
        cv2.ellipse(picture, at, axes, turn, 0, 360, ink, line, cv2.LINE_AA)
    elif kind == 1:
        to = (at[0] + int(rng.normal(0, reach)), at[1] + int(rng.normal(0, reach)))
        if rng.random() < 0.5:
            cv2.line(picture, at, to, ink, int(rng.integers(1, 10)), cv2.LINE_AA)
        else:
            cv2.rectangle(picture, at, to, ink, -1)
    else:
        text = "".join(rng.choice(_CHARACTERS, int(rng.integers(1, 9))))
        font = _FONTS[int(rng.integers(len(_FONTS)))]
        width = int(rng.integers(1, 7))
        cv2.putText(picture, text, at, font, reach / 20, ink, width, cv2.LINE_AA)
