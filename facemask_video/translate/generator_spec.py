"""The sizes that make a generator: all that a weights file must hold beside its tensors.

They are a section of the training configuration too, which is read without torch.
"""

from dataclasses import dataclass
from typing import Literal

from facemask_video.config.settings import check, setting
from facemask_video.core.errors import ConfigError

Architecture = Literal["resnet", "unet", "two-stage", "styled"]
Norm = Literal["instance", "batch", "layer", "group", "none", "hybrid"]
Padding = Literal["zero", "reflect", "cyclegan"]
Upsampling = Literal["resize", "transpose"]
Fill = Literal["around", "face"]


@dataclass(frozen=True, slots=True)
class GeneratorSpec:
    """The sizes that make a generator; a size that no network can have is a `ConfigError`.

    Attributes:
        architecture: ``resnet``, ``unet``, ``two-stage`` (unmask only) or ``styled`` (mask only).
        ngf: Channels of the first layer (64 standard, 32 lite).
        n_blocks: Residual blocks (6 for 128 px, 9 for 256 px and above); not used by ``unet``.
        n_downsampling: Halvings before the blocks; for ``unet`` the depth.
        norm: ``hybrid`` is layer norm inside the blocks, instance norm outside.
        padding: ``zero``, ``reflect``, or ``cyclegan``: reflect but in strided convolutions.
        upsampling: ``resize`` (nearest, then convolution: no checkerboard) or ``transpose``.
        alpha: Predict alpha; without it the picture replaces the whole input.
        skips: Hand the encoder's features to the decoder (``resnet`` only).
        attention: A self-attention layer after the blocks.
        dropout: Share of features dropped in training (``resnet``, ``unet``, ``two-stage``).
        segmentation_ngf: Channels of the first layer of the network that segments the mask
            (``two-stage`` and ``styled``).
        final_kernel: Side of the first and last convolution, odd.
        fold: Pixels of a side folded into channels before the first layer and unfolded after the
            last (Shi et al., CVPR 2016); 2 makes every layer about four times cheaper.
        mirrored: Once trained, segment the mirror image too and take the mean (``two-stage`` only):
            what the network makes up or misses on one side alone is halved. Of completions it would
            gain little for the time of another completion.
        fill: What the completion network sees in place of the hidden (``two-stage`` only): the
            colours of all that surrounds it, ``around``, or those of the ``face`` above it, which
            neither a gown under the chin nor the background tints.
    """

    architecture: Architecture = setting("resnet", help="Kind of network")
    ngf: int = setting(64, low=1, help="Channels of the first layer")
    n_blocks: int = setting(6, low=0, help="Residual blocks: 6 at 128 px, 9 from 256 px")
    n_downsampling: int = setting(2, low=1, help="Halvings; for unet its depth")
    norm: Norm = setting("instance", help="Normalisation")
    padding: Padding = setting(
        "reflect", help="Padding; cyclegan reflects but in strided convolutions"
    )
    upsampling: Upsampling = setting("resize", help="Way of doubling")
    alpha: bool = setting(True, help="Predict where the picture replaces the input")
    skips: bool = setting(False, help="Hand the encoder's features to the decoder")
    attention: bool = setting(False, help="Self-attention after the blocks")
    dropout: float = setting(
        0.0,
        low=0,
        high=1,
        high_open=True,
        help="Share of features dropped in training: in residual blocks, and in the innermost "
        "three layers of a unet's decoder; 0.5 in pix2pix",
    )
    segmentation_ngf: int = setting(
        16,
        low=1,
        former_key="outline_ngf",
        help="Channels of a two-stage generator's segmentation network",
    )
    final_kernel: int = setting(7, low=1, help="Side of the first and last convolution, odd")
    fold: int = setting(1, low=1, help="Pixels of a side folded into channels; 2 is 4x cheaper")
    mirrored: bool = setting(
        False, help="Once trained, a two-stage generator segments the mirror image too"
    )
    fill: Fill = setting(
        "around",
        help="Colours that a two-stage generator sees under the mask: of its surround or the face",
    )

    def __post_init__(self) -> None:
        check(self)
        if self.architecture == "styled" and self.fold not in (2, 4):
            raise ConfigError(f"fold: got {self.fold}, a styled generator needs 2 or 4.")
        if self.architecture == "styled" and self.dropout > 0:
            raise ConfigError("dropout: a styled generator has none; leave it 0.")
        if self.final_kernel % 2 == 0:
            raise ConfigError(f"final_kernel: got {self.final_kernel}, expected an odd number.")
