#!/usr/bin/env python3
"""Make the clips in ``samples/`` from one public domain photograph.

The picture is NASA's portrait of Eileen Collins, as scikit-image carries it
(``skimage.data.astronaut()``). A camera pans, zooms and turns over it, at times that no pixel grid
divides, so a program that rounds a face to whole pixels shows it.

    pip install scikit-image      # any version; only this script wants it
    scripts/make_samples.py samples
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.core import geometry
from facemask_video.core.geometry import Affine
from facemask_video.core.warp import warp

ImageU8 = NDArray[np.uint8]

WIDTH_PX, HEIGHT_PX = 640, 360
DURATION_S = 5.0
FRAME_RATE = 25
TICKS_PER_S = 90_000
# 0.6 to 4 frame times of a 25 fps camera: what phones deliver as the light changes.
UNEVEN_STEPS_S = (0.040, 0.024, 0.033, 0.067, 0.040, 0.160, 0.033, 0.050)
SAMPLES_PER_S = 48_000

# The picture is enlarged before anything is drawn or moved, so that both are finer than its pixels.
DRAWING_SCALE = 4
FACE_CENTER = np.array([224.0, 130.0])

# The outline of a pleated mask on that face, clockwise from the left cheek, in picture px.
MASK_OUTLINE = np.array(
    [
        [183, 120], [196, 116], [210, 111], [221, 107], [230, 107.5], [242, 113], [255, 119],
        [267, 124], [267.5, 138], [264, 152], [257, 166], [248, 176], [237, 182.5], [226, 184],
        [214, 182], [203, 175], [193, 163], [186, 150], [183, 136],
    ]
)  # fmt: skip
EAR_LOOPS = (
    np.array([[184, 122], [180, 119], [176, 119], [173, 121]]),
    np.array([[187, 151], [183, 143], [179, 134], [175, 128]]),
    np.array([[266, 126], [269, 125.5], [272, 127]]),
    np.array([[264, 151], [269, 144], [272, 137], [274, 132]]),
)
MASK_RGB = np.array([168.0, 203.0, 222.0])


def main() -> None:
    """Make the three clips in the folder named on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, help="where the clips go; made if missing")
    parser.add_argument("--picture", type=Path, help="astronaut.png, instead of scikit-image's")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    bare = enlarge(load_picture(arguments.picture))
    even = [index / FRAME_RATE for index in range(round(DURATION_S * FRAME_RATE))]
    for name, picture, times_s in (
        ("astronaut.mp4", bare, even),
        ("astronaut_vfr.mp4", bare, uneven_times_s()),
        ("astronaut_masked.mp4", put_mask_on(bare), even),
    ):
        path = arguments.folder / name
        write_clip(path, picture, times_s)
        print(f"{path}: {len(times_s)} frames, {path.stat().st_size / 1000:.0f} kB")


def load_picture(path: Path | None) -> ImageU8:
    """Return the photograph, RGB, shape (512, 512, 3)."""
    if path is not None:
        stored = cv2.imread(str(path))
        if stored is None:
            raise SystemExit(f"{path}: not a picture that can be read; pass astronaut.png.")
        picture = cv2.cvtColor(stored, cv2.COLOR_BGR2RGB)
    else:
        try:
            from skimage.data import astronaut  # type: ignore[import-not-found]
        except ImportError:
            raise SystemExit(
                "scikit-image is not installed; `pip install scikit-image`, or pass --picture."
            ) from None
        picture = astronaut()
    if picture.shape != (512, 512, 3):
        raise SystemExit(f"picture: got shape {picture.shape}, expected (512, 512, 3).")
    return np.asarray(picture, dtype=np.uint8)


def enlarge(picture: ImageU8) -> ImageU8:
    """Return the picture at the scale it is drawn on."""
    large = cv2.resize(
        picture, None, fx=DRAWING_SCALE, fy=DRAWING_SCALE, interpolation=cv2.INTER_CUBIC
    )
    return np.asarray(large, dtype=np.uint8)


def uneven_times_s() -> list[float]:
    """Return the times of a clip whose frames come as they like, the first at 0."""
    times_s, now_s = [], 0.0
    while now_s < DURATION_S:
        times_s.append(now_s)
        now_s += UNEVEN_STEPS_S[len(times_s) % len(UNEVEN_STEPS_S)]
    return times_s


def camera(time_s: float) -> Affine:
    """Return ``drawing_to_frame`` at a time: the face wanders, comes nearer, and tilts."""
    turns = 2 * math.pi * time_s / DURATION_S
    zoom = 1.9 - 0.45 * math.cos(turns)
    tilt = math.radians(6.0) * math.sin(1.7 * turns)
    looked_at = FACE_CENTER + np.array(
        [18 - 40 * math.sin(turns) / zoom, 6 * math.sin(2.3 * turns) + 4]
    )
    c, s = math.cos(tilt) * zoom, math.sin(tilt) * zoom
    turned = np.array([[c, -s, 0.0], [s, c, 0.0]])
    to_picture = np.array([[1 / DRAWING_SCALE, 0.0, 0.0], [0.0, 1 / DRAWING_SCALE, 0.0]])
    centered = geometry.compose(to_picture, geometry.translation(*-looked_at))
    placed = geometry.translation(WIDTH_PX / 2, HEIGHT_PX / 2)
    return geometry.compose(geometry.compose(centered, turned), placed)


def put_mask_on(drawing: ImageU8) -> ImageU8:
    """Draw a pleated surgical mask on the enlarged picture, lit like the face under it."""
    image = drawing.astype(np.float32)
    for loop in EAR_LOOPS:
        strap = stroke(drawing.shape[:2], loop, width_px=1.3)
        image *= 1 - 0.3 * shifted(strap, 0, 1.0)
        image += strap[:, :, None] * (np.array([226.0, 230.0, 234.0]) - image)
    cloth = fill(drawing.shape[:2], MASK_OUTLINE)
    shadow = blurred(shifted(cloth, 0, 3.5)[:, :, 0], 2.2)[:, :, None] * (1 - cloth[:, :, None])
    image *= 1 - 0.35 * shadow
    light = blurred(cv2.cvtColor(drawing, cv2.COLOR_RGB2GRAY).astype(np.float32), 9.0)
    light = np.clip(light / 190.0, 0.75, 1.12)
    shade = 0.55 + 0.45 * light + folds(drawing.shape[:2])
    inside = blurred(cloth, 3.0) - 0.5
    # The cloth turns away from the viewer at its rim, and a hem runs along it.
    shade *= 0.86 + 0.14 * np.clip(inside / 0.45, 0, 1)
    hem = np.clip(1 - np.abs(blurred(cloth, 1.0) - 0.9) / 0.12, 0, 1)
    shade += 0.05 * hem
    texture = np.random.default_rng(0).normal(0, 1, drawing.shape[:2]).astype(np.float32)
    shade += 0.03 * blurred(texture, 0.5)
    coloured = np.clip(shade[:, :, None] * MASK_RGB, 0, 255)
    image += cloth[:, :, None] * (coloured - image)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def folds(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the light on three pleats and a nose wire: brighter above each fold, darker under."""
    light = np.zeros(shape, dtype=np.float32)
    for height, sag in ((133.0, 2.5), (146.0, 4.0), (158.0, 5.5)):
        x = np.linspace(187, 263, 24)
        y = height + 3.0 * (x - 225) / 42 + sag * (1 - ((x - 225) / 40) ** 2)
        line = blurred(stroke(shape, np.stack([x, y], axis=1), width_px=1.6), 0.6)
        light += 0.09 * shifted(line, 0, -1.3)[:, :, 0] - 0.20 * line
    wire = np.array([[208, 115.5], [217, 112], [225.5, 110.8], [234, 113], [243, 117]])
    pressed = blurred(stroke(shape, wire, width_px=2.2), 0.8)
    light += 0.10 * pressed - 0.12 * shifted(pressed, 0, 2.6)[:, :, 0]
    return light


def smooth_curve(points: NDArray[np.float64], *, closed: bool) -> NDArray[np.float64]:
    """Return a Catmull-Rom curve through points, 12 steps between two of them."""
    count = len(points)
    pieces = []
    for start in range(count if closed else count - 1):
        around = [start - 1, start, start + 1, start + 2]
        at = [i % count if closed else min(max(i, 0), count - 1) for i in around]
        a, b, c, d = (points[i] for i in at)
        t = np.linspace(0, 1, 12, endpoint=False)[:, None]
        pieces.append(
            b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
        )
    return np.concatenate(pieces if closed else [*pieces, points[-1:]])


def fill(shape: tuple[int, int], outline: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return 1 inside a closed smooth outline given in picture px, 0 outside."""
    canvas = np.zeros(shape, dtype=np.uint8)
    cv2.fillPoly(canvas, [fixed_point(smooth_curve(outline, closed=True))], 255, cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / np.float32(255)


def stroke(
    shape: tuple[int, int], points: NDArray[np.float64], *, width_px: float
) -> NDArray[np.float32]:
    """Return 1 on an open smooth line given in picture px, 0 beside it."""
    canvas = np.zeros(shape, dtype=np.uint8)
    line = fixed_point(smooth_curve(points, closed=False))
    thickness = max(1, round(width_px * DRAWING_SCALE))
    cv2.polylines(canvas, [line], False, 255, thickness, cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / np.float32(255)


def fixed_point(points: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return picture px as drawing px with 4 fractional bits, OpenCV's centres at whole numbers."""
    return np.rint((points * DRAWING_SCALE - 0.5) * 16).astype(np.int32)


def blurred(layer: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Blur a layer by a Gaussian whose width is given in picture px."""
    soft = cv2.GaussianBlur(layer, (0, 0), sigma_px * DRAWING_SCALE)
    return np.asarray(soft, dtype=np.float32)


def shifted(layer: NDArray[np.float32], dx_px: float, dy_px: float) -> NDArray[np.float32]:
    """Move a layer by picture px; returns shape (h, w, 1)."""
    move = geometry.translation(dx_px * DRAWING_SCALE, dy_px * DRAWING_SCALE)
    height, width = layer.shape
    return warp(layer, move, width_px=width, height_px=height, border="zero")[:, :, None]


def write_clip(path: Path, drawing: ImageU8, times_s: Sequence[float]) -> None:
    """Encode what the camera sees at each time, with a tone that ticks at every full second."""
    # Bit-exact flags and a fixed number of threads: the same picture makes the same file.
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        video = container.add_stream("libx264", rate=FRAME_RATE)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        video.time_base = video.codec_context.time_base = Fraction(1, TICKS_PER_S)
        video.options = {"crf": "20", "preset": "slow", "threads": "2", "flags": "+bitexact"}
        video.codec_context.color_range = 1
        video.codec_context.colorspace = 1
        video.codec_context.color_primaries = 1
        video.codec_context.color_trc = 1
        audio = container.add_stream("aac", rate=SAMPLES_PER_S)
        assert isinstance(audio, av.AudioStream)
        audio.codec_context.layout = "mono"
        audio.codec_context.bit_rate = 48_000
        for time_s in times_s:
            frame = av.VideoFrame.from_ndarray(seen(drawing, time_s), format="rgb24")
            frame = frame.reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            frame.pts = round(time_s * TICKS_PER_S)
            frame.time_base = Fraction(1, TICKS_PER_S)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for chunk in tone():
            container.mux(audio.encode(chunk))
        container.mux(audio.encode())


def seen(drawing: ImageU8, time_s: float) -> ImageU8:
    """Return the camera's RGB frame at a time."""
    return warp(drawing, camera(time_s), width_px=WIDTH_PX, height_px=HEIGHT_PX)


def tone() -> Iterator[av.AudioFrame]:
    """Yield a quiet 220 Hz tone with a tick of 880 Hz at each full second."""
    time_s = np.arange(round(DURATION_S * SAMPLES_PER_S)) / SAMPLES_PER_S
    tick = np.exp(-30.0 * (time_s % 1.0)) * np.sin(2 * math.pi * 880 * time_s)
    sound = (0.05 * np.sin(2 * math.pi * 220 * time_s) + 0.2 * tick).astype(np.float32)
    for start in range(0, len(sound), 1024):
        chunk = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound[None, start : start + 1024]), format="fltp", layout="mono"
        )
        chunk.sample_rate = SAMPLES_PER_S
        chunk.pts = start
        chunk.time_base = Fraction(1, SAMPLES_PER_S)
        yield chunk


if __name__ == "__main__":
    main()
