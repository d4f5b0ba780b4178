"""The options of a training run: the only home of their defaults, ranges and choices.

Order of precedence: these defaults, then a TOML file, then what was typed. The names are those of
the CycleGAN family where it has one. Counts are in images seen, not in steps: so they mean the same
at any batch size.
"""

from dataclasses import dataclass, field
from pathlib import Path

from facemask_video.errors import ConfigError
from facemask_video.settings import check, setting

METHODS = ("warm-start", "cyclegan", "pix2pix", "cut")


@dataclass(frozen=True, slots=True)
class DataConfig:
    """What is trained on."""

    bare: Path | None = setting(
        None, metavar="FOLDER|NPZ", help="Pictures of bare faces, or crops cut from them"
    )
    masked: Path | None = setting(
        None, metavar="FOLDER|NPZ", help="Pictures of masked faces, or crops cut from them"
    )
    masked_folders: str = setting(
        "", metavar="NAME,...", help="Folders of the masked pictures to take; all where empty"
    )
    crop_size_px: int = setting(
        128, low=16, flags=("--crop-size",), metavar="PX", help="Side of the pictures trained on"
    )
    load_size_px: int = setting(
        160,
        low=16,
        flags=("--load-size",),
        metavar="PX",
        help="Side that crops are cut and kept at, larger so that jitter does not blur",
    )
    held_out: float = setting(
        0.1, low=0, high=0.9, help="Share of the pictures set aside for previews and measures"
    )
    held_out_names: Path | None = setting(
        None, metavar="FILE", help="Names of further pictures to set aside, one a line"
    )
    undrawn: float = setting(
        0.12, low=0, high=1, help="Share of drawn pairs left without a mask, to be kept as they are"
    )
    real_fabric: float = setting(
        0.3, low=0, high=1, help="Share of drawn masks cut from the cloth of a real one"
    )
    serial_batches: bool = setting(
        False, help="Show the faces in the order of their files, not in a random one"
    )
    seed: int = setting(1, low=0, help="Of weights, samples and drawn masks")
    n_workers: int = setting(1, low=0, help="Processes that prepare samples; 0 is none besides")

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class AugmentationConfig:
    """How far samples are varied."""

    flip: bool = setting(True, help="Mirror half of them")
    turn_deg: float = setting(6.0, low=0, high=90, help="Largest roll")
    scale: float = setting(0.08, low=0, high=0.5, help="Largest relative change of size")
    shift: float = setting(0.03, low=0, high=0.5, help="Largest shift, as a fraction of the side")
    color: float = setting(0.25, low=0, high=0.9, help="Strength of changes of colour")
    wear: float = setting(0.4, low=0, high=1, help="Share that is blurred, noisy or compressed")

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


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
    diff_augment: str = setting(
        "",
        metavar="KIND,...",
        help="Vary what is judged: color, translation, cutout; not for warm-start",
    )

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class OptimConfig:
    """Steps of the optimisers and how they change."""

    lr: float = setting(2e-4, low=0, low_open=True, help="Step of the generators' optimiser")
    lr_discriminator: float = setting(
        2e-4, low=0, low_open=True, help="Step of the discriminators' optimiser"
    )
    optimizer: str = setting(
        "adam", choices=("adam", "adamw", "rmsprop", "sgd"), help="Optimiser of all networks"
    )
    beta1: float = setting(
        0.5, low=0, high=1, high_open=True, help="First momentum; of rmsprop and sgd the momentum"
    )
    lr_policy: str = setting(
        "constant",
        choices=("constant", "linear", "cosine", "step", "plateau"),
        help="How the step changes: linear or cosine to 0 over the last lr-decay images; step: a "
        "tenth every lr-decay images; plateau: a fifth when the losses stay for lr-decay images",
    )
    lr_decay_images: int = setting(
        0,
        low=0,
        flags=("--lr-decay",),
        metavar="N",
        default_text="0: the whole run, or a quarter of it for step and plateau",
        help="Images that lr-policy counts",
    )
    n_epochs: int = setting(
        0,
        low=0,
        default_text="0: --images says how long",
        help="Passes over the bare faces at the full step",
    )
    n_epochs_decay: int = setting(
        0, low=0, help="Further passes, over which lr-policy linear or cosine brings the step to 0"
    )

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class WarmStartConfig:
    """The paired warm start: see `trainers.gan.warm_start.WarmStartOptions`."""

    directions: str = setting(
        "both", choices=("both", "mask", "unmask"), help="Which generators learn"
    )
    gan_mode: str = setting("hinge", choices=("lsgan", "vanilla", "hinge"), help="Adversary's loss")
    lambda_l1: float = setting(10.0, low=0, help="L1 under the mask")
    lambda_keep: float = setting(1.0, low=0, help="L1 of the whole painted picture")
    lambda_outline: float = setting(2.0, low=0, help="Outline against the drawn one")
    lambda_perceptual: float = setting(2.0, low=0, help="Features of O-Net")
    lambda_gan: float = setting(0.3, low=0, help="Adversary")
    lambda_features: float = setting(3.0, low=0, help="Features of the adversary")
    lambda_real: float = setting(0.3, low=0, help="Adversary on real masked faces")
    gan_from: int = setting(4000, low=0, help="Images seen before the adversary joins")

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class CycleganConfig:
    """CycleGAN: see `trainers.gan.cyclegan.CycleganOptions`. A is bare, B is masked."""

    gan_mode: str = setting(
        "lsgan", choices=("lsgan", "vanilla", "hinge", "wgan-gp"), help="Adversary's loss"
    )
    cycle_loss: str = setting("l1", choices=("l1", "l2"), help="Measure of the cycle")
    lambda_A: float = setting(10.0, low=0, help="Cycle bare, masked, bare")
    lambda_B: float = setting(10.0, low=0, help="Cycle masked, bare, masked")
    lambda_identity: float = setting(0.5, low=0, help="Identity, as a share of the cycles")
    lambda_gan: float = setting(1.0, low=0, help="Adversaries")
    lambda_perceptual: float = setting(0.0, low=0, help="Features of O-Net in the cycles")
    pool_size: int = setting(50, low=0, help="Fakes kept for the discriminators")

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class Pix2pixConfig:
    """pix2pix on drawn pairs: see `trainers.gan.pix2pix.Pix2pixOptions`."""

    direction: str = setting("mask", choices=("mask", "unmask"), help="What is learnt")
    gan_mode: str = setting(
        "vanilla", choices=("lsgan", "vanilla", "hinge", "wgan-gp"), help="Adversary's loss"
    )
    lambda_L1: float = setting(100.0, low=0, help="L1 to the target")
    lambda_gan: float = setting(1.0, low=0, help="Adversary")

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class CutConfig:
    """CUT: see `trainers.gan.cut.CutOptions`."""

    direction: str = setting("mask", choices=("mask", "unmask"), help="What is learnt")
    gan_mode: str = setting(
        "lsgan", choices=("lsgan", "vanilla", "hinge", "wgan-gp"), help="Adversary's loss"
    )
    lambda_gan: float = setting(1.0, low=0, help="Adversary")
    lambda_NCE: float = setting(1.0, low=0, help="Contrast of patches")
    nce_idt: bool = setting(True, help="Contrast also pictures that need no change")
    flip_equivariance: bool = setting(False, help="Mirror half of the inputs")
    num_patches: int = setting(256, low=2, help="Patches compared in each picture and layer")

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class ExtrasConfig:
    """Losses added to cyclegan's, pix2pix's and cut's: see `trainers.gan.extras.ExtraOptions`."""

    lambda_eyes: float = setting(0.0, low=0, help="Eyes stay as they are")
    lambda_edges: float = setting(0.0, low=0, help="Edges at the eyes stay as they are")
    lambda_alpha_area: float = setting(0.0, low=0, help="Change little")
    lambda_alpha_binary: float = setting(0.0, low=0, help="Alpha is 0 or 1")
    lambda_alpha_smooth: float = setting(0.0, low=0, help="Alpha has few borders")
    lambda_equivariance: float = setting(0.0, low=0, help="A moved crop is translated alike")

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


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How long, where and with what records."""

    images: int = setting(200_000, low=1, metavar="N", help="Images to see in all")
    batch_size: int = setting(16, low=1, metavar="N", help="Images a step")
    device: str = setting("auto", metavar="auto|cpu|cuda[:i]", help="Where the networks run")
    precision: str = setting(
        "auto",
        choices=("auto", "fp32", "bf16"),
        help="Of autocast; norms, losses and weights stay in fp32; auto is bf16 where it is native",
    )
    n_threads: int = setting(0, low=0, metavar="N", help="Of torch on the CPU; 0 is its own choice")
    ema_halflife_images: float = setting(
        11_000.0,
        low=0,
        flags=("--ema-halflife",),
        metavar="N",
        help="Images after which the average of the weights has forgotten half; 0 is no average",
    )
    ema_rampup: float = setting(
        0.07, low=0, help="Longest half-life as a share of the images seen so far"
    )
    stats_every: int = setting(800, low=1, metavar="N", help="Images between lines of statistics")
    preview_every: int = setting(
        8000, low=0, metavar="N", help="Images between preview pictures; 0 is none"
    )
    measure_every: int = setting(
        16_000,
        low=0,
        metavar="N",
        help="Images between measures on the faces set aside, the best of which is kept; 0 is none",
    )
    checkpoint_every: int = setting(8000, low=1, metavar="N", help="Images between checkpoints")
    keep_checkpoints: int = setting(2, low=1, metavar="N", help="Newest checkpoints kept")
    tensorboard: bool = setting(
        False, help="Write statistics and previews as TensorBoard's event files too"
    )
    run_dir: Path = setting(Path("runs"), metavar="FOLDER", help="Where run folders are made")
    progress: str = setting(
        "auto", choices=("auto", "line", "json", "none"), help="Progress on stderr"
    )

    def __post_init__(self) -> None:
        """Check values."""
        check(self)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides what a training run does."""

    name: str = setting("run", metavar="NAME", help="Goes into the run folder's name")
    method: str = setting("warm-start", choices=METHODS, help="How the generators are trained")
    data: DataConfig = field(default_factory=DataConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    mask: GeneratorConfig = field(default_factory=GeneratorConfig)
    unmask: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    warm_start: WarmStartConfig = field(default_factory=WarmStartConfig)
    cyclegan: CycleganConfig = field(default_factory=CycleganConfig)
    pix2pix: Pix2pixConfig = field(default_factory=Pix2pixConfig)
    cut: CutConfig = field(default_factory=CutConfig)
    extras: ExtrasConfig = field(default_factory=ExtrasConfig)
    start: StartConfig = field(default_factory=StartConfig)
    run: RunConfig = field(default_factory=RunConfig)

    def __post_init__(self) -> None:
        """Check values, and those that depend on each other."""
        check(self)
        if self.data.load_size_px < self.data.crop_size_px:
            raise ConfigError(
                f"data.load_size_px: got {self.data.load_size_px}, expected at least "
                f"data.crop_size_px, {self.data.crop_size_px}."
            )
        self._refuse_what_has_no_effect()
        if not self.name.replace("-", "").replace("_", "").replace(".", "").isalnum():
            raise ConfigError(f"name: got {self.name!r}, expected letters, digits, '-', '_', '.'.")
        for section in ("mask", "unmask"):
            generator: GeneratorConfig = getattr(self, section)
            depth = generator.n_downsampling if generator.architecture == "unet" else None
            if depth is not None and 2**depth > self.data.crop_size_px:
                raise ConfigError(
                    f"{section}.n_downsampling: got {depth}, expected at most "
                    f"{self.data.crop_size_px.bit_length() - 1} at {self.data.crop_size_px} px."
                )

    def _refuse_what_has_no_effect(self) -> None:
        """A weight or kind that the method never looks at is a mistake, not a preference."""
        if self.method != "warm-start":
            return
        if self.discriminator.diff_augment:
            raise ConfigError("discriminator.diff_augment: warm-start has none; leave it empty.")
        if self.extras != ExtrasConfig():
            raise ConfigError("extras: warm-start adds none to its own losses; leave them at 0.")
