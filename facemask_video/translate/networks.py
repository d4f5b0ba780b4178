"""The networks that translate an aligned face crop.

Every generator takes an image in [-1, 1], shape (n, 3, S, S), and gives a `Translation`: the
picture it paints and the alpha under which that picture replaces the input. The trainers and the
converter share this file, so a weights file needs only the sizes that `GeneratorSpec` holds.

Sources: the residual generator with 6 or 9 blocks is that of Johnson et al. 2016 as used by
CycleGAN (Zhu et al., ICCV 2017, section 4 and appendix 7.2); alpha output after AttentionGAN (Tang
et al., IJCNN 2019); self-attention after SAGAN (Zhang et al., ICML 2019, section 3); the two-stage
form (outline first, then completion that does not see what lies under it) after the published
unmasking networks that work so.
"""

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from facemask_video.align.template import EYE_HEIGHT

NORMS = ("instance", "batch", "layer", "group", "none", "hybrid")
PADDINGS = ("zero", "reflect", "cyclegan")
FILLS = ("around", "face")
ARCHITECTURES = ("resnet", "unet", "two-stage")


class Translation(NamedTuple):
    """What a generator says.

    Attributes:
        painted: Its picture, in [-1, 1], shape (n, 3, S, S).
        alpha: Where it replaces the input, in [0, 1], shape (n, 1, S, S).
    """

    painted: Tensor
    alpha: Tensor

    def over(self, image: Tensor) -> Tensor:
        """Return the translated image: painted under alpha, the input elsewhere."""
        return image + self.alpha * (self.painted - image)


@dataclass(frozen=True, slots=True)
class GeneratorSpec:
    """The sizes that make a generator.

    Attributes:
        architecture: ``resnet``, ``unet`` or ``two-stage``.
        ngf: Channels of the first layer (64 standard, 32 lite).
        n_blocks: Residual blocks (6 for 128 px, 9 for 256 px and above); not used by ``unet``.
        n_downsampling: Halvings before the blocks; for ``unet`` the depth.
        norm: One of `NORMS`; ``hybrid`` is layer norm inside the blocks, instance norm outside.
        padding: ``zero``, ``reflect``, or ``cyclegan``: reflect but in strided convolutions.
        upsampling: ``resize`` (nearest, then convolution: no checkerboard) or ``transpose``.
        alpha: Predict alpha; without it the picture replaces the whole input.
        skips: Hand the encoder's features to the decoder (``resnet`` only).
        attention: A self-attention layer after the blocks.
        outline_ngf: Channels of the outline network (``two-stage`` only).
        final_kernel: Side of the first and last convolution, odd.
        fold: Pixels of a side folded into channels before the first layer and unfolded after the
            last (Shi et al., CVPR 2016); 2 makes every layer about four times cheaper.
        mirrored: Once trained, translate the mirror image too and take the mean of outlines and
            of completions (``two-stage`` only): twice the cost, and what a network makes up or
            misses on one side alone is halved.
        fill: What the completion network sees in place of the hidden (``two-stage`` only): the
            colours of all that surrounds it, ``around``, or those of the ``face`` above it, which
            neither a gown under the chin nor the background tints.
    """

    architecture: str = "resnet"
    ngf: int = 64
    n_blocks: int = 6
    n_downsampling: int = 2
    norm: str = "instance"
    padding: str = "reflect"
    upsampling: str = "resize"
    alpha: bool = True
    skips: bool = False
    attention: bool = False
    outline_ngf: int = 16
    final_kernel: int = 7
    fold: int = 1
    mirrored: bool = False
    fill: str = "around"

    def __post_init__(self) -> None:
        """Refuse sizes that no network can have."""
        choices = {
            "architecture": (self.architecture, ARCHITECTURES),
            "norm": (self.norm, NORMS),
            "padding": (self.padding, PADDINGS),
            "upsampling": (self.upsampling, ("resize", "transpose")),
            "fill": (self.fill, FILLS),
        }
        for name, (value, allowed) in choices.items():
            if value not in allowed:
                raise ValueError(f"{name}: got {value!r}, expected one of {', '.join(allowed)}.")
        if min(self.ngf, self.n_downsampling, self.outline_ngf, self.fold) < 1 or self.n_blocks < 0:
            raise ValueError(f"sizes must be positive, got {asdict(self)}.")
        if self.final_kernel % 2 == 0:
            raise ValueError(f"final_kernel: got {self.final_kernel}, expected an odd number.")


class _LayerNorm(nn.GroupNorm):
    """Layer norm over channels and places: group norm with one group."""

    def __init__(self, channels: int) -> None:
        super().__init__(1, channels)


def _make_norm(kind: str, channels: int, *, inside_block: bool) -> nn.Module:
    if kind == "hybrid":
        kind = "layer" if inside_block else "instance"
    if kind == "instance":
        return nn.InstanceNorm2d(channels)
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "layer":
        return _LayerNorm(channels)
    if kind == "group":
        return nn.GroupNorm(min(16, channels), channels)
    return nn.Identity()


def _conv(
    spec: GeneratorSpec, n_in: int, n_out: int, kernel: int, *, stride: int = 1, bias: bool = True
) -> nn.Conv2d:
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


class _ConvNormAct(nn.Sequential):
    """Convolution, norm, ReLU."""

    def __init__(
        self, spec: GeneratorSpec, n_in: int, n_out: int, kernel: int, *, stride: int = 1
    ) -> None:
        norm = _make_norm(spec.norm, n_out, inside_block=False)
        bias = not isinstance(norm, nn.BatchNorm2d)
        super().__init__(
            _conv(spec, n_in, n_out, kernel, stride=stride, bias=bias), norm, nn.ReLU(inplace=True)
        )


class _Up(nn.Module):
    """Double the side."""

    def __init__(self, spec: GeneratorSpec, n_in: int, n_out: int) -> None:
        super().__init__()
        self.resize = spec.upsampling == "resize"
        if self.resize:
            self.body: nn.Module = _ConvNormAct(spec, n_in, n_out, 3)
        else:
            self.body = nn.Sequential(
                nn.ConvTranspose2d(n_in, n_out, 3, stride=2, padding=1, output_padding=1),
                _make_norm(spec.norm, n_out, inside_block=False),
                nn.ReLU(inplace=True),
            )

    def forward(self, features: Tensor) -> Tensor:
        if self.resize:
            features = functional.interpolate(features, scale_factor=2, mode="nearest")
        return self.body(features)  # type: ignore[no-any-return]


class _Block(nn.Module):
    """A residual block of two 3x3 convolutions."""

    def __init__(self, spec: GeneratorSpec, channels: int) -> None:
        super().__init__()
        first = _make_norm(spec.norm, channels, inside_block=True)
        bias = not isinstance(first, nn.BatchNorm2d)
        self.body = nn.Sequential(
            _conv(spec, channels, channels, 3, bias=bias),
            first,
            nn.ReLU(inplace=True),
            _conv(spec, channels, channels, 3, bias=bias),
            _make_norm(spec.norm, channels, inside_block=True),
        )

    def forward(self, features: Tensor) -> Tensor:
        return features + self.body(features)  # type: ignore[no-any-return]


class SelfAttention(nn.Module):
    """Attention over all places (SAGAN), off at the start: its gain begins at 0."""

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
        seen = functional.scaled_dot_product_attention(query, key, value)
        return features + self.gain * seen.squeeze(1).transpose(1, 2).reshape(
            n, channels, height, width
        )


class ResnetTrunk(nn.Module):
    """Encoder, residual blocks, decoder; ``n_in`` channels in, ``n_out`` raw channels out."""

    def __init__(self, spec: GeneratorSpec, n_in: int, n_out: int) -> None:
        super().__init__()
        # Beyond 8x the first width the cost of the blocks grows and their use does not.
        widths = [spec.ngf * min(2**level, 8) for level in range(spec.n_downsampling + 1)]
        self.fold = nn.PixelUnshuffle(spec.fold)
        self.unfold = nn.PixelShuffle(spec.fold)
        self.stem = _ConvNormAct(spec, n_in * spec.fold**2, widths[0], spec.final_kernel)
        self.down = nn.ModuleList(
            _ConvNormAct(spec, narrow, wide, 3, stride=2) for narrow, wide in pairwise(widths)
        )
        self.blocks = nn.Sequential(*(_Block(spec, widths[-1]) for _ in range(spec.n_blocks)))
        self.attention = SelfAttention(widths[-1]) if spec.attention else nn.Identity()
        self.up = nn.ModuleList(
            _Up(spec, wide, narrow) for narrow, wide in reversed(list(pairwise(widths)))
        )
        self.merge = nn.ModuleList(
            _ConvNormAct(spec, 2 * width, width, 3) if spec.skips else nn.Identity()
            for width in reversed(widths[:-1])
        )
        self.skips = spec.skips
        self.head = _conv(spec, widths[0], n_out * spec.fold**2, spec.final_kernel)

    def forward(self, image: Tensor) -> Tensor:
        features = self.stem(self.fold(image))
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
            layers: list[nn.Module] = [_conv(plain, source, width, 3, stride=2)]
            if 0 < level < depth - 1:
                layers.append(_make_norm(spec.norm, width, inside_block=False))
            layers.append(nn.LeakyReLU(0.2, inplace=False))
            self.down.append(nn.Sequential(*layers))
        self.up = nn.ModuleList()
        for level in reversed(range(depth)):
            target = spec.ngf if level == 0 else widths[level - 1]
            source = widths[level] * (1 if level == depth - 1 else 2)
            self.up.append(_Up(plain, source, target))
        self.head = _conv(plain, spec.ngf, n_out, 3)

    def forward(self, image: Tensor) -> Tensor:
        kept: list[Tensor] = []
        features = image
        for down in self.down:
            features = down(features)
            kept.append(features)
        features = kept.pop()
        for up in self.up:
            features = up(features)
            if kept:
                features = torch.cat([features, kept.pop()], dim=1)
        return self.head(features)  # type: ignore[no-any-return]


class OneStageGenerator(nn.Module):
    """One network paints the picture and its alpha."""

    def __init__(self, spec: GeneratorSpec) -> None:
        super().__init__()
        self.spec = spec
        trunk = UnetTrunk if spec.architecture == "unet" else ResnetTrunk
        self.trunk = trunk(spec, 3, 4 if spec.alpha else 3)

    def forward(self, image: Tensor) -> Translation:
        raw = self.trunk(image)
        painted = torch.tanh(raw[:, :3])
        alpha = torch.sigmoid(raw[:, 3:4]) if self.spec.alpha else torch.ones_like(raw[:, :1])
        return Translation(painted, alpha)


def fill_smoothly(image: Tensor, known: Tensor, trust: Tensor | None = None) -> Tensor:
    """Fill the unknown parts of an image from their surround.

    The push-pull scheme (Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4): known pixels
    are averaged down a pyramid, and holes take the colour of the next coarser level.

    Args:
        image: Shape (n, c, S, S).
        known: Shape (n, 1, S, S), 1 where the image holds, 0 where it must not be seen.
        trust: Shape (1, 1, S, S), > 0, how much each known pixel weighs; None weighs all alike.
    """
    weight = known if trust is None else known * trust
    pixels = image * weight
    pushed = []
    while pixels.shape[-1] > 1 and pixels.shape[-1] % 2 == 0:
        pushed.append((pixels, weight))
        pixels, weight = functional.avg_pool2d(pixels, 2), functional.avg_pool2d(weight, 2)
    if pushed:
        # In the end a pixel is known or not, whatever it weighed for others.
        pushed[0] = (image * known, known)
    everywhere = pixels.mean((2, 3), keepdim=True)
    everywhere = everywhere / weight.mean((2, 3), keepdim=True).clamp(min=1e-4)
    filled = pixels + (1 - weight) * everywhere
    for pixels, weight in reversed(pushed):
        coarse = functional.interpolate(
            filled, scale_factor=2, mode="bilinear", align_corners=False
        )
        filled = pixels + (1 - weight) * coarse
    return filled


def trust_in_face(size_px: int, device: torch.device) -> Tensor:
    """Return how much the pixels of an aligned crop tell of a face's colour, (1, 1, S, S), > 0.

    Most about eyes and upper cheeks, a hundredth of that beyond the head.
    """
    place = (torch.arange(size_px, device=device) + 0.5) / size_px
    across, down = (place - 0.5) / 0.24, (place - EYE_HEIGHT - 0.06) / 0.16
    apart = across[None, :] ** 2 + down[:, None] ** 2
    return (0.01 + 0.98 * torch.exp(-(apart**2)))[None, None]


class TwoStageGenerator(nn.Module):
    """For unmask: draw the mask's outline, then complete the picture without seeing under it.

    The completion network sees the image with a smooth filling (`GeneratorSpec.fill`) in place of
    what lies under the (slightly grown) outline, and the outline itself; so no colour of the
    fabric can leak into the skin. It paints what the filling lacks.
    """

    GROW_PX_AT_128 = 3
    """How far the blanked area reaches beyond the outline: a mask's edge and its shadow."""

    SURE, LIKELY = 0.5, 0.05
    """Cloth is what is at least so probable, and from the second on where it hangs on the first."""

    CELL_PX = 4
    """What lies in neighbouring cells of this side hangs together."""

    def __init__(self, spec: GeneratorSpec) -> None:
        super().__init__()
        self.spec = spec
        outline = GeneratorSpec(
            ngf=spec.outline_ngf,
            n_blocks=2,
            n_downsampling=4 if spec.fold == 1 else 3,
            norm=spec.norm,
            padding=spec.padding,
            skips=True,
            final_kernel=3,
            fold=spec.fold,
        )
        self.outline = ResnetTrunk(outline, 3, 1)
        self.completion = ResnetTrunk(spec, 4, 3)

    def draw_outline(self, image: Tensor) -> Tensor:
        """Return the outline's logits, shape (n, 1, S, S)."""
        return self.outline(image)  # type: ignore[no-any-return]

    def _close(self, outline: Tensor) -> Tensor:
        """Close gaps and holes of a few px: cloth has none."""
        reach = self._reach(outline)
        return _narrowed(widened(outline, reach), reach)

    def grow(self, outline: Tensor) -> Tensor:
        """Widen an outline in [0, 1] by a few px and soften its edge."""
        reach = self._reach(outline)
        soft = functional.pad(widened(outline, reach), (reach,) * 4, mode="replicate")
        return functional.avg_pool2d(soft, 2 * reach + 1, stride=1)

    def find(self, image: Tensor) -> Tensor:
        """Return how likely each pixel is cloth, shape (n, 1, S, S)."""
        probability = torch.sigmoid(self.draw_outline(image))
        if self.spec.mirrored and not self.training:
            mirrored = torch.sigmoid(self.draw_outline(image.flip(3))).flip(3)
            probability = (probability + mirrored) / 2
        return probability

    @staticmethod
    def decide(probability: Tensor) -> Tensor:
        """Turn probabilities into an opacity in [0, 1] that is mostly one or the other."""
        return torch.clamp((probability - 0.25) * 4, 0, 1)

    def connect(self, probability: Tensor, outline: Tensor) -> Tensor:
        """Return where likely cloth beside an outline hangs on sure cloth, 1 or 0.

        Hysteresis thresholding (Canny, "A computational approach to edge detection", PAMI 1986,
        section VIII), over at most half the picture's side. What is only as wide as the outline's
        own uncertain edge is left out.
        """
        likely = (probability > self.LIKELY).to(probability.dtype)
        cells = functional.max_pool2d(likely, self.CELL_PX)
        reached = functional.max_pool2d(probability, self.CELL_PX)
        reached = (reached > self.SURE).to(probability.dtype)
        for _ in range(int(cells.shape[-1]) // 2):
            reached = functional.max_pool2d(reached, 3, stride=1, padding=1) * cells
        hanging = (
            functional.interpolate(reached, scale_factor=self.CELL_PX, mode="nearest") * likely
        )
        edge = max(1, self._reach(outline) // 2)
        solid = _narrowed(hanging * (1 - widened(outline, edge)), edge)
        return widened(solid, 3 * edge) * hanging

    def _reach(self, outline: Tensor) -> int:
        return max(1, round(self.GROW_PX_AT_128 * int(outline.shape[-1]) / 128))

    def hide(self, outline: Tensor) -> tuple[Tensor, Tensor]:
        """Return what an outline blanks of the image, and the alpha under which it is replaced."""
        alpha = self.grow(outline)
        # The blank must be total inside the outline, or fabric shines through at half strength.
        blank = widened(outline, 2)
        return torch.maximum(blank, alpha), alpha

    def complete(self, image: Tensor, outline: Tensor) -> Tensor:
        """Paint what lies under an outline, which hides the image where it is 1."""
        trust = None
        if self.spec.fill == "face":
            trust = trust_in_face(image.shape[-1], image.device).to(image.dtype)
        filled = fill_smoothly(image, 1 - outline, trust)
        seen = torch.cat([filled, outline], dim=1)
        missing = self.completion(seen)
        if self.spec.mirrored and not self.training:
            missing = (missing + self.completion(seen.flip(3)).flip(3)) / 2
        painted = filled + missing
        # In training the range is left open: a clamp would stop gradients that lead back into it.
        return painted if self.training else painted.clamp(-1, 1)  # type: ignore[no-any-return]

    def forward(self, image: Tensor) -> Translation:
        probability = self.find(image)
        outline = self.decide(probability)
        if not self.training:
            outline = torch.maximum(outline, self.connect(probability, outline))
        blank, alpha = self.hide(self._close(outline))
        return Translation(self.complete(image, blank), alpha)


def widened(plane: Tensor, reach_px: int) -> Tensor:
    """Return the largest value within a square around each pixel of (n, c, H, W)."""
    # A square's maximum is that of its rows' maxima, which are far fewer to compare.
    width = 2 * reach_px + 1
    rows = functional.max_pool2d(plane, (1, width), stride=1, padding=(0, reach_px))
    return functional.max_pool2d(rows, (width, 1), stride=1, padding=(reach_px, 0))


def _narrowed(plane: Tensor, reach_px: int) -> Tensor:
    return -widened(-plane, reach_px)


Generator = OneStageGenerator | TwoStageGenerator


def build_generator(spec: GeneratorSpec) -> Generator:
    """Build a generator with fresh weights, in channels-last memory."""
    make = TwoStageGenerator if spec.architecture == "two-stage" else OneStageGenerator
    return make(spec).to(memory_format=torch.channels_last)
