"""Discriminators: the 70x70 PatchGAN of pix2pix, smaller and larger ones, and several scales."""

from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from trainers.gan.luma import brightness


@dataclass(frozen=True, slots=True)
class DiscriminatorSpec:
    """The sizes that make a discriminator.

    Attributes:
        ndf: Channels of the first layer.
        n_layers: Strided layers; 3 sees 70x70 px, 0 sees single pixels.
        n_scales: Copies that judge the picture at 1, 1/2, 1/4 ... of its size.
        spectral: Spectral norm on each layer instead of instance norm.
        luma: Judge brightness alone: an adversary that sees colours also drives them, which prints
            red stains on skin, and what it is wanted for, sharpness, lies in brightness.
        n_in: Channels of the pictures it is given, 3 for each.
    """

    ndf: int = 64
    n_layers: int = 3
    n_scales: int = 1
    spectral: bool = True
    luma: bool = False
    n_in: int = 3


class PatchDiscriminator(nn.Module):
    """Judge every patch: shape (n, n_in, S, S) in, the features of each layer out, verdict last.

    Isola et al., CVPR 2017, appendix 6.1.2.
    """

    def __init__(self, spec: DiscriminatorSpec) -> None:
        super().__init__()
        side, stride = (4, 2) if spec.n_layers > 0 else (1, 1)
        widths = [spec.n_in] + [spec.ndf * min(2**level, 8) for level in range(spec.n_layers + 1)]
        layers = []
        for level, (narrow, wide) in enumerate(pairwise(widths)):
            last_stride = stride if level < max(spec.n_layers, 1) else 1
            conv: nn.Module = nn.Conv2d(
                narrow, wide, side, stride=last_stride, padding=(side - 1) // 2
            )
            norm: nn.Module = nn.Identity()
            if spec.spectral:
                conv = spectral_norm(conv)
            elif level > 0:
                norm = nn.InstanceNorm2d(wide)
            layers.append(nn.Sequential(conv, norm, nn.LeakyReLU(0.2)))
        verdict = nn.Conv2d(widths[-1], 1, side, padding=(side - 1) // 2)
        layers.append(nn.Sequential(spectral_norm(verdict) if spec.spectral else verdict))
        self.layers = nn.ModuleList(layers)

    def forward(self, image: Tensor) -> list[Tensor]:
        features = []
        for layer in self.layers:
            image = layer(image)
            features.append(image)
        return features


class MultiscaleDiscriminator(nn.Module):
    """Patch discriminators on a pyramid (Wang et al., CVPR 2018, section 3.2)."""

    def __init__(self, spec: DiscriminatorSpec) -> None:
        super().__init__()
        self.luma = spec.luma
        if spec.luma:
            spec = replace(spec, n_in=spec.n_in // 3)
        self.scales = nn.ModuleList(PatchDiscriminator(spec) for _ in range(spec.n_scales))

    def forward(self, image: Tensor) -> list[list[Tensor]]:
        if self.luma:
            image = brightness(image)
        judged = []
        for level, scale in enumerate(self.scales):
            if level:
                image = functional.avg_pool2d(image, 2)
            judged.append(scale(image))
        return judged


def build_discriminator(spec: DiscriminatorSpec) -> MultiscaleDiscriminator:
    """Build a discriminator with fresh weights, in channels-last memory."""
    return MultiscaleDiscriminator(spec).to(memory_format=torch.channels_last)
