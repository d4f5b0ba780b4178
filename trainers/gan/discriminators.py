"""Discriminators: the 70x70 PatchGAN of pix2pix, smaller and larger ones, and several scales."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from trainers.config import DiscriminatorConfig
from trainers.gan.luma import brightness


class PatchDiscriminator(nn.Module):
    """Score every patch: shape (n, n_in, S, S) in, the features of each layer out, score last.

    Isola et al., CVPR 2017, appendix 6.1.2.
    """

    def __init__(self, config: DiscriminatorConfig, *, n_in: int) -> None:
        super().__init__()
        side, stride = (4, 2) if config.n_strided > 0 else (1, 1)
        widths = [n_in] + [config.ndf * min(2**level, 8) for level in range(config.n_strided + 1)]
        layers = []
        for level, (narrow, wide) in enumerate(pairwise(widths)):
            last_stride = stride if level < max(config.n_strided, 1) else 1
            conv: nn.Module = nn.Conv2d(
                narrow, wide, side, stride=last_stride, padding=(side - 1) // 2
            )
            norm: nn.Module = nn.Identity()
            if config.spectral:
                conv = spectral_norm(conv)
            elif level > 0:
                norm = nn.InstanceNorm2d(wide)
            layers.append(nn.Sequential(conv, norm, nn.LeakyReLU(0.2)))
        score = nn.Conv2d(widths[-1], 1, side, padding=(side - 1) // 2)
        layers.append(nn.Sequential(spectral_norm(score) if config.spectral else score))
        self.layers = nn.ModuleList(layers)

    def forward(self, image: Tensor) -> list[Tensor]:
        features = []
        for layer in self.layers:
            image = layer(image)
            features.append(image)
        return features


class MultiscaleDiscriminator(nn.Module):
    """Patch discriminators on a pyramid (Wang et al., CVPR 2018, section 3.2)."""

    def __init__(self, config: DiscriminatorConfig, *, n_in: int) -> None:
        super().__init__()
        self.luma = config.luma
        n_seen = n_in // 3 if config.luma else n_in
        self.scales = nn.ModuleList(
            PatchDiscriminator(config, n_in=n_seen) for _ in range(config.n_scales)
        )

    def forward(self, image: Tensor) -> list[list[Tensor]]:
        if self.luma:
            image = brightness(image)
        outputs = []
        for level, scale in enumerate(self.scales):
            if level:
                image = functional.avg_pool2d(image, 2)
            outputs.append(scale(image))
        return outputs


def build_discriminator(config: DiscriminatorConfig, *, n_in: int = 3) -> MultiscaleDiscriminator:
    """Build a discriminator with fresh weights, in channels-last memory.

    Args:
        config: Its sizes.
        n_in: Channels of what it sees, 3 for each picture.
    """
    return MultiscaleDiscriminator(config, n_in=n_in).to(memory_format=torch.channels_last)
