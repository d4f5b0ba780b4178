"""The layers that the generators are made of."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from facemask_video.translate.generator_spec import GeneratorSpec, Norm


def make_norm(kind: Norm, channels: int, *, inside_block: bool) -> nn.Module:
    """Build a normalisation of (n, channels, H, W); ``inside_block`` tells ``hybrid`` which."""
    if kind == "hybrid":
        kind = "layer" if inside_block else "instance"
    if kind == "instance":
        return nn.InstanceNorm2d(channels)
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "layer":
        # Over channels and places: group norm with one group.
        return nn.GroupNorm(1, channels)
    if kind == "group":
        return nn.GroupNorm(min(16, channels), channels)
    return nn.Identity()


def conv(
    spec: GeneratorSpec, n_in: int, n_out: int, kernel: int, *, stride: int = 1, bias: bool = True
) -> nn.Conv2d:
    """Build a convolution that keeps the side (``stride`` 1) or halves it (2), padded as asked."""
    reflects = spec.padding == "reflect" or (spec.padding == "cyclegan" and stride == 1)
    return nn.Conv2d(
        n_in,
        n_out,
        kernel,
        stride=stride,
        padding=kernel // 2,
        padding_mode="reflect" if reflects else "zeros",
        bias=bias,
    )


class ConvNormReLU(nn.Sequential):
    """Convolution, norm, ReLU."""

    def __init__(
        self, spec: GeneratorSpec, n_in: int, n_out: int, kernel: int, *, stride: int = 1
    ) -> None:
        norm = make_norm(spec.norm, n_out, inside_block=False)
        bias = not isinstance(norm, nn.BatchNorm2d)
        super().__init__(
            conv(spec, n_in, n_out, kernel, stride=stride, bias=bias), norm, nn.ReLU(inplace=True)
        )


class Upsample(nn.Module):
    """Double the side."""

    def __init__(self, spec: GeneratorSpec, n_in: int, n_out: int) -> None:
        super().__init__()
        self.resize = spec.upsampling == "resize"
        if self.resize:
            self.body: nn.Module = ConvNormReLU(spec, n_in, n_out, 3)
        else:
            self.body = nn.Sequential(
                nn.ConvTranspose2d(n_in, n_out, 3, stride=2, padding=1, output_padding=1),
                make_norm(spec.norm, n_out, inside_block=False),
                nn.ReLU(inplace=True),
            )

    def forward(self, features: Tensor) -> Tensor:
        if self.resize:
            features = functional.interpolate(features, scale_factor=2, mode="nearest")
        return self.body(features)  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    """A residual block of two 3x3 convolutions."""

    def __init__(self, spec: GeneratorSpec, channels: int) -> None:
        super().__init__()
        first = make_norm(spec.norm, channels, inside_block=True)
        bias = not isinstance(first, nn.BatchNorm2d)
        self.body = nn.Sequential(
            conv(spec, channels, channels, 3, bias=bias),
            first,
            # In one place, so that weights are called alike with dropout and without.
            nn.Sequential(nn.ReLU(inplace=True), nn.Dropout(spec.dropout)),
            conv(spec, channels, channels, 3, bias=bias),
            make_norm(spec.norm, channels, inside_block=True),
        )

    def forward(self, features: Tensor) -> Tensor:
        return features + self.body(features)  # type: ignore[no-any-return]


class SelfAttention(nn.Module):
    """Attention over all places (Zhang et al., SAGAN, ICML 2019, section 3).

    Its gain begins at 0, so that at first it changes nothing.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 8)
        self.query = nn.Conv2d(channels, inner, 1)
        self.key = nn.Conv2d(channels, inner, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, features: Tensor) -> Tensor:
        n, channels, height, width = features.shape
        query, key, value = (
            part(features).flatten(2).transpose(1, 2).unsqueeze(1)
            for part in (self.query, self.key, self.value)
        )
        attended = functional.scaled_dot_product_attention(query, key, value)
        return features + self.gain * attended.squeeze(1).transpose(1, 2).reshape(
            n, channels, height, width
        )


def unshuffle(image: Tensor, factor: int) -> Tensor:
    """Fold each ``factor`` x ``factor`` px into channels, as `torch.nn.PixelUnshuffle` does.

    That one returns planes, whatever it is given, which the next convolution must convert.
    """
    if factor == 1 or not image.is_contiguous(memory_format=torch.channels_last):
        return functional.pixel_unshuffle(image, factor)
    n, channels, height, width = image.shape
    rows, columns = height // factor, width // factor
    cells = image.permute(0, 2, 3, 1).reshape(n, rows, factor, columns, factor, channels)
    cells = cells.permute(0, 1, 3, 5, 2, 4).reshape(n, rows, columns, channels * factor**2)
    return cells.permute(0, 3, 1, 2)


def laid_out_as(features: Tensor, other: Tensor) -> Tensor:
    """Return a tensor in the type and memory format of features that it is to be joined to.

    Joined in two formats they come out in that which the next convolution must convert.
    """
    last = features.is_contiguous(memory_format=torch.channels_last)
    return other.to(
        features.dtype,
        memory_format=torch.channels_last if last else torch.contiguous_format,
    )
