"""Segment where a mask of a given style lies on a bare face, then paint it there.

What is to be covered is erased before it is painted over, so no mouth shows through the cloth: the
painting network sees the light on what is left, the shape of the region, and the style.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from facemask_video.translate.generator_spec import GeneratorSpec
from facemask_video.translate.networks import inpaint
from facemask_video.translate.networks.layers import laid_out_as, unshuffle
from facemask_video.translate.networks.scene_light import scene_light
from facemask_video.translate.networks.style import (
    Style,
    StyleEncoder,
    place_in_box,
    region_box,
)
from facemask_video.translate.networks.translation import Translation

_STYLE_WIDTH = 64
_N_TEXTURE, _N_SHAPE = 8, 8
_TEXTURE_SIDE = StyleEncoder.INPUT_SIDE_PX // 8


class StyledConv(nn.Module):
    """Convolution, batch norm whose scale and shift follow the style, ReLU.

    FiLM (Perez et al., AAAI 2018).
    """

    def __init__(self, n_in: int, n_out: int, *, stride: int = 1, relu: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(n_out)
        self.to_scale = nn.Linear(_STYLE_WIDTH, 2 * n_out)
        nn.init.normal_(self.to_scale.weight, std=0.02)
        nn.init.zeros_(self.to_scale.bias)
        self.relu = relu

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        scale, shift = self.to_scale(style)[:, :, None, None].chunk(2, dim=1)
        features = self.norm(self.conv(features))
        # In the features' own type: a product in float32 would cost twice the memory.
        features = torch.addcmul(shift.to(features.dtype), features, (1 + scale).to(features.dtype))
        return functional.relu(features) if self.relu else features

    def fold_norm(self) -> None:
        """Fold the norm into the convolution; for inference only."""
        assert isinstance(self.norm, nn.BatchNorm2d)
        self.conv = fuse_conv_bn_eval(self.conv, self.norm)
        self.norm = nn.Identity()


class _StyledBlock(nn.Module):
    """Residual block of two styled convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = StyledConv(channels, channels)
        self.second = StyledConv(channels, channels, relu=False)

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        return features + self.second(self.first(features, style), style)  # type: ignore[no-any-return]


class _StyledUNet(nn.Module):
    """Residual U-Net from half the input's side to an eighth and back to half.

    Args:
        n_in: Channels of the input.
        ngf: Channels of the first layer.
        n_blocks: Residual blocks at an eighth of the side.
        n_texture: Channels of the style's texture, joined at each of the three sizes; 0: none.
    """

    def __init__(self, n_in: int, ngf: int, n_blocks: int, n_texture: int = 0) -> None:
        super().__init__()
        self.stem = StyledConv(4 * n_in, ngf)
        self.down = nn.ModuleList(
            [StyledConv(ngf, 2 * ngf, stride=2), StyledConv(2 * ngf, 4 * ngf, stride=2)]
        )
        self.join = nn.Conv2d(4 * ngf + n_texture, 4 * ngf, 1) if n_texture else None
        self.blocks = nn.ModuleList(_StyledBlock(4 * ngf) for _ in range(n_blocks))
        self.up = nn.ModuleList(
            [StyledConv(6 * ngf + n_texture, 2 * ngf), StyledConv(3 * ngf + n_texture, ngf)]
        )

    def forward(self, image: Tensor, style: Tensor, textures: tuple[Tensor, ...] = ()) -> Tensor:
        """Return features of half the input's side.

        Args:
            image: Shape (n, n_in, S, S).
            style: Shape (n, 64).
            textures: Where asked for, the texture laid out at S/8, S/4 and S/2.
        """
        features = self.stem(unshuffle(image, 2), style)
        skips = []
        for down in self.down:
            skips.append(features)
            features = down(features, style)
        if self.join is not None:
            features = self.join(torch.cat([features, laid_out_as(features, textures[0])], dim=1))
        for block in self.blocks:
            features = block(features, style)
        for level, up in enumerate(self.up):
            parts = [functional.interpolate(features, scale_factor=2.0), skips.pop()]
            if textures:
                parts.append(laid_out_as(features, textures[level + 1]))
            features = up(torch.cat(parts, dim=1), style)
        return features  # type: ignore[no-any-return]


class StyledGenerator(nn.Module):
    """Put masks of many styles on bare faces.

    ``spec.fold`` is 2 for crops of 128 px, 4 for 256: the side that the U-Nets work at is S / fold.

    Args:
        spec: Its sizes.
        n_styles: Styles that are stored with the weights.
    """

    MARGIN_PX_AT_128 = 3
    """How far the erased area reaches beyond the mask."""

    textures: Tensor
    shapes: Tensor
    colours: Tensor

    def __init__(self, spec: GeneratorSpec, n_styles: int = 0) -> None:
        super().__init__()
        self.spec = spec
        self.n_fine = spec.fold.bit_length() - 1
        self.encoder = StyleEncoder(_N_TEXTURE, _N_SHAPE)
        self.shape_style = _mlp(_N_SHAPE)
        self.look_style = _mlp(2 * _N_TEXTURE + _N_SHAPE)
        self.segmentation = _StyledUNet(3, spec.segmentation_ngf, 3)
        self.to_region = nn.Sequential(
            nn.Conv2d(spec.segmentation_ngf, 4, 3, padding=1), nn.PixelShuffle(2)
        )
        self.painting = _StyledUNet(4, spec.ngf, spec.n_blocks, _N_TEXTURE)
        widths = [spec.ngf // 2**level for level in range(self.n_fine + 1)]
        # No norm here: at full size it would cost more than the convolution.
        self.fine = nn.ModuleList(
            nn.Conv2d(narrow + 4, wide, 3, padding=1) for narrow, wide in pairwise(widths)
        )
        self.head = nn.Conv2d(widths[-1], 3, 3, padding=1)
        self.register_buffer(
            "textures", torch.zeros(n_styles, _N_TEXTURE, _TEXTURE_SIDE, _TEXTURE_SIDE)
        )
        self.register_buffer("shapes", torch.zeros(n_styles, _N_SHAPE))
        self.register_buffer("colours", torch.zeros(n_styles, 3))

    @property
    def styles(self) -> Style:
        """The stored styles."""
        return Style(self.textures, self.shapes)

    def region_logits(self, image: Tensor, shape: Tensor) -> Tensor:
        """Return the logits of where masks of a shape, (n, k), lie: (n, 1, S, S)."""
        shrink = 2 ** (self.n_fine - 1)
        small = functional.avg_pool2d(image, shrink) if shrink > 1 else image
        logits = self.to_region(self.segmentation(small, self.shape_style(shape.to(image.dtype))))
        if shrink > 1:
            logits = functional.interpolate(
                logits, scale_factor=float(shrink), mode="bilinear", align_corners=False
            )
        return logits  # type: ignore[no-any-return]

    def region(self, image: Tensor, style: Style) -> Tensor:
        """Return where masks lie, shape (n, 1, S, S), in [0, 1], mostly one or the other.

        The mean of the image and its mirror image, without notches and scraps of a few px: cloth
        has none.
        """
        mirrored = self.region_logits(image.flip(3), style.shape).flip(3)
        opacity = self.opacity((self.region_logits(image, style.shape) + mirrored) / 2)
        margin_px = self._margin_px(image)
        closed = inpaint.close_gaps(opacity, 2 * margin_px)
        return inpaint.dilate(inpaint.erode(closed, margin_px), margin_px)

    @staticmethod
    def opacity(logits: Tensor) -> Tensor:
        """Turn logits into an opacity that is 0 or 1 but for an edge: cloth is opaque."""
        return torch.clamp(2 * torch.sigmoid(logits) - 0.5, 0, 1)

    def erase(self, region: Tensor, margin_px: int | None = None) -> Tensor:
        """Return what of the image is not to be seen, 1 or 0: the region and a margin around it."""
        if margin_px is None:
            margin_px = self._margin_px(region)
        return (inpaint.dilate(region, margin_px) > 0.1).to(region.dtype)

    def paint(self, image: Tensor, region: Tensor, style: Style, erased: Tensor) -> Tensor:
        """Return pictures of masks, shape (n, 3, S, S), in [-1, 1].

        Args:
            image: Faces, shape (n, 3, S, S), in [-1, 1].
            region: Where the masks are to lie, shape (n, 1, S, S), in [0, 1].
            style: Their styles.
            erased: What of the image is not to be seen, shape (n, 1, S, S); covers the region.
        """
        filled = inpaint.push_pull_fill(image, 1 - erased)
        seen = [torch.cat([filled, laid_out_as(filled, region * 2 - 1)], dim=1)]
        for _ in range(self.n_fine - 1):
            seen.append(functional.avg_pool2d(seen[-1], 2))
        texture, side = style.texture.to(image.dtype), int(seen[-1].shape[-1])
        statistics = [texture.mean((2, 3)), texture.std((2, 3)), style.shape.to(image.dtype)]
        look = self.look_style(torch.cat(statistics, dim=1))
        box = region_box(region)
        textures = tuple(place_in_box(texture, box, side // part) for part in (8, 4, 2))
        features = self.painting(seen[-1], look, textures)
        for fine, beside in zip(self.fine, reversed(seen), strict=True):
            features = functional.interpolate(features, scale_factor=2.0)
            features = fine(torch.cat([features, laid_out_as(features, beside)], dim=1))
            features = functional.relu(features)
        return torch.tanh(self.head(features))

    def forward(self, image: Tensor, style: Style | None = None) -> Translation:
        """Put masks on bare faces.

        Args:
            image: Shape (n, 3, S, S), in [-1, 1].
            style: One for each; None puts the first of the stored ones on all.
        """
        if style is None:
            style = self.styles[[0] * len(image)]
        light = scene_light(image)
        lit = light.to_usual(image)
        region = self.region(lit, style)
        painted = self.paint(lit, region, style, self.erase(region))
        return Translation(light.to_scene(painted), soften(region))

    def read_style(self, masked: Tensor, region: Tensor) -> Style:
        """Read the styles of masks off pictures of them.

        Args:
            masked: Masked faces, shape (n, 3, S, S), in [-1, 1].
            region: Where the masks lie, shape (n, 1, S, S), in [0, 1].
        """
        style: Style = self.encoder(scene_light(masked).to_usual(masked), region)
        return style

    def _margin_px(self, image: Tensor) -> int:
        return max(1, round(self.MARGIN_PX_AT_128 * int(image.shape[-1]) / 128))


def soften(region: Tensor) -> Tensor:
    """Blur a region's edge with a box of 3 px."""
    return inpaint.box_blur(region, 1)


def _mlp(n_in: int) -> nn.Sequential:
    width = _STYLE_WIDTH
    return nn.Sequential(nn.Linear(n_in, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
