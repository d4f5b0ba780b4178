"""The residual trunk of Johnson et al. 2016, as CycleGAN uses it, with our options."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from facemask_video.translate.generator_spec import GeneratorSpec
from facemask_video.translate.networks.layers import (
    ConvNormReLU,
    ResidualBlock,
    SelfAttention,
    Upsample,
    conv,
    unshuffle,
)


class ResnetTrunk(nn.Module):
    """Encoder, residual blocks, decoder; ``n_in`` channels in, ``n_out`` raw channels out."""

    def __init__(self, spec: GeneratorSpec, n_in: int, n_out: int) -> None:
        super().__init__()
        # Beyond 8x the first width the cost of the blocks grows and their use does not.
        widths = [spec.ngf * min(2**level, 8) for level in range(spec.n_downsampling + 1)]
        self.fold = spec.fold
        self.unfold = nn.PixelShuffle(spec.fold)
        self.stem = ConvNormReLU(spec, n_in * spec.fold**2, widths[0], spec.final_kernel)
        self.down = nn.ModuleList(
            ConvNormReLU(spec, narrow, wide, 3, stride=2) for narrow, wide in pairwise(widths)
        )
        self.blocks = nn.Sequential(
            *(ResidualBlock(spec, widths[-1]) for _ in range(spec.n_blocks))
        )
        self.attention = SelfAttention(widths[-1]) if spec.attention else nn.Identity()
        self.up = nn.ModuleList(
            Upsample(spec, wide, narrow) for narrow, wide in reversed(list(pairwise(widths)))
        )
        self.merge = nn.ModuleList(
            ConvNormReLU(spec, 2 * width, width, 3) if spec.skips else nn.Identity()
            for width in reversed(widths[:-1])
        )
        self.skips = spec.skips
        self.head = conv(spec, widths[0], n_out * spec.fold**2, spec.final_kernel)

    def forward(self, image: Tensor) -> Tensor:
        features = self.stem(unshuffle(image, self.fold))
        kept = []
        for down in self.down:
            kept.append(features)
            features = down(features)
        features = self.attention(self.blocks(features))
        for up, merge in zip(self.up, self.merge, strict=True):
            features = up(features)
            before = kept.pop()
            if self.skips:
                features = merge(torch.cat([features, before], dim=1))
        return self.unfold(self.head(features))  # type: ignore[no-any-return]
