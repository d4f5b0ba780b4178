"""What each shipped generator makes of one face, against a small picture of it in ``golden/``.

``python -m tests.translate.test_golden`` writes the pictures anew, after other weights were
shipped: look at them before they are committed.
"""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facemask_video.align.crop import align_face
from facemask_video.core.direction import Direction
from facemask_video.core.faces import Crop, TrackedFace, TrackId
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.core.pictures import read_picture, write_picture
from facemask_video.core.shipped_weights import CAPACITIES, default_weights
from facemask_video.translate.translator import Translator
from facemask_video.video import VideoReader

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = Path(__file__).parents[2] / "samples"
SOURCES = {Direction.MASK: "astronaut.mp4", Direction.UNMASK: "astronaut_masked.mp4"}
LANDMARKS = np.float32(
    [[264.4, 131.6], [327.1, 135.0], [293.6, 173.9], [260.6, 187.8], [323.7, 191.3]]
)
"""Of the first frame of both clips."""

SIZE_PX = 96
FLOOR_DB = 40.0
"""Room for the last bits, in which processors differ; the fast and the standard ``mask``, which are
closest to each other, are 33 dB apart."""

each = pytest.mark.parametrize(
    ("direction", "quality"), [(way, quality) for way in Direction for quality in CAPACITIES]
)


@cache
def crop_of(direction: Direction, size_px: int) -> Crop:
    """Return the aligned crop of the face in the first frame of a sample."""
    source = SAMPLES / SOURCES[direction]
    if not source.is_file():
        pytest.skip(f"{source.name} is not there; scripts/make_samples.py makes it")
    face = TrackedFace(TrackId(0), Box(230, 78, 354, 238), LANDMARKS, 1.0, observed=True)
    with VideoReader(source) as reader:
        return align_face(next(iter(reader)), face, size_px)


def translated(direction: Direction, quality: str) -> ImageU8:
    """Return the crop with what the generator paints blended in, reduced to ``SIZE_PX``."""
    translator = Translator.load(
        default_weights(direction, quality),
        direction=direction,
        device=torch.device("cpu"),
        precision="fp32",
    )
    crop = crop_of(direction, translator.crop_size_px)
    (done,) = translator.translate([crop])
    alpha = done.alpha[..., None]
    return reduced(done.image * alpha + crop.image * (1 - alpha))


def reduced(picture: np.ndarray) -> ImageU8:
    small = cv2.resize(picture.astype(np.float32), (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)
    return np.round(small).clip(0, 255).astype(np.uint8)


def psnr_db(one: ImageU8, other: ImageU8) -> float:
    return float(cv2.PSNR(one, other))


@each
def test_a_shipped_generator_paints_what_it_did(direction: Direction, quality: str) -> None:
    golden = read_picture(GOLDEN / f"{direction}-{quality}.png")

    assert psnr_db(translated(direction, quality), golden) > FLOOR_DB


@each
def test_the_golden_picture_is_not_the_untouched_face(direction: Direction, quality: str) -> None:
    golden = read_picture(GOLDEN / f"{direction}-{quality}.png")

    assert psnr_db(reduced(crop_of(direction, 256).image), golden) < FLOOR_DB - 10


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for way in Direction:
        for name in CAPACITIES:
            write_picture(GOLDEN / f"{way}-{name}.png", translated(way, name))
