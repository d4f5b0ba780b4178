"""The sizes that make a generator: all that a weights file must hold beside its tensors."""

from dataclasses import asdict, dataclass
from typing import Literal, get_args

Architecture = Literal["resnet", "unet", "two-stage"]
Norm = Literal["instance", "batch", "layer", "group", "none", "hybrid"]
Padding = Literal["zero", "reflect", "cyclegan"]
Upsampling = Literal["resize", "transpose"]
Fill = Literal["around", "face"]


@dataclass(frozen=True, slots=True)
class GeneratorSpec:
    """The sizes that make a generator; a size that no network can have is a `ValueError`.

    Attributes:
        architecture: ``resnet``, ``unet``, or ``two-stage`` (unmask only).
        ngf: Channels of the first layer (64 standard, 32 lite).
        n_blocks: Residual blocks (6 for 128 px, 9 for 256 px and above); not used by ``unet``.
        n_downsampling: Halvings before the blocks; for ``unet`` the depth.
        norm: ``hybrid`` is layer norm inside the blocks, instance norm outside.
        padding: ``zero``, ``reflect``, or ``cyclegan``: reflect but in strided convolutions.
        upsampling: ``resize`` (nearest, then convolution: no checkerboard) or ``transpose``.
        alpha: Predict alpha; without it the picture replaces the whole input.
        skips: Hand the encoder's features to the decoder (``resnet`` only).
        attention: A self-attention layer after the blocks.
        outline_ngf: Channels of the first layer of the network that segments the mask
            (``two-stage`` only).
        final_kernel: Side of the first and last convolution, odd.
        fold: Pixels of a side folded into channels before the first layer and unfolded after the
            last (Shi et al., CVPR 2016); 2 makes every layer about four times cheaper.
        mirrored: Once trained, translate the mirror image too and take the mean of segmentations
            and of completions (``two-stage`` only): twice the cost, and what a network makes up or
            misses on one side alone is halved.
        fill: What the completion network sees in place of the hidden (``two-stage`` only): the
            colours of all that surrounds it, ``around``, or those of the ``face`` above it, which
            neither a gown under the chin nor the background tints.
    """

    architecture: Architecture = "resnet"
    ngf: int = 64
    n_blocks: int = 6
    n_downsampling: int = 2
    norm: Norm = "instance"
    padding: Padding = "reflect"
    upsampling: Upsampling = "resize"
    alpha: bool = True
    skips: bool = False
    attention: bool = False
    outline_ngf: int = 16
    final_kernel: int = 7
    fold: int = 1
    mirrored: bool = False
    fill: Fill = "around"

    def __post_init__(self) -> None:
        choices = {
            "architecture": (self.architecture, get_args(Architecture)),
            "norm": (self.norm, get_args(Norm)),
            "padding": (self.padding, get_args(Padding)),
            "upsampling": (self.upsampling, get_args(Upsampling)),
            "fill": (self.fill, get_args(Fill)),
        }
        for name, (value, allowed) in choices.items():
            if value not in allowed:
                raise ValueError(f"{name}: got {value!r}, expected one of {', '.join(allowed)}.")
        if min(self.ngf, self.n_downsampling, self.outline_ngf, self.fold) < 1 or self.n_blocks < 0:
            raise ValueError(f"sizes must be positive, got {asdict(self)}.")
        if self.final_kernel % 2 == 0:
            raise ValueError(f"final_kernel: got {self.final_kernel}, expected an odd number.")
