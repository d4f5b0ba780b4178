"""The weights of the losses of each method; 0 switches a loss off. A is bare, B is masked."""

from dataclasses import dataclass
from typing import Literal

from facemask_video.config.settings import check, setting

GanMode = Literal["lsgan", "vanilla", "hinge", "wgan-gp"]


@dataclass(frozen=True, slots=True)
class WarmStartConfig:
    """The paired warm start, `trainers.gan.warm_start`.

    The perceptual loss wants crops of 48 px or more, as that of every method. ``lambda_chroma``
    holds the tint where the adversary drives brightness; ``lambda_keep`` keeps alpha's edge from
    showing.
    """

    directions: Literal["both", "mask", "unmask"] = setting("both", help="Which generators learn")
    gan_mode: Literal["lsgan", "vanilla", "hinge"] = setting("hinge", help="Adversary's loss")
    lambda_l1: float = setting(10.0, low=0, help="L1 under the mask")
    lambda_chroma: float = setting(0.0, low=0, help="L1 of colour alone under the mask")
    lambda_keep: float = setting(1.0, low=0, help="L1 of the whole painted picture")
    lambda_segmentation: float = setting(
        2.0,
        low=0,
        former_key="lambda_outline",
        help="Segmentation, or alpha, against the drawn mask",
    )
    lambda_perceptual: float = setting(2.0, low=0, help="Features of faces")
    lambda_gan: float = setting(0.3, low=0, help="Adversary")
    lambda_features: float = setting(3.0, low=0, help="Features of the adversary")
    lambda_real: float = setting(0.3, low=0, help="Adversary on real masked faces")
    gan_from: int = setting(4000, low=0, help="Images seen before the adversary joins")
    pool_size: int = setting(0, low=0, help="Fakes kept for the discriminators")
    hidden_below: float = setting(
        0.0, low=0, high=1, help="Share hidden down to the edge, as where a picture cuts a mask"
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class CycleganConfig:
    """CycleGAN, `trainers.gan.cyclegan`."""

    gan_mode: GanMode = setting("lsgan", help="Adversary's loss")
    cycle_loss: Literal["l1", "l2"] = setting("l1", help="Measure of the cycle")
    lambda_A: float = setting(10.0, low=0, help="Cycle bare, masked, bare")
    lambda_B: float = setting(10.0, low=0, help="Cycle masked, bare, masked")
    lambda_identity: float = setting(0.5, low=0, help="Identity, as a share of the cycles")
    lambda_gan: float = setting(1.0, low=0, help="Adversaries")
    lambda_perceptual: float = setting(0.0, low=0, help="Features of faces in the cycles")
    pool_size: int = setting(50, low=0, help="Fakes kept for the discriminators")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Pix2pixConfig:
    """pix2pix on drawn pairs, `trainers.gan.pix2pix`."""

    direction: Literal["mask", "unmask"] = setting("mask", help="What is learnt")
    gan_mode: GanMode = setting("vanilla", help="Adversary's loss")
    lambda_L1: float = setting(100.0, low=0, help="L1 to the target")
    lambda_gan: float = setting(1.0, low=0, help="Adversary")
    lambda_perceptual: float = setting(0.0, low=0, help="Features of faces")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class CutConfig:
    """CUT, `trainers.gan.cut`; FastCUT is ``lambda_NCE`` 10, ``nce_idt`` off, flips on."""

    direction: Literal["mask", "unmask"] = setting("mask", help="What is learnt")
    gan_mode: GanMode = setting("lsgan", help="Adversary's loss")
    lambda_gan: float = setting(1.0, low=0, help="Adversary")
    lambda_NCE: float = setting(1.0, low=0, help="Contrast of patches")
    nce_idt: bool = setting(True, help="Contrast also pictures that need no change")
    flip_equivariance: bool = setting(False, help="Mirror half of the inputs")
    num_patches: int = setting(256, low=2, help="Patches compared in each picture and layer")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class ExtrasConfig:
    """Losses added to cyclegan's, pix2pix's and cut's, `trainers.gan.extras`."""

    lambda_eyes: float = setting(0.0, low=0, help="Eyes stay as they are")
    lambda_edges: float = setting(0.0, low=0, help="Edges at the eyes stay as they are")
    lambda_alpha_area: float = setting(0.0, low=0, help="Change little")
    lambda_alpha_binary: float = setting(0.0, low=0, help="Alpha is 0 or 1")
    lambda_alpha_smooth: float = setting(0.0, low=0, help="Alpha has few borders")
    lambda_equivariance: float = setting(0.0, low=0, help="A moved crop is translated alike")
    lambda_temporal: float = setting(
        0.0, low=0, help="So are neighbouring frames of a track, where an extraction knows them"
    )

    def __post_init__(self) -> None:
        check(self)
