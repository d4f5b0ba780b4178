"""The U-Net trunk of pix2pix."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from facemask_video.translate.generator_spec import GeneratorSpec
from facemask_video.translate.networks.layers import Upsample, conv, make_norm

_N_DROPOUT = 3
"""Innermost layers of the decoder that drop features, as in the paper."""


class UnetTrunk(nn.Module):
    """The U-Net of pix2pix (Isola et al., CVPR 2017, appendix 6.1.1).

    Depth 7 brings 128 px down to 1 px, depth 8 brings 256 px.
    """

    def __init__(self, spec: GeneratorSpec, n_in: int, n_out: int) -> None:
        super().__init__()
        depth = spec.n_downsampling
        widths = [spec.ngf * min(2**level, 8) for level in range(depth)]
        # The innermost picture may be one pixel, where reflection has nothing to reflect.
        plain = replace(spec, padding="zero")
        self.down = nn.ModuleList()
        for level, width in enumerate(widths):
            source = n_in if level == 0 else widths[level - 1]
            layers: list[nn.Module] = [conv(plain, source, width, 3, stride=2)]
            if 0 < level < depth - 1:
                layers.append(make_norm(spec.norm, width, inside_block=False))
            layers.append(nn.LeakyReLU(0.2, inplace=False))
            self.down.append(nn.Sequential(*layers))
        self.up = nn.ModuleList()
        for level in reversed(range(depth)):
            target = spec.ngf if level == 0 else widths[level - 1]
            source = widths[level] * (1 if level == depth - 1 else 2)
            self.up.append(Upsample(plain, source, target))
        self.dropout = nn.Dropout(spec.dropout)
        self.head = conv(plain, spec.ngf, n_out, 3)

    def forward(self, image: Tensor) -> Tensor:
        kept: list[Tensor] = []
        features = image
        for down in self.down:
            features = down(features)
            kept.append(features)
        features = kept.pop()
        for level, up in enumerate(self.up):
            features = up(features)
            if level < _N_DROPOUT:
                features = self.dropout(features)
            if kept:
                features = torch.cat([features, kept.pop()], dim=1)
        return self.head(features)  # type: ignore[no-any-return]
