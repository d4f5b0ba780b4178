"""Generators small enough to run in a test."""

from typing import Any

import torch

from facemask_video.translate.networks import GeneratorSpec, TwoStageGenerator, build_generator

SIZES: dict[str, Any] = {"ngf": 4, "n_blocks": 1, "segmentation_ngf": 4, "final_kernel": 3}


def tiny_spec(**options: Any) -> GeneratorSpec:
    return GeneratorSpec(**(SIZES | options))


def tiny_two_stage(**options: Any) -> TwoStageGenerator:
    torch.manual_seed(0)
    network = build_generator(tiny_spec(architecture="two-stage", **options))
    assert isinstance(network, TwoStageGenerator)
    return network


def noise_image(n_images: int = 2, size_px: int = 32) -> torch.Tensor:
    return (
        torch.rand(n_images, 3, size_px, size_px, generator=torch.Generator().manual_seed(0)) - 0.5
    )
