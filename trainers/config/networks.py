"""The discriminators, and weights that are read from files; a generator's is `GeneratorSpec`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facemask_video.config.settings import check, setting


@dataclass(frozen=True, slots=True)
class DiscriminatorConfig:
    """The discriminators: their sizes, and what else their adversaries do.

    With ``luma`` no adversary drives colours, which prints red stains on skin; what it is wanted
    for, sharpness, lies in brightness.
    """

    net_d: Literal["basic", "n_layers", "pixel"] = setting(
        "n_layers",
        flags=("--netD",),
        heading="Networks",
        help="Which discriminator: basic is the PatchGAN of 70 px, whatever n_layers says, pixel "
        "looks at single pixels, n_layers has the layers that discriminator.n_layers says",
    )
    ndf: int = setting(64, low=1, help="Channels of the first layer")
    n_layers: int = setting(3, low=0, high=6, help="Strided layers: 3 sees 70 px, 0 single pixels")
    n_scales: int = setting(1, low=1, high=5, help="Copies at 1, 1/2, 1/4 ... of the size")
    spectral: bool = setting(True, help="Spectral norm instead of instance norm")
    luma: bool = setting(False, help="See brightness alone, so that no adversary drives colours")
    diff_augment: str = setting(
        "",
        metavar="KIND,...",
        help="Vary what the discriminator sees: color, translation, cutout",
    )
    mixup: float = setting(
        0.0,
        low=0,
        high=10,
        help="Learn from mixtures of real and fake, of shares drawn from Beta(X, X), 0.2 in "
        "faceswap-GAN; 0 is none",
    )

    @property
    def n_strided(self) -> int:
        """Strided layers, by `net_d`."""
        return {"basic": 3, "pixel": 0, "n_layers": self.n_layers}[self.net_d]

    def __post_init__(self) -> None:
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
        check(self)


InitType = Literal["torch", "normal", "xavier", "kaiming", "orthogonal"]


@dataclass(frozen=True, slots=True)
class StartConfig:
    """Weights to begin with: of an earlier run or another method, or drawn."""

    mask: Path | None = setting(None, metavar="FILE", help="Weights file of the mask generator")
    unmask: Path | None = setting(None, metavar="FILE", help="Weights file of the unmask generator")
    init_type: InitType = setting(
        "torch",
        heading="Networks",
        help="How fresh convolutions and linear layers are drawn: torch's own way, from a normal "
        "distribution, Xavier's or Kaiming's, or orthogonal",
    )
    init_gain: float = setting(
        0.02,
        low=0,
        low_open=True,
        heading="Networks",
        help="Deviation of init-type normal, gain of xavier and orthogonal",
    )

    def __post_init__(self) -> None:
        check(self)
