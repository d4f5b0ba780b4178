"""The sizes of the networks, and the weights they begin with."""

from dataclasses import dataclass
from pathlib import Path

from facemask_video.config.settings import check, setting
from facemask_video.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """The sizes of a generator: see `facemask_video.translate.networks.GeneratorSpec`."""

    architecture: str = setting(
        "resnet", choices=("resnet", "unet", "two-stage"), help="Kind of network"
    )
    ngf: int = setting(64, low=1, help="Channels of the first layer")
    n_blocks: int = setting(6, low=0, help="Residual blocks: 6 at 128 px, 9 from 256 px")
    n_downsampling: int = setting(2, low=1, help="Halvings; for unet its depth")
    norm: str = setting(
        "instance",
        choices=("instance", "batch", "layer", "group", "none", "hybrid"),
        help="Normalisation",
    )
    padding: str = setting(
        "reflect",
        choices=("zero", "reflect", "cyclegan"),
        help="Padding; cyclegan reflects but in strided convolutions",
    )
    upsampling: str = setting("resize", choices=("resize", "transpose"), help="Way of doubling")
    alpha: bool = setting(True, help="Predict where the picture replaces the input")
    skips: bool = setting(False, help="Hand the encoder's features to the decoder")
    attention: bool = setting(False, help="Self-attention after the blocks")
    outline_ngf: int = setting(16, low=1, help="Channels of a two-stage generator's outline")
    final_kernel: int = setting(7, low=1, help="Side of the first and last convolution, odd")
    fold: int = setting(1, low=1, help="Pixels of a side folded into channels; 2 is 4x cheaper")
    mirrored: bool = setting(
        False, help="Once trained, a two-stage generator translates the mirror image too"
    )
    fill: str = setting(
        "around",
        choices=("around", "face"),
        help="Colours that a two-stage generator sees under the mask: of its surround or the face",
    )

    def __post_init__(self) -> None:
        """Check values."""
        check(self)
        if self.final_kernel % 2 == 0:
            raise ConfigError(f"final_kernel: got {self.final_kernel}, expected an odd number.")


@dataclass(frozen=True, slots=True)
class DiscriminatorConfig:
    """The sizes of the discriminators: see `trainers.gan.discriminators.DiscriminatorSpec`."""

    ndf: int = setting(64, low=1, help="Channels of the first layer")
    n_layers: int = setting(3, low=0, high=6, help="Strided layers: 3 sees 70 px, 0 single pixels")
    n_scales: int = setting(1, low=1, high=5, help="Copies at 1, 1/2, 1/4 ... of the size")
    spectral: bool = setting(True, help="Spectral norm instead of instance norm")
    luma: bool = setting(False, help="Judge brightness alone, so that no adversary drives colours")
    diff_augment: str = setting(
        "",
        metavar="KIND,...",
        help="Vary what is judged: color, translation, cutout; not for warm-start",
    )
    mixup: float = setting(
        0.0,
        low=0,
        high=10,
        help="Learn from mixtures of real and fake, of shares drawn from Beta(X, X), 0.2 in "
        "faceswap-GAN; 0 is none; not for warm-start",
    )

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class FeaturesConfig:
    """Networks from elsewhere whose features losses and measures take; files on disk."""

    vggface2: Path | None = setting(
        None,
        metavar="FILE",
        default_text="O-Net of the face detector",
        help="Weights vggface2 of facenet-pytorch's InceptionResnetV1, for the perceptual losses",
    )
    inception: Path | None = setting(
        None,
        metavar="FILE",
        default_text="O-Net of the face detector",
        help="Inception weights of torch-fidelity, for measuring by the usual KID",
    )

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class StartConfig:
    """Weights to begin with, of an earlier run or another method."""

    mask: Path | None = setting(None, metavar="FILE", help="Weights file of the mask generator")
    unmask: Path | None = setting(None, metavar="FILE", help="Weights file of the unmask generator")

    def __post_init__(self) -> None:
        """Check values."""
        check(self)
