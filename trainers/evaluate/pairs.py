"""How near an output comes to the true picture: PSNR, SSIM and LPIPS, by torchmetrics."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

from facemask_video.align.template import EYE_DISTANCE, EYE_HEIGHT
from facemask_video.core.frame import ImageU8
from trainers.evaluate.figures import OURS, About, Figure, averaged
from trainers.evaluate.sets import Images, Pairs, Regions

logger = logging.getLogger(__name__)

PSNR_CAP_DB = 60.0
"""Where pictures are equal PSNR has no number. Rounding to bytes alone costs 58.9 dB."""

Net = Literal["alex", "squeeze", "vgg"]

Lpips = Callable[[Images, Images], NDArray[np.float64]]
"""Distances (n,) of two lists of pictures."""

# What torchvision calls the weights that LPIPS is built on, in the order of preference.
_BACKBONES: dict[Net, str] = {
    "alex": "alexnet-owt-7be5be79.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
    "vgg": "vgg16-397923af.pth",
}


def pair_figures(
    pairs: Pairs, outputs: Images, about: About, *, method: str = OURS, lpips: Lpips | None = None
) -> list[Figure]:
    """Compare outputs with the truth inside the hidden region, outside it and as a whole.

    Each figure is the mean over the pictures of a figure of each.
    """
    names = pairs.masked.names
    figures = nearness_figures(pairs.truth, pairs.hidden, names, outputs, about, method=method)
    if lpips is not None:
        distances = lpips(outputs, pairs.truth).tolist()
        samples = dict(zip(pairs.masked.names, distances, strict=True))
        figures.append(averaged("lpips_whole", samples, about, better="lower", method=method))
    return figures


def nearness_figures(
    truth: Sequence[ImageU8] | Images,
    hidden: Sequence[NDArray[np.bool_]] | Regions,
    names: Sequence[str],
    outputs: Sequence[ImageU8] | Images,
    about: About,
    *,
    method: str = OURS,
) -> list[Figure]:
    """Compare outputs of any size with the truth inside the hidden region, outside it and whole."""
    samples: dict[str, dict[str, float]] = {
        f"{figure}_{part}{unit}": {}
        for part in ("inside", "outside", "whole")
        for figure, unit in (("psnr", "_db"), ("ssim", ""))
    }
    for name, output, true, region in zip(names, outputs, truth, hidden, strict=True):
        similar = ssim_map(output, true)
        parts = {"inside": region, "outside": ~region, "whole": np.ones_like(region)}
        for part, pixels in parts.items():
            if pixels.any():
                samples[f"psnr_{part}_db"][name] = psnr_db(output, true, pixels)
                samples[f"ssim_{part}"][name] = float(similar[pixels].mean())
    return [
        averaged(figure, values, about, better="higher", method=method)
        for figure, values in samples.items()
        if values
    ]


def hidden_only_figures(
    truth: Sequence[ImageU8] | Images,
    hidden: Sequence[NDArray[np.bool_]] | Regions,
    names: Sequence[str],
    outputs: Sequence[ImageU8] | Images,
    about: About,
    *,
    method: str = OURS,
) -> list[Figure]:
    """Compare whole pictures in which nothing but the hidden region is the output's.

    Two files of one photograph differ everywhere by what JPEG lost of each; here that counts only
    where there was something to complete.
    """
    pasted = [
        np.where(region[..., None], output, true)
        for output, true, region in zip(outputs, truth, hidden, strict=True)
    ]
    figures = nearness_figures(truth, hidden, names, pasted, about, method=method)
    return [
        replace(figure, name=figure.name.replace("whole", "hidden_only"))
        for figure in figures
        if "whole" in figure.name
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


def eye_figure(inputs: Images, outputs: Images, names: tuple[str, ...], about: About) -> Figure:
    """Tell how far outputs leave the eyes as they were."""
    region = eye_region(inputs.shape[1])
    values = [psnr_db(*pair, region) for pair in zip(outputs, inputs, strict=True)]
    samples = dict(zip(names, values, strict=True))
    return averaged("psnr_eyes_db", samples, about, better="higher")


def find_lpips() -> tuple[str, Lpips] | None:
    """Return LPIPS and its name where a backbone's weights are on disk already.

    They are looked for where torchvision keeps them, under ``TORCH_HOME``; nothing is fetched.
    """
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    for net, file in _BACKBONES.items():
        if (folder / file).is_file():
            return f"LPIPS ({net})", _lpips(net)
    logger.info("LPIPS is left out: none of %s in %s.", ", ".join(_BACKBONES.values()), folder)
    return None


def _lpips(net: Net) -> Lpips:
    metric = LearnedPerceptualImagePatchSimilarity(net_type=net, reduction="none", normalize=True)

    @torch.inference_mode()
    def distances(outputs: Images, truth: Images) -> NDArray[np.float64]:
        each = [
            float(metric(_unit(output), _unit(true)).reshape(()))
            for output, true in zip(outputs, truth, strict=True)
        ]
        return np.array(each)

    return distances


def _unit(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255
