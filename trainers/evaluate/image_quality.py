"""Full-reference image quality: PSNR, SSIM and LPIPS against ground truth, by torchmetrics."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from facemask_video.align.template import EYE_DISTANCE, EYE_HEIGHT
from facemask_video.core.frame import ImageU8
from trainers.evaluate.crop_pairs import CropPairs, ImageBatch, RegionBatch
from trainers.evaluate.lpips import Lpips
from trainers.evaluate.measurement import OURS, Context, Measurement, mean_measurement

PSNR_CAP_DB = 60.0
"""Where pictures are equal PSNR has no number. Rounding to bytes alone costs 58.9 dB."""


def measure_pairs(
    pairs: CropPairs,
    outputs: ImageBatch,
    context: Context,
    *,
    method: str = OURS,
    lpips: Lpips | None = None,
) -> list[Measurement]:
    """Compare outputs with the truth inside the hidden region, outside it and as a whole.

    Each measurement is the mean over the pictures of a measurement of each.
    """
    names = pairs.masked.names
    measurements = measure_similarity(
        pairs.truth, pairs.hidden, names, outputs, context, method=method
    )
    if lpips is not None:
        distances = lpips(outputs, pairs.truth).tolist()
        samples = dict(zip(pairs.masked.names, distances, strict=True))
        measurements.append(
            mean_measurement("lpips_whole", samples, context, better="lower", method=method)
        )
    return measurements


def measure_similarity(
    truth: Sequence[ImageU8] | ImageBatch,
    hidden: Sequence[NDArray[np.bool_]] | RegionBatch,
    names: Sequence[str],
    outputs: Sequence[ImageU8] | ImageBatch,
    context: Context,
    *,
    method: str = OURS,
) -> list[Measurement]:
    """Compare outputs of any size with the truth inside the hidden region, outside it and whole."""
    samples: dict[str, dict[str, float]] = {
        f"{measurement}_{part}{unit}": {}
        for part in ("inside", "outside", "whole")
        for measurement, unit in (("psnr", "_db"), ("ssim", ""))
    }
    for name, output, true, region in zip(names, outputs, truth, hidden, strict=True):
        similar = ssim_map(output, true)
        parts = {"inside": region, "outside": ~region, "whole": np.ones_like(region)}
        for part, pixels in parts.items():
            if pixels.any():
                samples[f"psnr_{part}_db"][name] = psnr_db(output, true, pixels)
                samples[f"ssim_{part}"][name] = float(similar[pixels].mean())
    return [
        mean_measurement(measurement, values, context, better="higher", method=method)
        for measurement, values in samples.items()
        if values
    ]


def measure_completion(
    truth: Sequence[ImageU8] | ImageBatch,
    hidden: Sequence[NDArray[np.bool_]] | RegionBatch,
    names: Sequence[str],
    outputs: Sequence[ImageU8] | ImageBatch,
    context: Context,
    *,
    method: str = OURS,
) -> list[Measurement]:
    """Compare whole pictures in which nothing but the hidden region is the output's.

    Two files of one photograph differ everywhere by what JPEG lost of each; here that counts only
    where there was something to complete.
    """
    pasted = [
        np.where(region[..., None], output, true)
        for output, true, region in zip(outputs, truth, hidden, strict=True)
    ]
    measurements = measure_similarity(truth, hidden, names, pasted, context, method=method)
    return [
        replace(measurement, name=measurement.name.replace("whole", "hidden_only"))
        for measurement in measurements
        if "whole" in measurement.name
    ]


def psnr_db(output: ImageU8, true: ImageU8, region: NDArray[np.bool_]) -> float:
    """Return the peak signal-to-noise ratio of a picture over a region, in dB."""
    ratio = peak_signal_noise_ratio(
        torch.from_numpy(output[region]).double(),
        torch.from_numpy(true[region]).double(),
        data_range=255.0,
    )
    return min(float(ratio), PSNR_CAP_DB)


def ssim_map(output: ImageU8, true: ImageU8) -> NDArray[np.float32]:
    """Return the structural similarity around every pixel (height, width), mean of channels.

    Windows are Gaussian, sigma 1.5 px, so a region's edge feels a little of what lies beyond.
    """
    # Single precision leaves equal pictures within 0.001 of 1; double takes 13 times as long.
    _, values = structural_similarity_index_measure(
        _unit(output), _unit(true), data_range=1.0, return_full_image=True
    )
    return np.asarray(values[0].mean(dim=0).numpy(), np.float32)


def eye_region(size_px: int) -> NDArray[np.bool_]:
    """Return the band of an aligned crop (S, S) that shows both eyes and no mask."""
    centres = (np.arange(size_px) + 0.5) / size_px
    across = np.abs(centres - 0.5) < 0.85 * EYE_DISTANCE
    down = np.abs(centres - EYE_HEIGHT) < 0.25 * EYE_DISTANCE
    return np.asarray(down[:, None] & across[None, :])


def measure_eyes(
    inputs: ImageBatch, outputs: ImageBatch, names: tuple[str, ...], context: Context
) -> Measurement:
    """Return the PSNR of outputs against inputs over `eye_region`."""
    region = eye_region(inputs.shape[1])
    values = [psnr_db(*pair, region) for pair in zip(outputs, inputs, strict=True)]
    samples = dict(zip(names, values, strict=True))
    return mean_measurement("psnr_eyes_db", samples, context, better="higher")


def _unit(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255
