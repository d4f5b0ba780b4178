"""Options of training a styled mask generator."""

from dataclasses import dataclass
from pathlib import Path

from facemask_video.config.settings import Checked, check, section, setting
from facemask_video.core.errors import ConfigError
from trainers.config.faces import TrainingFacesConfig


@dataclass(frozen=True, slots=True)
class StyledMaskConfig(Checked):
    """Weights of its losses, and steps of its optimisers."""

    lr: float = setting(4e-4, low=0, low_open=True, help="Step of generator and encoder")
    lr_discriminator: float = setting(2e-4, low=0, low_open=True, help="Step of the discriminator")
    ndf: int = setting(32, low=1, help="Channels of the discriminator's first layer")
    lambda_l1: float = setting(10.0, low=0, help="Weight of the L1 distance to the photograph")
    lambda_edge: float = setting(30.0, low=0, help="Weight of the distance between gradients")
    lambda_region: float = setting(2.0, low=0, help="Weight of where the mask lies")
    lambda_perceptual: float = setting(2.0, low=0, help="Weight of O-Net's features")
    lambda_gan: float = setting(1.0, low=0, help="Weight of the adversary")
    lambda_features: float = setting(100.0, low=0, help="Weight of feature matching")
    lambda_style: float = setting(0.5, low=0, help="Weight of the style read off a transfer")
    lambda_eyes: float = setting(5.0, low=0, help="Weight of cloth over the eyes")
    style_noise: float = setting(0.05, low=0, help="Noise added to a style in training")
    n_transfers: int = setting(6, low=2, help="Faces of a batch that get somebody else's mask")
    gan_from: int = setting(4000, low=0, help="Images seen before the adversary comes in")
    place_from: int = setting(
        8000, low=0, help="Images seen before masks are painted where the generator puts them"
    )


@dataclass(frozen=True, slots=True)
class StyledRunConfig:
    """How long it is trained, and where."""

    images: int = setting(200_000, low=8, help="Images to see")
    batch_size: int = setting(8, low=4, help="Images a step")
    crop_size_px: int = setting(
        128,
        flags=("--size",),
        metavar="PX",
        low=128,
        high=256,
        help="Side of the crops, 128 or 256",
    )
    seed: int = setting(1, low=0, help="Of weights and samples")
    n_workers: int = setting(1, low=0, help="Processes that prepare samples")
    device: str = setting("auto", help="Where it trains: auto, cpu, cuda or cuda:N")

    def __post_init__(self) -> None:
        check(self)
        if self.crop_size_px not in (128, 256):
            raise ConfigError(f"run.crop_size_px: got {self.crop_size_px}, expected 128 or 256.")


@dataclass(frozen=True, slots=True)
class StyledNetworksConfig(Checked):
    """What takes the masks off the photographs first."""

    unmask: Path | None = setting(
        None,
        flags=("--unmask-weights",),
        metavar="FILE",
        default_text="the shipped ones",
        help="Two-stage generator that takes masks off",
    )
    classifier: Path | None = setting(
        None,
        metavar="FILE",
        default_text="the shipped one",
        help="Classifier that says whether that worked",
    )


@dataclass(frozen=True, slots=True)
class StyledMaskTrainingConfig:
    """Everything that the training of a styled mask generator depends on."""

    faces: TrainingFacesConfig = section(TrainingFacesConfig, "Faces")
    networks: StyledNetworksConfig = section(StyledNetworksConfig, "Networks")
    losses: StyledMaskConfig = section(StyledMaskConfig, "Losses")
    run: StyledRunConfig = section(StyledRunConfig, "Run")
