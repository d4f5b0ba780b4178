#!/usr/bin/env python3
"""Tell how close a person's own earlier face comes to the truth, beside an invented one.

    scripts/measure_reference.py CLIP... [--bare 2] [--end 6] [--every 5]

Of each bare clip the first seconds stay as they are; on the rest a mask is drawn, always the same,
on the aligned crop of the largest face. `unmask` takes it off, with ``--reference auto`` and
``off``. Prints a row a clip: PSNR in dB of the hidden region against the bare clip, over all masked
frames looked at, and how many those are. Landmarks are those of the bare face, as no mask is drawn
into the frames themselves.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from facemask_video.align.crop import align_face
from facemask_video.composite.colour_match import match_colour
from facemask_video.composite.reference import RecallFaces
from facemask_video.config import ConvertConfig, SelectConfig, VideoConfig
from facemask_video.core import geometry
from facemask_video.core.direction import Direction
from facemask_video.core.faces import Crop, TranslatedCrop, TranslatedFrame, Verdict
from facemask_video.core.frame import ImageU8, time_s
from facemask_video.core.shipped_weights import default_weights
from facemask_video.pipeline.load_networks import load_finder
from facemask_video.pipeline.timing import StageStack
from facemask_video.pipeline.track_source import track_faces
from facemask_video.translate.translator import Translator
from facemask_video.video import VideoReader
from trainers.data.masks import draw_mask
from trainers.data.styles import random_style

_CPU = torch.device("cpu")
_BARE, _MASKED = Verdict("bare", 1.0, translate=False), Verdict("masked", 1.0, translate=True)


def with_mask(crop: Crop) -> tuple[Crop, np.ndarray]:
    """Return a crop with a mask drawn on it, and where that lies."""
    points = geometry.apply(crop.frame_to_crop, crop.face.landmarks)
    style = random_style(np.random.default_rng(0))
    drawn, opacity = draw_mask(crop.image.astype(np.float32) / 255, points, style)
    face = replace(crop.face, verdict=_MASKED)
    return replace(crop, image=np.rint(drawn * 255).astype(np.uint8), face=face), opacity > 0.5


def frames_of(
    clip: Path, translator: Translator, asked: argparse.Namespace
) -> tuple[list[TranslatedFrame], dict[int, tuple[ImageU8, np.ndarray]]]:
    """Return the frames looked at, and the truth and hidden region of the masked ones by index."""
    config = ConvertConfig(
        Direction.UNMASK,
        video=VideoConfig(end_s=asked.end),
        select=SelectConfig(faces="largest"),
    )
    frames, truths = [], {}
    with StageStack() as stages:
        reader = stages.enter_context(VideoReader(clip, end_s=asked.end))
        finder = load_finder(config.detect, reader.info, _CPU)
        for item in track_faces(reader, config, stages, finder):
            index = item.frame.index
            if not item.faces or index % asked.every:
                continue
            crop = align_face(item.frame, item.faces[0], translator.crop_size_px)
            if time_s(item.frame) < asked.bare:
                crop = replace(crop, face=replace(crop.face, verdict=_BARE))
                nothing = np.zeros(crop.image.shape[:2], np.float32)
                done = TranslatedCrop(crop, crop.image, nothing)
            else:
                masked, hidden = with_mask(crop)
                truths[index] = crop.image, hidden
                done = match_colour(translator.translate([masked])[0], "histogram")
            frames.append(TranslatedFrame(item.frame, (done,)))
    return frames, truths


def psnr_db(
    frames: Sequence[TranslatedFrame], truths: dict[int, tuple[ImageU8, np.ndarray]]
) -> float:
    """Return the PSNR of the hidden regions, all frames together."""
    squares = []
    for item in frames:
        if item.frame.index in truths:
            truth, hidden = truths[item.frame.index]
            (crop,) = item.crops
            alpha = crop.alpha[:, :, None]
            shown = crop.source.image * (1 - alpha) + crop.image * alpha
            squares.append(np.square(shown - truth.astype(np.float64))[hidden].mean())
    return float(10 * np.log10(255**2 / np.mean(squares)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all clips."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+", metavar="CLIP")
    parser.add_argument("--bare", type=float, default=2.0, help="Seconds without a mask.")
    parser.add_argument("--end", type=float, default=6.0, help="Second at which to stop.")
    parser.add_argument("--every", type=int, default=5, help="Frames from one to the next.")
    asked = parser.parse_args(arguments)
    translator = Translator.load(
        default_weights(Direction.UNMASK),
        direction=Direction.UNMASK,
        device=_CPU,
        precision="fp32",
    )
    print("| clip | frames | invented | --reference auto |\n| --- | ---: | ---: | ---: |")
    for clip in asked.clips:
        frames, truths = frames_of(clip, translator, asked)
        invented, recalled = (
            psnr_db(shown, truths) for shown in (frames, list(RecallFaces()(frames)))
        )
        print(f"| {clip.name} | {len(truths)} | {invented:.1f} dB | {recalled:.1f} dB |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
